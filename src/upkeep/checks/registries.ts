/** The configured registries: one request each. */
import { basename, dirname, resolve } from 'node:path';
import { type ErrorCode, isCtxsrcError } from '../../core/errors.ts';
import { findProgram } from '../../core/programs.ts';
import { silentProgress } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { configuredRegistries } from '../../registry/auth/configured.ts';
import { configFiles, createCredentialLookup } from '../../registry/auth/credentials.ts';
import { entryForHost, parseDockerConfig } from '../../registry/auth/docker-config.ts';
import { type CredentialTest, testCredentials } from '../../registry/credential-test.ts';
import { createSession } from '../../source/session.ts';
import { type Finding, findingOf, homelyWord, type NamedCheck, type Surroundings } from '../check.ts';

const OUTCOMES: Readonly<Record<CredentialTest, string>> = {
  accepted: 'the credential is accepted',
  anonymous: 'asks for no credential',
  'anonymous-token': 'anonymous',
};

/** Clocks that differ by more make tokens and certificates invalid. */
const CLOCK_SECONDS = 300;
const CLOCK_HINT = 'set the clock of the one that is wrong: tokens and certificates are refused by it';

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
    const { outcome, date } = await testCredentials(
      { session, signal, progress: silentProgress, strict: false },
      { network: { ...network, retry: 0 }, registry: host, env },
    );
    const ms = Math.round(performance.now() - started);
    const text = `${ms} ms, ${OUTCOMES[outcome]}`;
    const ahead = Math.round((Date.now() - Date.parse(date ?? '')) / 1000);
    const facts = { ms, outcome, clock: Number.isNaN(ahead) ? null : ahead };
    if (!(Math.abs(ahead) > CLOCK_SECONDS)) return { status: 'ok', text, facts };
    const clock = `the clock here is ${Math.abs(ahead).toLocaleString('en')} s ${ahead > 0 ? 'ahead of' : 'behind'} its`;
    return { status: 'warn', text: `${text}; ${clock}`, facts, hint: CLOCK_HINT };
  } catch (error) {
    const needsLogin = isCtxsrcError(error) && LOGIN.includes(error.code);
    return findingOf(error, env, needsLogin ? loginHelp(host, registryConfig, env) : undefined);
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
  const { auths } = parseDockerConfig(env.DOCKER_AUTH_CONFIG ?? '') ?? {};
  if (auths !== undefined && entryForHost(auths, host) !== undefined)
    return { hint: 'correct DOCKER_AUTH_CONFIG, or unset it and log in: it is used before any file' };
  const program = findProgram('docker', env) === undefined ? LOGINS.find((name) => findProgram(name, env)) : undefined;
  const [file] = configFiles(env);
  if (program === undefined || file === undefined) return { mend: `docker login ${word}` };
  return { mend: `${program} login --authfile ${homelyWord(file, env)} ${word}` };
}
