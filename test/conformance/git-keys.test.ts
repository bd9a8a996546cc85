import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import {
  chooseRef,
  defaultBranch,
  type GitSelection,
  gitKey,
  parseLsRemote,
  resolveLocally,
} from '../../src/source/git/key.ts';
import { parseGitUrl } from '../../src/source/git/url.ts';

interface Case {
  readonly name: string;
  readonly input: { identifier: string; attrs: Record<string, string> | null };
  readonly expect: {
    identifierString?: string;
    identifierError?: string;
    keys?: {
      index: number;
      key?: string;
      pin?: string;
      done: boolean;
      error?: string;
      solverCacheMapDigest?: string;
    }[];
  };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/git-keys.json', import.meta.url), 'utf8')) as {
  count: number;
  common: { lsRemote: string };
  cases: Case[];
};

function replay({ identifier, attrs }: Case['input']): { key: string; pin: string; identifier: string } {
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
  const ref = selection.ref === '' && local === undefined ? defaultBranch(vectors.common.lsRemote) : selection.ref;
  const resolved = local ?? chooseRef(parseLsRemote(vectors.common.lsRemote), ref, selection);
  const tail = selection.subdir === '' ? selection.ref : `${selection.ref}:${selection.subdir}`;
  return {
    key: gitKey(resolved, selection, attrs?.['git.checkoutbundle'] === 'true'),
    pin: resolved.pin,
    identifier: `git://${url.host}${url.path}${tail === '' ? '' : `#${tail}`}`,
  };
}

describe('BuildKit vectors: git-keys', () => {
  it('holds as many cases as it says', () => {
    expect(vectors.cases).toHaveLength(vectors.count);
    expect(vectors.count).toBe(34);
  });

  it.each(vectors.cases)('$name', ({ input, expect: want }) => {
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
      expect({ key: got.key, pin: got.pin, done: true }).toEqual({
        key: wanted.key,
        pin: wanted.pin,
        done: wanted.done,
      });
      expect(sha256(`buildkit.source.v0:${got.key}`)).toBe(wanted.solverCacheMapDigest);
    }
  });
});
