/**
 * Which credential is used for a registry: that of the first place below that has one. A place that fails (a helper
 * that is missing or broken, a file that cannot be read) is skipped like an empty one, and its failure is remembered:
 * it is reported if there is no other credential and the registry requires one.
 *
 * 1. the file of --registry-config
 * 2. CTXSRC_REGISTRY with CTXSRC_USERNAME and CTXSRC_PASSWORD, or CTXSRC_TOKEN, for that host alone
 * 3. DOCKER_AUTH_CONFIG
 * 4. config.json in DOCKER_CONFIG, else in ~/.docker
 * 5. REGISTRY_AUTH_FILE, else containers/auth.json in XDG_RUNTIME_DIR, then in XDG_CONFIG_HOME or ~/.config
 *
 * Within a file: an entry for the repository or a namespace above it, the helper named for the host, the store named
 * for all hosts, the entry for the host.
 */
import { join } from 'node:path';
import type { Credential } from '../../contract/session.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { homeOf, type Variables } from '../../core/home.ts';
import { printable } from '../../core/printable.ts';
import { readNamedFile } from '../../fs/small-file.ts';
import { DOCKER_HUB_AUTH_KEY, isDockerHub, sameRegistry } from '../../http/host.ts';
import {
  basic,
  type DockerConfig,
  type EntryContent,
  entryContent,
  entryForHost,
  entryForRepository,
  nearMisses,
  parseDockerConfig,
} from './docker-config.ts';
import { askHelper, type HelperAnswer } from './helper.ts';

/** A place whose credential is not used, and why. */
export interface PassedOver {
  /** For people: a path, an environment variable. */
  readonly place: string;
  /** For people: why it is not used. */
  readonly reason: string;
  /** The place should have a credential but failed. */
  readonly failed: boolean;
  /** What to do about the failure. */
  readonly hint?: string | undefined;
}

export interface CredentialReport {
  /** `host[:port]` as the user wrote it. */
  readonly registry: string;
  /** The credential that is used; undefined: anonymous. */
  readonly credential: Credential | undefined;
  readonly passedOver: readonly PassedOver[];
}

export interface CredentialOptions {
  /** File of `--registry-config`: it must exist and be readable. */
  readonly registryConfig?: string | undefined;
  /** Default: the environment of the process. */
  readonly env?: Variables | undefined;
  /** Time limit of a credential helper in milliseconds. */
  readonly helperTimeout?: number | undefined;
}

const HELPER_TIMEOUT = 30_000;

interface Place {
  readonly name: string;
  look(host: string, repository: string | undefined): Promise<Found>;
}

type Found =
  | { readonly credential: Credential; readonly passed?: readonly PassedOver[] }
  | { readonly passed: readonly PassedOver[] };

/**
 * The lookup that a session offers to sources: the credential for a host and, where there are entries for repositories,
 * for a repository. Files are read and helpers run once. Errors: E_CONFIG when the file of --registry-config cannot be
 * used; E_CREDENTIALS when no place has a credential and one of them failed.
 */
export function createCredentialLookup(
  options: CredentialOptions,
): (host: string, repository?: string) => Promise<Credential | undefined> {
  const explain = createExplainer(options);
  return async (host, repository) => {
    const { credential, passedOver } = await explain(host, repository);
    if (credential !== undefined) return credential;
    const failure = passedOver.find((passed) => passed.failed);
    if (failure === undefined) return undefined;
    const message = `the credential for ${host} cannot be had: ${failure.place}: ${failure.reason}`;
    throw new CtxsrcError('E_CREDENTIALS', message, {
      hint: failure.hint ?? `see what was tried: ctxsrc auth ${host}`,
      details: { host, place: failure.place },
    });
  };
}

/**
 * Which credential would be used for a registry, and why those of the other places are not. Sends no request. Errors:
 * E_CONFIG as above.
 */
export function explainCredentials(
  options: CredentialOptions & { readonly registry: string; readonly repository?: string | undefined },
): Promise<CredentialReport> {
  return createExplainer(options)(options.registry, options.repository);
}

