/** Credentials of registries: `ctxsrc auth`. */
import type { NetworkOptions } from '../contract/source.ts';
import { type Check, call, flag, given, members, nonEmpty } from '../core/check-options.ts';
import { DEFAULT_NETWORK } from '../source/environment.ts';
import { createSession } from '../source/session.ts';
import type { AuthReport } from '../upkeep/auth.ts';
import { NETWORK, SIGNAL } from './option-checks.ts';
import type { CallOptions } from './options.ts';
import { progressOf, untilAborted } from './place.ts';

/** Options of `auth`. */
export interface AuthOptions extends Pick<CallOptions, 'signal' | 'onProgress'> {
  /** For pushing to this repository of the registry. */
  readonly push?: string | undefined;
  /** Also try it, by one request; for `push` by an upload that is begun and ended. */
  readonly test?: boolean | undefined;
  /** Retries, mirrors, TLS; durations in milliseconds. */
  readonly network?: Partial<NetworkOptions> | undefined;
  /** A docker config.json with credentials. */
  readonly registryConfig?: string | undefined;
}

const AUTH = {
  push: nonEmpty,
  test: flag,
  network: NETWORK,
  registryConfig: nonEmpty,
  signal: SIGNAL,
  onProgress: call,
} satisfies Record<keyof AuthOptions, Check>;

/**
 * Which credential would be used for a registry, and why not the others. Secrets are not in the report.
 * @param registry `HOST[:PORT]`
 * @throws CtxsrcError `E_USAGE` for what is no registry, `E_CONFIG`; with `test` `E_UNAUTHORIZED`, `E_FORBIDDEN` and others of a registry
 */
export async function auth(registry: string, options: AuthOptions = {}): Promise<AuthReport> {
  nonEmpty(registry, 'registry');
  members(AUTH)(options, '');
  const { push, test = false, network = {}, registryConfig } = options;
  const { env } = process;
  const [{ authReport, testAccess }, { createCredentialLookup }] = await Promise.all([
    import('../upkeep/auth.ts'),
    import('../registry/auth/credentials.ts'),
  ]);
  return untilAborted(options.signal, async (signal) => {
    const report = await authReport({ registry, push, registryConfig, env, signal });
    if (!test) return report;
    const session = createSession({ credentials: createCredentialLookup({ registryConfig, env }) });
    const job = { session, signal, progress: progressOf(options.onProgress) };
    return { ...report, tested: await testAccess(job, report, { ...DEFAULT_NETWORK, ...given(network) }, env) };
  });
}
