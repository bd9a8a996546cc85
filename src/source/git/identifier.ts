/** How a git reference is parsed: its parts without the query, and its attributes. */
import type { AttributeSpec, Attributes, Identifier, SchemeRef } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { type GitSelection, isObjectId } from './key.ts';
import { isGitReference } from './reference-form.ts';
import { type GitReference, gitReferenceText, parseGitReference } from './url.ts';

export const GIT_ATTRIBUTES: readonly AttributeSpec[] = [
  { name: 'keep-git-dir', kind: 'flag', help: 'keep the .git directory; part of the key' },
  { name: 'skip-submodules', kind: 'flag', help: 'leave submodules out; part of the key' },
  {
    name: 'mtime',
    kind: 'text',
    placeholder: 'checkout|commit',
    choices: ['checkout', 'commit'],
    help: 'times of the files: of the checkout, or of the commit',
    example: 'commit',
  },
  { name: 'fetch-by-commit', kind: 'flag', help: 'resolve nothing: the commit is the one given by --checksum' },
  {
    name: 'checksum',
    kind: 'text',
    placeholder: 'DIGEST',
    help: 'what the reference has to resolve to: a commit ID, or its beginning',
    example: 'd9c43107ab3e46e78b149c370ac8b6a66f3f357d',
  },
  {
    name: 'auth-token-file',
    kind: 'text',
    placeholder: 'FILE',
    locked: 'never',
    help: 'file with a token for the host of the reference',
    example: '/run/secrets/token',
  },
  {
    name: 'known-hosts',
    kind: 'text',
    placeholder: 'FILE',
    locked: 'never',
    help: 'the ssh host keys to trust, instead of ~/.ssh/known_hosts',
    example: './known_hosts',
  },
];

export class GitIdentifier implements Identifier {
  readonly scheme = 'git';
  readonly attributes: Attributes;
  readonly reference: GitReference;
  readonly selection: GitSelection;

  constructor(reference: GitReference, attributes: Attributes) {
    this.reference = reference;
    this.attributes = attributes;
    this.selection = {
      ref: reference.ref,
      subdir: reference.subdir,
      checksum: String(attributes.checksum ?? ''),
      keepGitDir: attributes['keep-git-dir'] === true,
      skipSubmodules: attributes['skip-submodules'] === true,
      mtime: String(attributes.mtime ?? ''),
      fetchByCommit: attributes['fetch-by-commit'] === true,
    };
  }

  pinned(commit: string): string | undefined {
    const { ref } = this.reference;
    return isObjectId(commit) && (!isObjectId(ref) || ref === commit) ? this.withRef(commit) : undefined;
  }

  /** The reference with the given ref and the same directory. */
  withRef(ref: string): string {
    return gitReferenceText(this.reference, ref);
  }

  toString(): string {
    return this.withRef(this.reference.ref);
  }

  toJSON(): unknown {
    const { remote, ref, subdir } = this.reference;
    return { scheme: this.scheme, remote, ref, subdir, attributes: this.attributes };
  }
}

/** A git reference, checked. @throws E_REFERENCE, E_ATTRIBUTE */
export function identify(ref: SchemeRef, attrs: Attributes): GitIdentifier {
  // A git reference has many spellings, so the whole text is parsed. `git://` may arrive split, from callers that only
  // know schemes.
  const reference = parseGitReference(isGitReference(ref.rest) ? ref.rest : `${ref.scheme}://${ref.rest}`);
  if (reference.url.password !== undefined) {
    throw new CtxsrcError('E_REFERENCE', 'a git reference holds no password: it would end up in logs and lock files', {
      hint: 'put the token into a file and name it with --auth-token-file',
    });
  }
  // The query is no longer needed: it has become ref, directory and attributes.
  const plain = parseGitReference(gitReferenceText(reference, reference.ref));
  return new GitIdentifier(plain, mergeAttributes(reference, attrs));
}

/** Combines the query of the reference with the flags; both may say the same. */
function mergeAttributes(reference: GitReference, attrs: Attributes): Attributes {
  const fromQuery: [string, string | boolean | undefined][] = [
    ['checksum', reference.checksum || undefined],
    ['fetch-by-commit', reference.fetchByCommit || undefined],
    ['keep-git-dir', reference.keepGitDir],
    ['mtime', reference.mtime || undefined],
    ['skip-submodules', reference.submodules === undefined ? undefined : !reference.submodules],
  ];
  const merged: Record<string, string | boolean> = {};
  for (const { name } of GIT_ATTRIBUTES) {
    const value = attrs[name];
    if (typeof value === 'string' || value === true) merged[name] = value;
  }
  for (const [name, value] of fromQuery) {
    const given = attrs[name];
    if (value !== undefined && given !== undefined && given !== value) {
      throw new CtxsrcError('E_ATTRIBUTE', `--${name} contradicts the query of the reference`, {
        hint: 'say it in one of the two places',
      });
    }
    if (value !== undefined && value !== false) merged[name] = value;
  }
  const { mtime } = merged;
  if (mtime !== undefined && mtime !== 'checkout' && mtime !== 'commit') {
    throw new CtxsrcError('E_ATTRIBUTE', `invalid --mtime ${JSON.stringify(mtime)}`, {
      hint: 'it is checkout or commit',
    });
  }
  return merged;
}