function createExplainer(options: CredentialOptions): (host: string, repository?: string) => Promise<CredentialReport> {
  const places = placesOf(options);
  return async (host, repository) => {
    let credential: Credential | undefined;
    const passedOver: PassedOver[] = [];
    for (const place of places) {
      if (credential !== undefined) {
        passedOver.push(...pass(place.name, 'not looked at: a place before it has a credential').passed);
        continue;
      }
      const found = await place.look(host, repository);
      passedOver.push(...(found.passed ?? []));
      if ('credential' in found) credential = found.credential;
    }
    return { registry: host, credential, passedOver };
  };
}

function placesOf(options: CredentialOptions): readonly Place[] {
  const { env = process.env, registryConfig, helperTimeout = HELPER_TIMEOUT } = options;
  const helpers = createHelpers(env, helperTimeout);
  const file = (name: string, path: string, required = false): Place => filePlace(name, path, required, helpers);
  const places: Place[] = [];
  if (registryConfig !== undefined) places.push(file(`--registry-config ${registryConfig}`, registryConfig, true));
  places.push(environmentPlace(env), documentPlace(env.DOCKER_AUTH_CONFIG, helpers));
  for (const path of configFiles(env)) places.push(file(path, path));
  return places;
}

/** The files of docker and podman that may name credentials, in the order in which they are looked at. */
export function configFiles(env: Variables): readonly string[] {
  const home = homeOf(env);
  const dockerDir = env.DOCKER_CONFIG || (home && join(home, '.docker'));
  return [...(dockerDir === undefined ? [] : [join(dockerDir, 'config.json')]), ...containersFiles(env, home)];
}

function containersFiles(env: Variables, home: string | undefined): readonly string[] {
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE];
  const runtime = env.XDG_RUNTIME_DIR
    ? join(env.XDG_RUNTIME_DIR, 'containers', 'auth.json')
    : process.platform === 'linux'
      ? `/run/containers/${process.getuid?.() ?? 0}/auth.json`
      : undefined;
  const configHome = env.XDG_CONFIG_HOME || (home && join(home, '.config'));
  const config = configHome && join(configHome, 'containers', 'auth.json');
  return [runtime, config].filter((path) => path !== undefined);
}

type Helpers = (name: string, key: string) => Promise<HelperAnswer>;

function createHelpers(env: Variables, timeout: number): Helpers {
  const asked = new Map<string, Promise<HelperAnswer>>();
  return (name, key) => getOrMake(asked, `${name}\n${key}`, () => askHelper(name, key, env, timeout));
}

function environmentPlace(env: Variables): Place {
  const name = 'CTXSRC_REGISTRY';
  const { CTXSRC_REGISTRY: registry, CTXSRC_USERNAME: username, CTXSRC_PASSWORD: password, CTXSRC_TOKEN: token } = env;
  return {
    name,
    async look(host) {
      if (!registry) {
        if (!username && !password && !token) return pass(name, 'not set');
        const reason = 'not set, so nobody gets CTXSRC_USERNAME, CTXSRC_PASSWORD or CTXSRC_TOKEN';
        return fail(name, reason, `set CTXSRC_REGISTRY=${host} if they are for it, or unset them`);
      }
      if (!sameRegistry(registry, host)) return pass(name, `is for ${registry}`);
      if (token) return { credential: { kind: 'bearer', token, origin: 'CTXSRC_TOKEN' } };
      if (username && password)
        return { credential: { kind: 'basic', username, password, origin: 'CTXSRC_USERNAME and CTXSRC_PASSWORD' } };
      const reason =
        'names this registry, but neither CTXSRC_TOKEN nor both CTXSRC_USERNAME and CTXSRC_PASSWORD are set';
      return fail(name, reason, 'set CTXSRC_TOKEN, or both CTXSRC_USERNAME and CTXSRC_PASSWORD');
    },
  };
}

function documentPlace(text: string | undefined, helpers: Helpers): Place {
  const name = 'DOCKER_AUTH_CONFIG';
  return {
    name,
    async look(host, repository) {
      if (!text) return pass(name, 'not set');
      const config = parseDockerConfig(text);
      return config === undefined
        ? fail(name, 'is no JSON object', 'set it to the content of a config.json of docker')
        : lookInConfig(name, config, host, repository, helpers);
    },
  };
}

