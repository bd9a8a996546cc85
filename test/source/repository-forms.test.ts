import { describe, expect, it } from 'vitest';
import { parseReference } from '../../src/source/parse.ts';
import { forgePage, packageManagerForm } from '../../src/source/repository-forms.ts';

const GIST = '0123456789abcdef0123456789abcdef';

describe('forgePage', () => {
  it.each([
    ['https://github.com/o/r', 'https://github.com/o/r.git'],
    ['https://www.github.com/o/r/', 'https://github.com/o/r.git'],
    ['http://github.com/o/r?tab=readme-ov-file#usage', 'https://github.com/o/r.git'],
    ['https://github.com/o/r/tree/main', 'https://github.com/o/r.git#main'],
    ['https://github.com/o/r/tree/v1/docs/a', 'https://github.com/o/r.git#v1:docs/a'],
    ['https://github.com/o/r/blob/main/src/x.c', 'https://github.com/o/r.git#main:src'],
    ['https://github.com/o/r/blob/main/Dockerfile', 'https://github.com/o/r.git#main'],
    ['https://github.com/o/r/commit/0123abc', 'https://github.com/o/r.git#0123abc'],
    ['https://github.com/o/r/pull/7', 'https://github.com/o/r.git#refs/pull/7/head'],
    ['https://github.com/o/r/pull/7/files', 'https://github.com/o/r.git#refs/pull/7/head'],
    ['https://github.com/o/r/releases/tag/v1', 'https://github.com/o/r.git#v1'],
    ['https://github.corp.example/o/r', 'https://github.corp.example/o/r.git'],
    ['https://gitlab.com/g/sub/r', 'https://gitlab.com/g/sub/r.git'],
    ['https://gitlab.com/g/sub/r/-/tree/main/d', 'https://gitlab.com/g/sub/r.git#main:d'],
    [
      'https://gitlab.example.com/g/r/-/merge_requests/3',
      'https://gitlab.example.com/g/r.git#refs/merge-requests/3/head',
    ],
    ['https://bitbucket.org/w/r', 'https://bitbucket.org/w/r.git'],
    ['https://bitbucket.org/w/r/src/main/d/', 'https://bitbucket.org/w/r.git#main:d'],
    ['https://codeberg.org/o/r', 'https://codeberg.org/o/r.git'],
    ['https://codeberg.org/o/r/src/branch/main/d', 'https://codeberg.org/o/r.git#main:d'],
    ['https://gitea.example.com/o/r/src/tag/v1', 'https://gitea.example.com/o/r.git#v1'],
    ['https://dev.azure.com/org/proj/_git/r', 'git@ssh.dev.azure.com:v3/org/proj/r'],
    ['https://me@dev.azure.com/org/proj/_git/r?path=/d&version=GBmain', undefined],
    ['https://dev.azure.com/org/proj/_git/r?path=/d&version=GBmain', 'git@ssh.dev.azure.com:v3/org/proj/r#main:d'],
    ['https://org.visualstudio.com/DefaultCollection/proj/_git/r', 'git@ssh.dev.azure.com:v3/org/proj/r'],
    ['https://dev.azure.com/org/_git/r', 'git@ssh.dev.azure.com:v3/org/r/r'],
    // What is typed behind the address, as for `docker build`.
    ['https://github.com/o/r#main', 'https://github.com/o/r.git#main'],
    ['https://github.com/o/r/#v1:docs', 'https://github.com/o/r.git#v1:docs'],
    ['https://github.com/o/r/tree/v1/docs#usage', 'https://github.com/o/r.git#v1:docs'],
    ['https://dev.azure.com/org/proj/_git/r#main', 'git@ssh.dev.azure.com:v3/org/proj/r#main'],
    [`https://gist.github.com/o/${GIST}`, `https://gist.github.com/${GIST}.git`],
    [`https://gist.github.com/${GIST}/${GIST}`, `https://gist.github.com/${GIST}.git#${GIST}`],
    ['https://git.sr.ht/~o/r', 'git@git.sr.ht:~o/r'],
    ['https://git.sr.ht/~o/r/tree/v1/item/docs/a', 'git@git.sr.ht:~o/r#v1:docs/a'],
  ])('%s is a page of %s', (page, reference) => {
    expect(forgePage(page)?.reference).toBe(reference);
    // What is said is understood.
    if (reference !== undefined) expect(parseReference(reference)).toMatchObject({ scheme: 'git', rest: reference });
  });

  it.each([
    'https://github.com/o',
    'https://github.com/o/r/archive/refs/tags/v1.tar.gz',
    'https://github.com/o/r/releases/download/v1/tool-linux-amd64',
    'https://github.com/o/r/raw/main/f',
    'https://github.com/o/r/pull/7.patch',
    'https://raw.githubusercontent.com/o/r/main/f',
    'https://api.github.com/repos/o/r/tarball/main',
    'https://codeload.github.com/o/r/tar.gz/main',
    'https://gitlab.com/g/r/-/archive/v1/r-v1.tar.gz',
    'https://gitlab.com/g/r/-/raw/main/f',
    'https://gitlab.com/api/v4/projects/1/packages/generic/x/1/f',
    'https://bitbucket.org/w/r/get/v1.zip',
    'https://bitbucket.org/w/r/downloads/x.bin',
    'https://codeberg.org/o/r/archive/v1.tar.gz',
    'https://codeberg.org/o/r/raw/branch/main/f',
    'https://example.com/o/r',
    `https://gist.github.com/o/${GIST}/raw/x`,
    `https://gist.github.com/o/${GIST}.json`,
    'https://gist.github.com/o',
    'https://git.sr.ht/~o/r/archive/v1.tar.gz',
    'https://github.com.evil.example/o',
    'not a URL',
  ])('%s is a file, or nothing known', (text) => expect(forgePage(text)).toBeUndefined());

  it('knows where the file of a page is', () => {
    expect(forgePage('https://github.com/o/r/blob/v1/a/b.txt')?.file).toBe('https://github.com/o/r/raw/v1/a/b.txt');
    expect(forgePage('https://gitlab.com/g/r/-/blob/v1/b.txt')?.file).toBe('https://gitlab.com/g/r/-/raw/v1/b.txt');
    expect(forgePage('https://codeberg.org/o/r/src/tag/v1/b.txt')?.file).toBe(
      'https://codeberg.org/o/r/raw/tag/v1/b.txt',
    );
  });
});

