declare const __CTXSRC_VERSION__: string | undefined;

/** The version of this package; `0.0.0-dev` when it runs from its sources. */
export const VERSION: string = typeof __CTXSRC_VERSION__ === 'string' ? __CTXSRC_VERSION__ : '0.0.0-dev';
