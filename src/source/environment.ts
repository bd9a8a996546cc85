/** The environment of a run's sources, made here for the command line and the library: store, session, network. */
import type { NetworkOptions, Session, SourceEnv, Store, StoreAdmin } from '../contract/index.ts';
import type { Variables } from '../core/home.ts';
import { defaultPlatform } from '../core/platform.ts';
import type { Progress } from '../core/progress.ts';
import { claimTemporaryCacheDir } from './cache-dir.ts';
import { createSession } from './session.ts';

/** Default retries, waits and limits. */
export const DEFAULT_NETWORK: NetworkOptions = {
  plainHttp: [],
  insecure: [],
  mirrors: [],
  retry: 5,
  maxWait: 300_000,
  stallTimeout: 60_000,
  parallel: 4,
};

/** The shared cache; its members have the names of the flags. */
export interface SharingOptions {
  /** Where sources look up content that its pin proves: `docker-image://HOST/REPOSITORY`. */
  readonly cacheFrom?: string | undefined;
  /** Where they put it. */
  readonly cacheTo?: string | undefined;
  /** What was fetched with a credential is put there too. */
  readonly cachePrivate?: boolean | undefined;
}

export interface EnvironmentOptions {
  /** The cache directory, absolute. */
  readonly cacheDir: string;
  readonly offline?: boolean | undefined;
  readonly statCache?: boolean | undefined;
  readonly network?: Partial<NetworkOptions> | undefined;
  /** Limits on what is read of a source. */
  readonly limits?: SourceEnv['limits'];
  /** That of references which name none; this machine's when absent. */
  readonly defaultPlatform?: ReturnType<typeof defaultPlatform> | undefined;
  /** A docker config.json with credentials, used before every other place. */
  readonly registryConfig?: string | undefined;
  readonly sharing?: SharingOptions | undefined;
  /** The environment for finding credentials (DOCKER_CONFIG, …); default: that of the process. */
  readonly env?: Variables | undefined;
  readonly progress: Progress;
}

/** Environment and session of one run. `close` releases the leases and locks of this process. */
export interface Environment {
  readonly env: SourceEnv;
  readonly session: Session;
  readonly store: Store & StoreAdmin;
  close(): Promise<void>;
}

/** Opens the store and makes a session, which looks credentials up when a server first asks for one. */
export async function openEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const network = { ...DEFAULT_NETWORK, ...options.network };
  const { sharing = {}, offline = false } = options;
  const shares = sharing.cacheFrom ?? sharing.cacheTo ?? sharing.cachePrivate;
  const sharedCache =
    shares === undefined ? undefined : (await import('./shared-cache.ts')).sharedCacheOf(sharing, network, offline);
  claimTemporaryCacheDir(options.cacheDir);
  const { openStore } = await import('../store/store.ts');
  const store = await openStore({ root: options.cacheDir, progress: options.progress, limits: options.limits });
  const lookup = async () => {
    const { createCredentialLookup } = await import('../registry/auth/credentials.ts');
    return createCredentialLookup({
      registryConfig: options.registryConfig,
      env: options.env ?? process.env,
    });
  };
  let credentials: ReturnType<typeof lookup> | undefined;
  const session = createSession({
    credentials: async (host, repository) => {
      credentials ??= lookup();
      return (await credentials)(host, repository);
    },
  });
  const { platform, asked } = options.defaultPlatform ?? defaultPlatform({});
  const env: SourceEnv = {
    store,
    offline,
    statCache: options.statCache ?? true,
    network,
    sharedCache,
    limits: options.limits,
    defaultPlatform: platform,
    platformAsked: asked,
  };
  const close = async (): Promise<void> => {
    await sharedCache?.close();
    await store.close();
  };
  return { env, session, store, close };
}