describe('packageManagerForm', () => {
  it.each([
    ['git+https://github.com/o/r', 'https://github.com/o/r.git'],
    ['git+https://github.com/o/r.git@v1', 'https://github.com/o/r.git#v1'],
    ['git+https://github.com/o/r.git@v1#egg=x', 'https://github.com/o/r.git#v1'],
    ['git+https://github.com/o/r.git#v1', 'https://github.com/o/r.git#v1'],
    ['git+ssh://git@h/o/r.git', 'ssh://git@h/o/r.git'],
    ['git+ssh://git@h/o/r.git@v1', 'ssh://git@h/o/r.git#v1'],
    ['git+file:///srv/r.git', 'file:///srv/r.git'],
    ['git::https://h/o/r.git?ref=v1', 'https://h/o/r.git#v1'],
    ['git::https://h/o/r.git//modules/a?ref=v1', 'https://h/o/r.git#v1:modules/a'],
    ['git::ssh://git@h/o/r//modules/a', 'ssh://git@h/o/r#:modules/a'],
    ['git+https://h/o/r@v1#subdirectory=pkg&egg=x', 'https://h/o/r.git#v1:pkg'],
    ['git+https://h/o/r?ref=v1&dir=pkg', 'https://h/o/r.git#v1:pkg'],
    ['git+https://u@h/o/r@v1', 'https://u@h/o/r.git#v1'],
  ])('%s is %s', (form, reference) => {
    expect(packageManagerForm(form)).toBe(reference);
    expect(parseReference(reference).scheme).toBe('git');
    expect(() => parseReference(form)).toThrow(
      expect.objectContaining({ code: 'E_REFERENCE', hint: expect.stringContaining(reference) }),
    );
  });

  it('knows the schemeless form of every forge', () => {
    for (const [text, reference] of [
      ['github.com/o/r', 'https://github.com/o/r.git'],
      ['github.com/o/r.git#v1', 'https://github.com/o/r.git#v1'],
      ['github.com/o/r/tree/v1/d', 'https://github.com/o/r.git#v1:d'],
      ['gitlab.com/o/r', 'https://gitlab.com/o/r.git'],
    ] as const) {
      expect(() => parseReference(text)).toThrow(expect.objectContaining({ hint: expect.stringContaining(reference) }));
    }
  });
});
