/**
 * The grammar of git references, as BuildKit reads it: `TRANSPORT://…`, or `user@host:path`, then `?query`, then
 * `#ref[:subdir]`. Pure text, no I/O. One form is added: `file://` with an absolute path, for repositories on this machine.
 */
import { posix } from 'node:path';
import { CtxsrcError } from '../../core/errors.ts';
import { PROTOCOL, SCP, TRANSPORTS } from './reference-form.ts';

/** Characters that Go's URL parser accepts in a host; a port has digits only. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s\\^`{|}%[\]:]*)(?::[0-9]*)?$/;

/** The parts of a git URL. `remote` is the URL for git: without query and fragment. */
export interface GitUrl {
  readonly transport: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly remote: string;
  /** Undefined if there is no fragment. */
  readonly fragment: { readonly ref: string; readonly subdir: string } | undefined;
  readonly query: ReadonlyMap<string, readonly string[]>;
}

/** A git reference with its query parsed, as in a Dockerfile context or a `--build-context` value. */
export interface GitReference {
  readonly url: GitUrl;
  readonly remote: string;
  /** Name of the repository, for people. */
  readonly shortName: string;
  /** Commit, branch, tag or full ref name; empty: the default branch. */
  readonly ref: string;
  /** Cleaned, relative, without `..`; empty: the whole repository. */
  readonly subdir: string;
  readonly checksum: string;
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean | undefined;
  readonly mtime: string;
  readonly fetchByCommit: boolean;
  /** `github.com/owner/repository`: BuildKit accepts it in one place; everywhere else it is a path. */
  readonly schemeless: boolean;
}

/** Splits a git URL into its parts. Throws `E_REFERENCE`. */
export function parseGitUrl(text: string): GitUrl {
  if (/[\0-\x1f\x7f]/.test(text)) throw invalid('a git reference holds no control characters');
  const transport = PROTOCOL.exec(text)?.[1]?.toLowerCase();
  if (transport === undefined) return parseScp(text);
  if (!TRANSPORTS.includes(transport)) {
    throw invalid(
      `invalid protocol ${transport} in a git reference`,
      'git is reached by https://, ssh://, git:// or http://',
    );
  }
  return parseTransport(transport, text.slice(transport.length + 3));
}

/** Parses a whole git reference, query included. Throws `E_REFERENCE` that names the part at fault. */
export function parseGitReference(text: string): GitReference {
  if (text.startsWith('./') || text.startsWith('../')) throw invalid(`${text} is a path, not a git reference`);
  const schemeless = text.startsWith('github.com/');
  const url = parseGitUrl(schemeless ? `https://${text}` : text);
  if (!schemeless && /^https?$/.test(url.transport) && !url.path.endsWith('.git')) {
    throw invalid(`${url.remote} is no git reference: the path of an http(s) URL has to end in .git`);
  }
  const remote = schemeless ? url.remote.slice('https://'.length) : url.remote;
  return {
    url,
    remote,
    schemeless,
    shortName: (remote.split('/').at(-1) ?? '').replace(/\.git$/, ''),
    ...readQuery(url),
  };
}

