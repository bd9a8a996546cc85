/** The source contract in one import. */
export type * from './attributes.ts';
export type * from './entry.ts';
export type * from './ref.ts';
export type * from './session.ts';
export type * from './shared-cache.ts';
export type * from './source.ts';
export { NO_CACHE_OPTS } from './source.ts';
export type * from './store.ts';
