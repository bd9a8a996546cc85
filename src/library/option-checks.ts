/** The options that the library accepts. */
import type { NetworkOptions, WriteOptions } from '../contract/index.ts';
import type { WriteFilter, WriteLimits } from '../contract/ref.ts';
import {
  arrayOf,
  type Check,
  call,
  count,
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
import type { ReadLimits } from '../core/read-limits.ts';

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

const READ_LIMITS = { maxBytes: positive, maxFiles: positive } satisfies Record<keyof ReadLimits, Check>;
const WRITE_LIMITS = { ...READ_LIMITS, maxRatio: positive } satisfies Record<keyof WriteLimits, Check>;

export const LIMITS: Check = members(READ_LIMITS);

const FILTER = { subpath: text, include: list, exclude: list } satisfies Record<keyof WriteFilter, Check>;

export const WRITE: Check = members({
  owner: oneOf('auto', 'preserve', 'current'),
  mode: oneOf('auto', 'copy', 'reflink', 'hardlink'),
  limits: members(WRITE_LIMITS),
  filter: members(FILTER),
  epoch: wholeNumber,
  earlier: call,
} satisfies Record<keyof WriteOptions, Check>);
