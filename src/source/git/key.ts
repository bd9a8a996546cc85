/** BuildKit's key and pin of a git source (`docs/buildkit.md#git`), from the answer of `git ls-remote`. Pure text, no I/O. */
import { CtxsrcError } from '../../core/errors.ts';
import { prefixed } from './url.ts';

/** The facts that determine the key of a git source. */
export interface GitSelection {
  readonly ref: string;
  readonly subdir: string;
  readonly checksum: string;
  readonly keepGitDir: boolean;
  readonly skipSubmodules: boolean;
  readonly mtime: string;
  readonly fetchByCommit: boolean;
}

/** The current object of a ref. */
export interface ResolvedRef {
  /** Full name, or the commit if a commit was requested. */
  readonly name: string;
  /** The pin: a commit, or the tag object of an annotated tag. */
  readonly pin: string;
  /** The object in the key: for an annotated tag without `.git`, the commit that it points to. */
  readonly keyed: string;
}

/** True for a full object ID, SHA-1 or SHA-256, in lower case. */
export function isObjectId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** Object IDs by ref name, as `git ls-remote` lists them; `ref:` lines of `--symref` are left out. */
export function parseLsRemote(output: string): ReadonlyMap<string, string> {
  const refs = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [id = '', name] = line.split('\t');
    if (name !== undefined && !id.startsWith('ref:')) refs.set(name, id);
  }
  return refs;
}

/** Full name of the branch that HEAD points to, from the output of `git ls-remote --symref URL HEAD`. */
export function defaultBranch(output: string): string {
  const name = /refs\/heads\/\S+/.exec(output)?.[0];
  const commit = parseLsRemote(output).get('HEAD');
  if (commit === undefined) {
    throw new CtxsrcError('E_NOT_FOUND', 'the repository is empty, or has no commit on its default branch', {
      hint: 'push a commit, or name a branch, tag or commit after # in the reference',
    });
  }
  if (name === undefined) {
    throw new CtxsrcError('E_NOT_FOUND', 'the HEAD of the repository is a commit and no branch (detached)', {
      hint: `name a branch or tag after # in the reference, or that commit: #${commit}`,
    });
  }
  return name;
}

/**
 * The object, if it is known without asking the remote: a full commit ID, or the checksum if the commit is fetched by
 * it. Undefined if the remote has to be asked.
 */
export function resolveLocally(selection: GitSelection): ResolvedRef | undefined {
  const { ref, checksum, fetchByCommit } = selection;
  checkChecksumSyntax(checksum);
  if (isObjectId(ref)) {
    if (!ref.startsWith(checksum)) throw checksumMismatch(checksum, ref);
    return { name: ref, pin: ref, keyed: ref };
  }
  if (!fetchByCommit) return undefined;
  if (!isObjectId(checksum)) {
    throw new CtxsrcError('E_ATTRIBUTE', 'fetching by commit needs the whole commit ID as the checksum', {
      hint: 'add --checksum with all 40 (or 64) characters of the commit',
    });
  }
  const name = ref === '' ? checksum : ref.startsWith('refs/') ? ref : `refs/heads/${ref}`;
  return { name, pin: checksum, keyed: checksum };
}

/**
 * Selects among the listed refs as git checkout does: `refs/NAME` exactly, then the branch, then the tag. A name that
 * matches exactly but is not of the form `refs/tags/NAME` (such as `tags/v1`) is not peeled, as in BuildKit. Throws
 * `E_NOT_FOUND`, or `E_CHECKSUM_MISMATCH`.
 */
export function chooseRef(refs: ReadonlyMap<string, string>, ref: string, selection: GitSelection): ResolvedRef {
  const branchName = prefixed(ref, 'refs/heads/');
  const tagName = prefixed(ref, 'refs/tags/');
  const exactName = prefixed(ref, 'refs/');
  const exact = exactName === branchName || exactName === tagName ? undefined : refs.get(exactName);
  const found = exact ?? refs.get(branchName);
  const pin = found ?? refs.get(tagName);
  if (pin === undefined) {
    throw new CtxsrcError('E_NOT_FOUND', `the repository does not contain the ref ${JSON.stringify(ref)}`, {
      hint: 'a ref is a branch, a tag, a full name under refs/, or a whole commit ID',
    });
  }
  if (!isObjectId(pin))
    throw new CtxsrcError('E_REGISTRY_PROTOCOL', `the remote lists the invalid object ID ${JSON.stringify(pin)}`, {
      hint: 'check that the address is a git repository: git ls-remote shows what it lists',
    });
  const peeled = found === undefined ? refs.get(`${tagName}^{}`) : undefined;
  if (!pin.startsWith(selection.checksum) && !(peeled ?? '').startsWith(selection.checksum)) {
    throw checksumMismatch(selection.checksum, peeled === undefined ? pin : `${pin} or ${peeled}`);
  }
  return {
    name: exact !== undefined ? exactName : found !== undefined ? branchName : tagName,
    pin,
    keyed: selection.keepGitDir ? pin : (peeled ?? pin),
  };
}

/** The exact key. `bundle`: in the form of BuildKit's checkoutbundle attribute, which excludes a subdirectory. */
export function gitKey(resolved: ResolvedRef, selection: GitSelection, bundle = false): string {
  if (bundle && selection.subdir !== '') {
    throw new CtxsrcError('E_ATTRIBUTE', 'a bundle holds the whole repository, not a subdirectory');
  }
  return [
    resolved.keyed,
    selection.keepGitDir ? `.git#${resolved.name}` : '',
    selection.subdir === '' ? '' : `:${selection.subdir}`,
    selection.skipSubmodules ? '(skip-submodules)' : '',
    selection.mtime === '' || selection.mtime === 'checkout' ? '' : `(mtime=${selection.mtime})`,
    bundle ? '(bundle)' : '',
  ].join('');
}

function checkChecksumSyntax(checksum: string): void {
  if (!/^[0-9a-fA-F]*$/.test(checksum)) {
    throw new CtxsrcError('E_ATTRIBUTE', `invalid checksum ${JSON.stringify(checksum)} for a git reference`, {
      hint: 'the checksum of a git reference is a commit ID, or its beginning, in hexadecimal',
    });
  }
}

function checksumMismatch(wanted: string, got: string): CtxsrcError {
  return new CtxsrcError('E_CHECKSUM_MISMATCH', `expected checksum to match ${wanted}, got ${got}`, {
    hint: 'the reference has moved: look at what changed, then give its new commit',
    details: { expected: wanted, actual: got },
  });
}