function filePlace(name: string, path: string, required: boolean, helpers: Helpers): Place {
  let reading: Promise<Buffer | CtxsrcError> | undefined;
  const unusable = (why: string, cause?: unknown): Found => {
    if (!required) return fail(name, why, `correct ${path}, or remove it`);
    throw new CtxsrcError('E_CONFIG', `${path} cannot be used as --registry-config: ${why}`, {
      cause,
      hint: 'name a config.json of docker or an auth.json of podman',
    });
  };
  return {
    name,
    async look(host, repository) {
      reading ??= readNamedFile(path, { what: printable(path) }).catch((error: CtxsrcError) => error);
      const read = await reading;
      if (!Buffer.isBuffer(read)) {
        const missing = read.code === 'E_PATH_NOT_FOUND';
        if (missing && !required) return pass(name, 'no such file');
        if (required && (read.code === 'E_UNSAFE' || read.code === 'E_LIMIT')) throw read;
        return unusable(missing ? 'no such file' : read.message, read);
      }
      const config = parseDockerConfig(read.toString('utf8'));
      return config === undefined
        ? unusable('it is no JSON object')
        : lookInConfig(name, config, host, repository, helpers);
    },
  };
}

async function lookInConfig(
  place: string,
  config: DockerConfig,
  host: string,
  repository: string | undefined,
  helpers: Helpers,
): Promise<Found> {
  const passed: PassedOver[] = [];
  const passOver = (where: string, reason: string, hint?: string): void => {
    passed.push({ place: `${place}: ${where}`, reason, failed: hint !== undefined, hint });
  };
  const fromEntry = (where: string, content: EntryContent): Credential | undefined => {
    if (content.kind === 'malformed') passOver(where, content.why, `log in anew: docker login ${host}`);
    else if (content.kind === 'empty') passOver(where, 'holds neither password nor token');
    else return { ...content, origin: `${place}: ${where}` };
    return undefined;
  };

  if (repository !== undefined) {
    const entry = entryForRepository(config.auths, host, repository);
    const credential = entry && fromEntry(`auths[${JSON.stringify(entry.key)}]`, entryContent(entry.value));
    if (credential !== undefined) return { credential, passed };
  }
  const named = entryForHost(config.credHelpers, host);
  const asked: (readonly [string, string])[] = [];
  if (named !== undefined) asked.push([`credHelpers[${JSON.stringify(named.key)}]`, named.value]);
  if (config.credsStore !== undefined) asked.push(['credsStore', config.credsStore]);
  for (const [where, helper] of asked) {
    const answer = await helpers(helper, isDockerHub(host) ? DOCKER_HUB_AUTH_KEY : host);
    const told = `${where} (docker-credential-${helper})`;
    if (answer.kind === 'failed') passOver(told, answer.why, answer.hint);
    else if (answer.kind === 'none') passOver(told, `has none for ${host}`);
    else {
      const credential = fromEntry(told, basic(answer.username, answer.secret));
      if (credential !== undefined) return { credential, passed };
    }
  }
  const entry = entryForHost(config.auths, host);
  const credential = entry && fromEntry(`auths[${JSON.stringify(entry.key)}]`, entryContent(entry.value));
  if (credential !== undefined) return { credential, passed };
  if (passed.length > 0) return { passed };
  return pass(place, `nothing for ${host}${similar(config, host)}`);
}

function similar(config: DockerConfig, host: string): string {
  const keys = [...new Set([...nearMisses(config.auths, host), ...nearMisses(config.credHelpers, host)])].slice(0, 5);
  return keys.length === 0 ? '' : `; not the same: ${keys.map((key) => JSON.stringify(key)).join(', ')}`;
}

function pass(place: string, reason: string) {
  return { passed: [{ place, reason, failed: false }] };
}

function fail(place: string, reason: string, hint: string): Found {
  return { passed: [{ place, reason, failed: true, hint }] };
}
