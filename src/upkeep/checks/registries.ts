/** The configured registries: one request each. */
import { basename, dirname, resolve } from 'node:path';
import { type ErrorCode, isCtxsrcError } from '../../core/errors.ts';
import { findProgram } from '../../core/programs.ts';
import { silentProgress } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { configuredRegistries } from '../../registry/auth/configured.ts';
import { createCredentialLookup } from '../../registry/auth/credentials.ts';
import { type CredentialTest, testCredentials } from '../../registry/credential-test.ts';
import { createSession } from '../../source/session.ts';
import { type Finding, failureOf, homelyWord, type NamedCheck, type Surroundings } from '../check.ts';

const OUTCOMES: Readonly<Record<CredentialTest, string>> = {
  accepted: 'the credential is accepted',
  anonymous: 'asks for no credential',
  'anonymous-token': 'anonymous',
};

export function registries({ network, env, registryConfig }: Surroundings): readonly NamedCheck[] {
  return configuredRegistries(network, env, registryConfig).map((host) => ({
    id: `registry:${host}`,
    run: (given) => registry(host, given),
  }));
}

async function registry(host: string, { env, network, registryConfig, signal }: Surroundings): Promise<Finding> {
  const started = performance.now();
  const session = createSession({ credentials: createCredentialLookup({ registryConfig, env }) });
  try {
    const outcome = await testCredentials(
      { session, signal, progress: silentProgress, strict: false },
      { network: { ...network, retry: 0 }, registry: host, env },
    );
    const ms = Math.round(performance.now() - started);
    return { status: 'ok', text: `${ms} ms, ${OUTCOMES[outcome]}`, facts: { ms, outcome } };
  } catch (error) {
    const needsLogin = isCtxsrcError(error) && LOGIN.includes(error.code);
    return failureOf(error, env, needsLogin ? loginHelp(host, registryConfig, env) : undefined);
  }
}

/** Failures that a login may mend. */
const LOGIN: readonly ErrorCode[] = ['E_UNAUTHORIZED', 'E_FORBIDDEN', 'E_CREDENTIALS'];

/** Programs that log in with a file of any name, the first that is there. */
const LOGINS = ['podman', 'skopeo', 'buildah'];

/** A login into the place that is asked first, for its credential decides whatever the others have. */
function loginHelp(
  host: string,
  registryConfig: string | undefined,
  env: Surroundings['env'],
): Pick<Finding, 'mend' | 'hint'> {
  const word = shellWord(host);
  if (registryConfig !== undefined) {
    const path = resolve(registryConfig);
    if (basename(path) === 'config.json' && findProgram('docker', env) !== undefined)
      return { mend: `docker --config ${homelyWord(dirname(path), env)} login ${word}` };
    const program = LOGINS.find((name) => findProgram(name, env) !== undefined) ?? LOGINS[0];
    return { mend: `${program} login --authfile ${homelyWord(path, env)} ${word}` };
  }
  if (env.CTXSRC_REGISTRY === host && (env.CTXSRC_TOKEN || env.CTXSRC_PASSWORD))
    return { hint: 'correct CTXSRC_USERNAME and CTXSRC_PASSWORD, or CTXSRC_TOKEN: they are used before any file' };
  return { mend: `docker login ${word}` };
}
