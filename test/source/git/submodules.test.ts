import { describe, expect, it } from 'vitest';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { submoduleUrl } from '../../../src/source/git/submodules.ts';
import { parseGitUrl } from '../../../src/source/git/url.ts';

const parent = parseGitUrl('https://h/group/top.git');

describe('submoduleUrl', () => {
  it.each([
    ['https://h/group/top.git', '../x.git', 'https://h/group/x.git'],
    ['https://h/group/top.git/', './x.git', 'https://h/group/top.git/x.git'],
    ['https://h/top.git', '../../../x.git', 'https://h/x.git'],
    ['ssh://git@h:22/a/b', '../c', 'ssh://git@h:22/a/c'],
    ['git@h:a/b.git', '../c.git', 'git@h:a/c.git'],
    ['https://h/a.git', 'git@other:x/y', 'git@other:x/y'],
    ['https://h/a.git', 'https://other/y.git', 'https://other/y.git'],
  ])('of %s: %s is %s', (from, url, want) => expect(submoduleUrl('m', url, parseGitUrl(from)).remote).toBe(want));

  it.each([
    ['ext::sh -c "touch x"', 'E_UNSAFE'],
    ['file:///etc', 'E_UNSAFE'],
    ['FILE:///etc', 'E_UNSAFE'],
    ['/etc', 'E_UNSAFE'],
    ['--upload-pack=touch', 'E_UNSAFE'],
    ['ftp://h/x', 'E_UNSAFE'],
    ['fd::17', 'E_UNSAFE'],
    ['https://u:p@h/x', 'E_UNSAFE'],
    ['ssh://-oProxyCommand=x/y', 'E_REFERENCE'],
    ['https://h/\u001b[31m', 'E_REFERENCE'],
    [undefined, 'E_NOT_FOUND'],
  ])('%s is refused', (url, code) => {
    try {
      submoduleUrl('mod\u001b[31m', url, parent);
      expect.unreachable();
    } catch (error) {
      if (!isCtxsrcError(error)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).not.toContain('\u001b');
    }
  });

  it('lets no local repository read another', () => {
    expect(() => submoduleUrl('m', '../x.git', parseGitUrl('file:///srv/top.git'))).toThrow(/no address on a network/);
  });
});
