import { describe, expect, it } from 'vitest';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { isGitReference } from '../../../src/source/git/reference-form.ts';
import { cleanSubdir, parseGitReference, parseGitUrl } from '../../../src/source/git/url.ts';

function usageError(text: string): string {
  try {
    parseGitReference(text);
  } catch (error) {
    if (!isCtxsrcError(error, 'E_REFERENCE')) throw error;
    return error.message;
  }
  throw new Error(`${text} was accepted`);
}

describe('isGitReference', () => {
  it.each([
    'https://h/x.git',
    'http://h/x.git?ref=a',
    'https://h/x.git#main:sub',
    'HTTPS://h/x.git',
    'ssh://git@h:22/x',
    'git://h/x',
    'git@h:x/y',
    'file:///srv/x.git',
  ])('%s is one', (text) => expect(isGitReference(text)).toBe(true));
  it.each([
    'https://h/x.tar.gz',
    'https://h/x.git/archive.tar',
    'https://h/?x=.git',
    'https://h/file#a.git',
    'https://x.git',
    './x.git',
    'alpine',
    'github.com/o/r',
    'docker-image://x@sha256:00',
    'ftp://h/x.git',
    'a b@h:x',
  ])('%s is none', (text) => expect(isGitReference(text)).toBe(false));
});

describe('parseGitReference', () => {
  it('reads the query', () => {
    const ref = parseGitReference(
      'https://h/x.git?branch=main&subdir=a//b/../c&keep-git-dir&submodules=f&commit=ab12&mtime=commit',
    );
    expect(ref).toMatchObject({
      remote: 'https://h/x.git',
      ref: 'refs/heads/main',
      subdir: 'a/c',
      keepGitDir: true,
      submodules: false,
      checksum: 'ab12',
      mtime: 'commit',
    });
  });

  it('accepts the same thing said twice', () => {
    expect(parseGitReference('https://h/x.git?tag=v1#refs/tags/v1').ref).toBe('refs/tags/v1');
    expect(parseGitReference('https://h/x.git?subdir=/a/#:a').subdir).toBe('a');
  });

  it.each([
    ['https://h/x.git?ref=a#b', 'ref conflicts: "b" and "a"'],
    ['https://h/x.git?subdir=a#:b', 'subdir conflicts: "b" and "a"'],
    ['https://h/x.git?checksum=a&commit=b', 'checksum conflicts: "a" and "b"'],
    ['https://h/x.git?ref=', 'query "ref" has no value'],
    ['https://h/x.git?submodules=maybe', 'invalid submodules value "maybe" in a git reference'],
    ['https://h/x.git?mtime=now', 'invalid mtime value "now" in a git reference'],
    ['https://h/x.git#-x', 'the ref "-x" starts with a dash'],
    ['https://h/x.git#%2d-upload-pack=x', 'the ref "--upload-pack=x" starts with a dash'],
    ['ssh://-oProxyCommand=x/y', 'the host "-oProxyCommand=x" of a git reference starts with a dash'],
    ['ssh://-l@h/y', 'the user "-l" of a git reference starts with a dash'],
    ['-x@h:y', 'the user "-x" of a git reference starts with a dash'],
    ['u@-h:y', 'the host "-h" of a git reference starts with a dash'],
    ['https://h:port/x.git', 'invalid host "h:port" in a git reference'],
    ['https://h h/x.git', 'invalid host "h h" in a git reference'],
    ['https:///x.git', 'a git reference needs a host'],
    ['file://host/x.git', 'file:// takes an absolute path and no host'],
    ['https://h/x.git#%zz', 'invalid escape in the fragment of a git reference'],
    ['https://h/x.git#a%0ab', 'the fragment of a git reference holds control characters'],
    ['https://h/x\n.git', 'a git reference holds no control characters'],
    ['ext::sh -c x', 'unknown protocol in "ext::sh -c x"'],
    ['ext://h/x.git', 'invalid protocol ext in a git reference'],
  ])('refuses %s', (text, message) => expect(usageError(text)).toBe(message));
});

describe('parseGitUrl', () => {
  it('prints a remote as Go prints a URL', () => {
    expect(parseGitUrl('https://h/a%20b.git').remote).toBe('https://h/a%20b.git');
    expect(parseGitUrl('https://h/a b.git').remote).toBe('https://h/a%20b.git');
    expect(parseGitUrl('HTTPS://User@H:8080/X.git?ref=a#b').remote).toBe('https://User@H:8080/X.git');
    expect(parseGitUrl('ssh://git@[::1]:22/x').host).toBe('[::1]:22');
  });
  it('reads query and fragment of the scp form', () => {
    const url = parseGitUrl('git@h:o/r.git?ref=v1#:sub');
    expect(url).toMatchObject({
      remote: 'git@h:o/r.git',
      host: 'h',
      path: 'o/r.git',
      fragment: { ref: '', subdir: 'sub' },
    });
    expect(url.query.get('ref')).toEqual(['v1']);
  });
});

describe('cleanSubdir', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['a/', 'a'],
    ['/a//b/./c', 'a/b/c'],
    ['../../etc', 'etc'],
    ['a/../../b', 'b'],
  ])('%j is %j', (text, want) => expect(cleanSubdir(text)).toBe(want));
});
