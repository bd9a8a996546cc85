/** The options that the library accepts. */
import type { NetworkOptions, SourceEnv, WriteOptions } from '../contract/index.ts';
import type { WriteFilter, WriteLimits } from '../contract/ref.ts';
import {
  arrayOf,
  type Check,
  call,
  count,
  flag,
  having,
  list,
  members,
  milliseconds,
  nonEmpty,
  oneOf,
  positive,
  text,
  wholeNumber,
} from '../core/check-options.ts';

const MIRROR = { host: nonEmpty, mirror: nonEmpty } satisfies Record<keyof NetworkOptions['mirrors'][number], Check>;

export const NETWORK: Check = members({
  plainHttp: list,
  insecure: list,
  caFile: nonEmpty,
  clientCert: nonEmpty,
  clientKey: nonEmpty,
  netrc: nonEmpty,
  allowAddress: list,
  mirrors: arrayOf(members(MIRROR)),
  retry: count(0),
  maxWait: milliseconds,
  stallTimeout: milliseconds,
  parallel: count(1),
} satisfies Record<keyof NetworkOptions, Check>);

export const SIGNAL: Check = having('an AbortSignal', { aborted: 'boolean', addEventListener: 'function' });

/** What every function that takes a reference takes, but for the attributes of its source. */
export const COMMON = {
  cacheDir: nonEmpty,
  offline: flag,
  network: NETWORK,
  limits: members({ maxBytes: positive, maxFiles: positive } satisfies Record<
    keyof NonNullable<SourceEnv['limits']>,
    Check
  >),
  registryConfig: nonEmpty,
  sources: arrayOf(
    having('a source', { schemes: 'object', attributes: 'object', identify: 'function', resolve: 'function' }),
  ),
  strict: flag,
  signal: SIGNAL,
  onProgress: call,
};

const LIMITS = { maxBytes: positive, maxFiles: positive, maxRatio: positive } satisfies Record<
  keyof WriteLimits,
  Check
>;
const FILTER = { subpath: text, include: list, exclude: list } satisfies Record<keyof WriteFilter, Check>;

export const WRITE: Check = members({
  owner: oneOf('auto', 'preserve', 'current'),
  mode: oneOf('auto', 'copy', 'reflink', 'hardlink'),
  limits: members(LIMITS),
  filter: members(FILTER),
  epoch: wholeNumber,
  earlier: call,
} satisfies Record<keyof WriteOptions, Check>);
