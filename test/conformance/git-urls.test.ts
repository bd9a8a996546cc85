import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isGitReference, isGitTransport } from '../../src/source/git/reference-form.ts';
import { parseGitReference, parseGitUrl } from '../../src/source/git/url.ts';

interface Case {
  readonly name: string;
  readonly input: string;
  readonly expect: {
    readonly isGitRef: boolean;
    readonly isGitTransport: boolean;
    readonly gitRef?: {
      Remote: string;
      ShortName: string;
      Ref: string;
      Checksum: string;
      SubDir: string;
      IndistinguishableFromLocal: boolean;
      UnencryptedTCP: boolean;
      KeepGitDir: boolean | null;
      Submodules: boolean | null;
      MTime: string;
      FetchByCommit: boolean;
    };
    readonly gitRefError?: string;
    readonly parseURL?: { host: string; path: string; remote: string; scheme: string; ref?: string; subdir?: string };
    readonly parseURLError?: string;
  };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/git-urls.json', import.meta.url), 'utf8')) as {
  count: number;
  cases: Case[];
};

describe('BuildKit vectors: git-urls', () => {
  it('holds as many cases as it says', () => {
    expect(vectors.cases).toHaveLength(vectors.count);
    expect(vectors.count).toBe(23);
  });

  it.each(vectors.cases)('$name', ({ input, expect: want }) => {
    expect(isGitTransport(input)).toBe(want.isGitTransport);
    if (want.parseURL === undefined) {
      expect(() => parseGitUrl(input)).toThrow();
    } else {
      const url = parseGitUrl(input);
      expect({ scheme: url.transport, host: url.host, path: url.path, remote: url.remote }).toEqual({
        scheme: want.parseURL.scheme,
        host: want.parseURL.host,
        path: want.parseURL.path,
        remote: want.parseURL.remote,
      });
      expect(url.fragment?.ref).toBe(want.parseURL.ref);
      // The vectors leave an empty directory out when the fragment comes without a query.
      expect(url.fragment?.subdir ?? '').toBe(want.parseURL.subdir ?? '');
    }
    if (want.gitRef === undefined) {
      expect(() => parseGitReference(input)).toThrow();
    } else {
      const ref = parseGitReference(input);
      expect({
        Remote: ref.remote,
        ShortName: ref.shortName,
        Ref: ref.ref,
        Checksum: ref.checksum,
        SubDir: ref.subdir,
        IndistinguishableFromLocal: ref.schemeless,
        KeepGitDir: ref.keepGitDir ?? null,
        Submodules: ref.submodules ?? null,
        MTime: ref.mtime,
        FetchByCommit: ref.fetchByCommit,
        UnencryptedTCP: ref.url.transport === 'http' || ref.url.transport === 'git',
      }).toEqual(want.gitRef);
    }
    // The form without a scheme is BuildKit's for build contexts alone; here it gets a hint instead.
    expect(isGitReference(input)).toBe(want.isGitRef && want.gitRef?.IndistinguishableFromLocal !== true);
  });
});
