/**
 * docker's config.json and the auth.json of podman and skopeo (the same format, containers-auth.json(5)): which entry,
 * if any, applies to a registry. Hosts are compared exactly; a near miss is no match, but it is reported.
 */
import { isObject, jsonObject } from '../../core/is-object.ts';
import { DOCKER_HUB_AUTH_KEY, hostName, isDockerHub, sameRegistry } from '../../http/host.ts';

/** A parsed file; members of unexpected types count as absent. */
export interface DockerConfig {
  readonly auths: ReadonlyMap<string, AuthEntry>;
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
}

export interface AuthEntry {
  readonly auth?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly identitytoken?: unknown;
  readonly registrytoken?: unknown;
}

/**
 * The file's content; undefined if it is not a JSON object. The parser's own error is dropped, because it quotes the
 * text, secrets included.
 */
export function parseDockerConfig(text: string): DockerConfig | undefined {
  const document = jsonObject(text);
  if (document === undefined) return undefined;
  const { auths, credHelpers, credsStore } = document;
  return {
    auths: new Map(entries(auths).filter((entry): entry is [string, AuthEntry] => isObject(entry[1]))),
    credHelpers: new Map(
      entries(credHelpers).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
    credsStore: typeof credsStore === 'string' && credsStore !== '' ? credsStore : undefined,
  };
}

function entries(value: unknown): [string, unknown][] {
  return isObject(value) ? Object.entries(value) : [];
}

/** The registry of a key: a host, or a path below it. Undefined if the key is neither. */
interface KeyTarget {
  readonly host: string;
  readonly path: string;
}

/**
 * Parses a key of `auths` or `credHelpers`: `HOST[:PORT]`, the same with a scheme and the API path that docker once
 * wrote (`https://HOST/v1/`), or `HOST/NAMESPACE…` for a part of a registry.
 */
export function keyTarget(key: string): KeyTarget | undefined {
  const match = /^(https?:\/\/)?([a-z0-9._-]+(?::\d+)?|\[[0-9a-f:.]+\](?::\d+)?)(?:\/(.*))?$/i.exec(key);
  if (match?.[2] === undefined) return undefined;
  const path = (match[3] ?? '').replace(/\/+$/, '');
  const isApi = path === '' || path === 'v1' || path === 'v2';
  if (match[1] !== undefined && !isApi) return undefined;
  return { host: match[2].toLowerCase(), path: isApi ? '' : path };
}

interface Entry<T> {
  readonly key: string;
  readonly value: T;
}

/** The entry of a map for a registry as a whole. For Docker Hub, docker's own spelling comes first. */
export function entryForHost<T>(map: ReadonlyMap<string, T>, host: string): Entry<T> | undefined {
  const matches = [...map].filter(([key]) => {
    const target = keyTarget(key);
    return target !== undefined && target.path === '' && sameRegistry(target.host, host);
  });
  const preferred = isDockerHub(host) ? DOCKER_HUB_AUTH_KEY : host;
  const found = matches.find(([key]) => key === preferred) ?? matches[0];
  return found === undefined ? undefined : { key: found[0], value: found[1] };
}

/** The entry of a map for the longest path that contains the repository. */
export function entryForRepository<T>(
  map: ReadonlyMap<string, T>,
  host: string,
  repository: string,
): Entry<T> | undefined {
  let best: (Entry<T> & KeyTarget) | undefined;
  for (const [key, value] of map) {
    const target = keyTarget(key);
    if (target === undefined || target.path === '' || !sameRegistry(target.host, host)) continue;
    const { path } = target;
    if (repository !== path && !repository.startsWith(`${path}/`)) continue;
    if (best === undefined || path.length > best.path.length) best = { key, value, ...target };
  }
  return best;
}

/** Keys that resemble the host without matching it (another port, a part of it, another spelling), for the reason. */
export function nearMisses(map: ReadonlyMap<string, unknown>, host: string): readonly string[] {
  const name = hostName(host);
  return [...map.keys()].filter((key) => {
    const target = keyTarget(key);
    return target === undefined ? key.toLowerCase().includes(name) : hostName(target.host) === name;
  });
}

/** The name and password, or the token, of an entry. */
export type EntryContent =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token' | 'bearer'; readonly token: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'malformed'; readonly why: string };

export function entryContent(entry: AuthEntry): EntryContent {
  if (isText(entry.identitytoken)) return { kind: 'identity-token', token: entry.identitytoken };
  if (isText(entry.registrytoken)) return { kind: 'bearer', token: entry.registrytoken };
  if (isText(entry.auth)) {
    // The program `base64` breaks its lines, and docker accepts that.
    const base64 = entry.auth.replace(/[\r\n]/g, '').trim();
    const pair = /^[A-Za-z0-9+/=_-]+$/.test(base64) ? Buffer.from(base64, 'base64').toString('utf8') : '';
    const colon = pair.indexOf(':');
    if (colon <= 0) return { kind: 'malformed', why: 'its auth is not base64 of NAME:PASSWORD' };
    // docker pads some passwords with NUL.
    return basic(pair.slice(0, colon), pair.slice(colon + 1).replace(/\0+$/, ''));
  }
  if (isText(entry.username) && isText(entry.password)) return basic(entry.username, entry.password);
  return { kind: 'empty' };
}

/** docker's convention: this user name marks the password as a token. */
export function basic(username: string, password: string): EntryContent {
  return username === '<token>' ? { kind: 'identity-token', token: password } : { kind: 'basic', username, password };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
