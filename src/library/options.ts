/** The options of the library's functions: their types, and the checks of what a program hands over. */
import type { NetworkOptions, Source } from '../contract/index.ts';
import { arrayOf, type Check, call, flag, having, nonEmpty } from '../core/check-options.ts';
import type { ProgressEvent } from '../core/progress.ts';
import type { ReadLimits } from '../core/read-limits.ts';
import type { AttributesOf } from './attributes.ts';
import { LIMITS, NETWORK, SIGNAL } from './option-checks.ts';

/** Where the store lies and how servers are reached. */
export interface EnvironmentOptions {
  /** The store; the one that the command line would use when absent. */
  readonly cacheDir?: string | undefined;
  /** Opens no connection: what is missing is `E_OFFLINE`. */
  readonly offline?: boolean | undefined;
  /** Retries, mirrors, TLS; durations in milliseconds. */
  readonly network?: Partial<NetworkOptions> | undefined;
  /** A docker config.json with credentials. */
  readonly registryConfig?: string | undefined;
  /**
   * Repository (`docker-image://HOST/REPOSITORY`) in which http sources look up a file of known digest before they
   * ask its origin.
   */
  readonly cacheFrom?: string | undefined;
  /** Repository that they put files into that came from their origin. */
  readonly cacheTo?: string | undefined;
  /** Also what was fetched with a credential is put there. */
  readonly cachePrivate?: boolean | undefined;
  /** Sources beside the built-in ones. */
  readonly sources?: readonly Source[] | undefined;
}

/** An opened store with its connections and credentials, to be shared by many calls: `openEnvironment` makes it. */
export interface Environment extends AsyncDisposable {
  /** The store's directory, absolute. */
  readonly cacheDir: string;
  /**
   * Gives free what the calls used: until then nothing that they fetched is collected. `await using` calls it. Any
   * number of times; a call that still runs is not waited for.
   */
  close(): Promise<void>;
}

/** What a call that does work takes. */
export interface CallOptions {
  /** Ends the call: the promise rejects with the signal's reason, and nothing half-made is left. */
  readonly signal?: AbortSignal | undefined;
  /** Gets each event of progress, at once; what it throws is thrown by the call. */
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  /**
   * An error instead of a warning: what is doubtful (an image for another platform than was asked for), incomplete, and
   * in a snapshot what would be lost.
   */
  readonly strict?: boolean | undefined;
  /** Most that is read or received of a source (`E_LIMIT`): bytes and files. */
  readonly limits?: ReadLimits | undefined;
}

/** The environment of a call: an opened one, or the options to open one for this call alone. */
export interface PlaceOptions extends EnvironmentOptions, CallOptions {
  /** An opened environment, instead of the options that say where the store lies and how servers are reached. */
  readonly environment?: Environment | undefined;
}

/** What every function takes that is given a reference. Names that are not known are refused (`E_USAGE`), as are values of another type. */
export interface Options<Reference extends string = string> extends PlaceOptions {
  /** The flags of the source by their names: `{ platform: 'linux/arm64' }` of an image. */
  readonly attributes?: AttributesOf<Reference> | undefined;
  /** A lock file: a reference that is a name in it is its entry, pinned to what was locked. */
  readonly lock?: string | undefined;
}

/** Checks of the members of `EnvironmentOptions`. */
export const ENVIRONMENT = {
  cacheDir: nonEmpty,
  offline: flag,
  network: NETWORK,
  registryConfig: nonEmpty,
  cacheFrom: nonEmpty,
  cacheTo: nonEmpty,
  cachePrivate: flag,
  sources: arrayOf(
    having('a source', { schemes: 'object', attributes: 'object', identify: 'function', resolve: 'function' }),
  ),
} satisfies Record<keyof EnvironmentOptions, Check>;

/** Checks of the members of `PlaceOptions`. */
export const PLACE = {
  ...ENVIRONMENT,
  environment: having('an opened environment', { close: 'function' }),
  signal: SIGNAL,
  onProgress: call,
  strict: flag,
  limits: LIMITS,
} satisfies Record<keyof PlaceOptions, Check>;

/** Checks of the members of `Options`; which attributes there are says the source of the reference. */
export const OPTIONS = { ...PLACE, attributes: having('an object', {}), lock: nonEmpty } satisfies Record<
  keyof Options,
  Check
>;