/** The text of a reference: what `parseGitReference` reads. */
export function gitReferenceText({ remote, subdir }: Pick<GitReference, 'remote' | 'subdir'>, ref: string): string {
  if (ref === '' && subdir === '') return remote;
  // The scp form has no escapes.
  const escaped = (part: string): string =>
    remote.includes('://') ? encodeURI(part).replace(/[#?]/g, encodeURIComponent) : part;
  return `${remote}#${escaped(ref)}${subdir === '' ? '' : `:${escaped(subdir)}`}`;
}

/** Scheme, host and port of a remote, in one spelling per origin; only for URLs with a host. */
export function originOf({ transport, host }: GitUrl): string {
  const port = transport === 'https' ? ':443' : transport === 'http' ? ':80' : ':';
  const name = host.toLowerCase();
  return `${transport}://${name.endsWith(port) ? name.slice(0, -port.length) : name}`;
}

/** A directory inside a repository: cleaned as an absolute path, then without its leading slash. */
export function cleanSubdir(subdir: string): string {
  return posix.join('/', subdir).replace(/\/$/, '').slice(1);
}

function parseScp(text: string): GitUrl {
  const match = SCP.exec(text);
  if (match === null) {
    throw invalid(
      `unknown protocol in ${JSON.stringify(text)}`,
      'a git reference is https://HOST/REPO.git or user@HOST:REPO',
    );
  }
  const [, user = '', host = '', path = '', query = '', fragment = ''] = match;
  checkNotOption(user, 'user');
  checkNotOption(host, 'host');
  return {
    transport: 'ssh',
    user,
    password: undefined,
    host,
    path,
    remote: `${user}@${host}:${path}`,
    fragment: splitFragment(fragment),
    query: parseQuery(query),
  };
}

function parseTransport(transport: string, rest: string): GitUrl {
  const [beforeFragment, fragment] = cut(rest, '#');
  const [beforeQuery, query] = cut(beforeFragment, '?');
  const slash = beforeQuery.indexOf('/');
  const authority = slash < 0 ? beforeQuery : beforeQuery.slice(0, slash);
  const rawPath = slash < 0 ? '' : beforeQuery.slice(slash);
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const [user, password] = at < 0 ? [undefined, undefined] : cut(authority.slice(0, at), ':');
  if (!HOST.test(host)) throw invalid(`invalid host ${JSON.stringify(host)} in a git reference`);
  if (transport === 'file' ? host !== '' : host === '') {
    throw invalid(transport === 'file' ? 'file:// takes an absolute path and no host' : 'a git reference needs a host');
  }
  checkNotOption(host, 'host');
  if (user !== undefined) checkNotOption(user, 'user');
  const path = unescapePart(rawPath, 'path');
  return {
    transport,
    user: user === undefined ? undefined : unescapePart(user, 'user'),
    password: password === undefined ? undefined : unescapePart(password, 'user'),
    host,
    path,
    remote: `${transport}://${at < 0 ? '' : authority.slice(0, at + 1)}${host}${escapePath(rawPath, path)}`,
    fragment: splitFragment(unescapePart(fragment ?? '', 'fragment')),
    query: parseQuery(query ?? ''),
  };
}

function splitFragment(fragment: string): GitUrl['fragment'] {
  if (fragment === '') return undefined;
  const [ref, subdir] = cut(fragment, ':');
  return { ref, subdir: cleanSubdir(subdir ?? '') };
}

type QueryFacts = Omit<GitReference, 'url' | 'remote' | 'schemeless' | 'shortName'>;

const FLAG_KEYS: readonly string[] = ['keep-git-dir', 'submodules', 'fetch-by-commit'];
const VALUE_KEYS: readonly string[] = ['ref', 'tag', 'branch', 'subdir', 'checksum', 'commit', 'mtime'];

function readQuery(url: GitUrl): QueryFacts {
  for (const [key, values] of url.query) {
    if (!FLAG_KEYS.includes(key) && !VALUE_KEYS.includes(key)) {
      throw invalid(
        `unexpected query ${JSON.stringify(key)} in a git reference`,
        `known are ${[...VALUE_KEYS, ...FLAG_KEYS].join(', ')}`,
      );
    }
    if (values.length > 1) throw invalid(`query ${JSON.stringify(key)} has multiple values`);
    if (values[0] === '' && !FLAG_KEYS.includes(key)) throw invalid(`query ${JSON.stringify(key)} has no value`);
  }
  const value = (key: string): string => url.query.get(key)?.[0] ?? '';
  const flag = (key: string): boolean | undefined => {
    const text = url.query.get(key)?.[0];
    return text === undefined ? undefined : parseFlag(key, text);
  };
  const tag = value('tag');
  const branch = value('branch');
  if (tag !== '' && branch !== '') throw invalid('branch conflicts with tag in a git reference');
  const ref = agree(
    'ref',
    url.fragment?.ref ?? '',
    value('ref'),
    tag === '' ? '' : prefixed(tag, 'refs/tags/'),
    branch === '' ? '' : prefixed(branch, 'refs/heads/'),
  );
  if (ref.startsWith('-')) throw invalid(`the ref ${JSON.stringify(ref)} starts with a dash`);
  const mtime = value('mtime');
  if (!['', 'checkout', 'commit'].includes(mtime)) {
    throw invalid(`invalid mtime value ${JSON.stringify(mtime)} in a git reference`, 'mtime is checkout or commit');
  }
  return {
    ref,
    subdir: agree('subdir', url.fragment?.subdir ?? '', cleanSubdir(value('subdir'))),
    checksum: agree('checksum', value('checksum'), value('commit')),
    keepGitDir: flag('keep-git-dir'),
    submodules: flag('submodules'),
    mtime,
    fetchByCommit: flag('fetch-by-commit') ?? false,
  };
}

/** The one value that several places may give; two different values are an error. */
function agree(what: string, ...values: readonly string[]): string {
  let chosen = '';
  for (const value of values) {
    if (value === '') continue;
    if (chosen !== '' && chosen !== value) {
      throw invalid(`${what} conflicts: ${JSON.stringify(chosen)} and ${JSON.stringify(value)}`);
    }
    chosen = value;
  }
  return chosen;
}

/** A boolean as Go parses it; an empty value means true. */
function parseFlag(key: string, text: string): boolean {
  if (text === '' || /^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw invalid(`invalid ${key} value ${JSON.stringify(text)} in a git reference`, `${key} is true or false`);
}

function parseQuery(query: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(query)) {
    const list = values.get(key);
    if (list === undefined) values.set(key, [value]);
    else list.push(value);
  }
  return values;
}

/** The path as written if every character is allowed in a URL, else escaped again (as Go prints URLs). */
function escapePath(raw: string, path: string): string {
  if (/^(?:[A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]]|%[0-9A-Fa-f]{2})*$/.test(raw)) return raw;
  return encodeURI(path).replace(/[?#'()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function unescapePart(text: string, part: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch (error) {
    throw invalid(`invalid escape in the ${part} of a git reference`, '% is written as %25 in a URL', error);
  }
  if (/[\0-\x1f\x7f]/.test(decoded)) throw invalid(`the ${part} of a git reference holds control characters`);
  return decoded;
}

/** Refuses text that git or ssh could take for an option. */
function checkNotOption(text: string, part: string): void {
  if (text.startsWith('-')) throw invalid(`the ${part} ${JSON.stringify(text)} of a git reference starts with a dash`);
}

/** The name of a ref, with its prefix if it lacks it. */
export function prefixed(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name : prefix + name;
}

function cut(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function invalid(message: string, hint?: string, cause?: unknown): CtxsrcError {
  return new CtxsrcError('E_REFERENCE', message, { hint, cause });
}
