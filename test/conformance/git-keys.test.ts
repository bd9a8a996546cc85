import { describe, expect, it } from 'vitest';
import {
  chooseRef,
  defaultBranch,
  type GitSelection,
  gitKey,
  parseLsRemote,
  resolveLocally,
} from '../../src/source/git/key.ts';
import { parseGitUrl } from '../../src/source/git/url.ts';
import { expectKey, type SimpleInput, type SimpleKeys, vectors } from './vectors.ts';

const file = vectors<SimpleInput, SimpleKeys, { lsRemote: string }>('git-keys');

function replay({ identifier, attrs }: SimpleInput): { key: string; pin: string; identifier: string } {
  const url = parseGitUrl(identifier);
  const selection: GitSelection = {
    ref: url.fragment?.ref ?? '',
    subdir: url.fragment?.subdir ?? '',
    checksum: attrs?.['git.checksum'] ?? '',
    keepGitDir: attrs?.['git.keepgitdir'] === 'true',
    skipSubmodules: attrs?.['git.skipsubmodules'] === 'true',
    mtime: attrs?.['git.mtime'] ?? '',
    fetchByCommit: attrs?.['git.fetchbycommit'] === 'true',
  };
  const local = resolveLocally(selection);
  const ref = selection.ref === '' && local === undefined ? defaultBranch(file.common.lsRemote) : selection.ref;
  const resolved = local ?? chooseRef(parseLsRemote(file.common.lsRemote), ref, selection);
  const tail = selection.subdir === '' ? selection.ref : `${selection.ref}:${selection.subdir}`;
  return {
    key: gitKey(resolved, selection, attrs?.['git.checkoutbundle'] === 'true'),
    pin: resolved.pin,
    identifier: `git://${url.host}${url.path}${tail === '' ? '' : `#${tail}`}`,
  };
}

describe('BuildKit vectors: git-keys', () => {
  it('holds as many cases as it says', () => {
    expect(file.cases).toHaveLength(file.count);
    expect(file.count).toBe(34);
  });

  it.each(file.cases)('$name', ({ input, expect: want }) => {
    const first = want.keys?.[0];
    if (want.identifierError !== undefined || first?.key === undefined) {
      expect(want.identifierError ?? first?.error).toBeTruthy();
      expect(() => replay(input)).toThrow();
      return;
    }
    const got = replay(input);
    expect(got.identifier).toBe(want.identifierString);
    expect(want.keys).not.toHaveLength(0);
    for (const wanted of want.keys ?? []) {
      expectKey({ ...got, done: true }, wanted);
    }
  });
});
