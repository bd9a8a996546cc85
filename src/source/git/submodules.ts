/** Where the submodules of a commit come from, and which URLs they may have; `submodule-host.ts` checks the hosts. */
import { posix } from 'node:path';
import { CtxsrcError, type ErrorCode, isCtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { isGitTransport } from './reference-form.ts';
import type { Repository } from './repository.ts';
import { type GitUrl, parseGitUrl } from './url.ts';

/** Mode of a submodule in a tree. */
export const GITLINK = '160000';

const WITHOUT = 'leave submodules out with --skip-submodules';

/** The settings of one submodule in `.gitmodules`. */
interface ModuleEntry {
  readonly path?: string;
  readonly url?: string;
  /** `none`: left out unless it is requested. */
  readonly update?: string;
}

/** The submodules in `.gitmodules` of the commit, by path (byte strings). */
export async function readModules(repository: Repository, commit: string): Promise<ReadonlyMap<string, ModuleEntry>> {
  const entry = await repository.entryAt(commit, '.gitmodules');
  if (entry === undefined || !entry.mode.startsWith('100')) return new Map();
  const names = '^submodule\\..*\\.(path|url|update)$';
  const args = ['config', '--null', '--no-includes', `--blob=${entry.id}`, '--get-regexp', names];
  const { stdout } = await repository.local(args, { okExits: [1] });
  const modules = new Map<string, ModuleEntry>();
  for (const record of stdout.toString('latin1').split('\0')) {
    const match = /^submodule\.(.*)\.(path|url|update)\n(.*)$/s.exec(record);
    if (match === null) continue;
    const [, name = '', field = '', value = ''] = match;
    modules.set(name, { ...modules.get(name), [field]: value });
  }
  return new Map([...modules.values()].flatMap((one) => (one.path === undefined ? [] : [[one.path, one]])));
}

/**
 * The URL of a submodule. A relative URL (`../x.git`) is relative to its parent's. Paths and `file://` are refused, as
 * git does by default: a repository must not choose other repositories of this machine.
 */
export function submoduleUrl(path: string, url: string | undefined, parent: GitUrl): GitUrl {
  const shown = shortened(path);
  const refused = (code: ErrorCode, message: string) => new CtxsrcError(code, message, { hint: WITHOUT });
  if (url === undefined) throw refused('E_NOT_FOUND', `.gitmodules has no address for the submodule ${shown}`);
  const absolute = url.startsWith('./') || url.startsWith('../') ? beside(parent, url) : url;
  if (!isGitTransport(absolute) || /^file:/i.test(absolute)) {
    const from = `${shortened(url)}, which is no address on a network`;
    throw refused('E_UNSAFE', `the submodule ${shown} comes from ${from}`);
  }
  const parsed = parseGitUrl(absolute);
  if (parsed.password === undefined) return parsed;
  throw refused('E_UNSAFE', `the address of the submodule ${shown} holds a password`);
}

function beside(parent: GitUrl, relative: string): string {
  const colon = parent.remote.startsWith(`${parent.transport}://`) ? -1 : parent.remote.indexOf(':');
  if (colon >= 0) {
    return `${parent.remote.slice(0, colon + 1)}${posix.join(parent.remote.slice(colon + 1).replace(/\/$/, ''), relative)}`;
  }
  const root = /^[a-z]+:\/\/[^/]*/.exec(parent.remote)?.[0] ?? '';
  return `${root}${posix.join('/', parent.remote.slice(root.length).replace(/\/$/, ''), relative)}`;
}

const DENIED: readonly ErrorCode[] = ['E_UNAUTHORIZED', 'E_FORBIDDEN'];
const ELSEWHERE: readonly ErrorCode[] = [...DENIED, 'E_NOT_FOUND', 'E_TLS', 'E_NETWORK', 'E_SERVER', 'E_STALLED'];

/** Adds the submodule's name, and how to do without it, to a failure of its remote. Returns other errors unchanged. */
export function inSubmodule(error: unknown, name: string): unknown {
  if (!isCtxsrcError(error) || !ELSEWHERE.includes(error.code) || error.details?.submodule !== undefined) return error;
  const reason = DENIED.includes(error.code)
    ? "a token is shown to the reference's own scheme, host and port only"
    : error.hint;
  return error.with({
    message: `${error.message} (for the submodule ${shortened(name)})`,
    hint: reason === undefined ? WITHOUT : `${reason}; ${WITHOUT}`,
    details: { submodule: name },
  });
}

/** The error for a subdirectory inside a submodule that is left out, and why it is left out. */
export function inLeftOut(subdir: string, submodule: string, skipped: boolean): CtxsrcError {
  const by = skipped ? '--skip-submodules' : '.gitmodules (update = none)';
  const problem = `lies in the submodule ${shortened(submodule)}, which ${by} leaves out`;
  return new CtxsrcError('E_PATH_NOT_FOUND', `${shortened(subdir)} ${problem}`, {
    hint: skipped ? 'leave --skip-submodules away' : "name the submodule's own repository",
  });
}
