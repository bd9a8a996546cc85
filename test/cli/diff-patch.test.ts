/** `ctxsrc diff --patch`: patches that apply, and their limits; names and content that could do harm. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { needs } from '../support/needs.ts';
import { shopImages } from '../support/shop-images.ts';
import { tempDir } from '../support/temp.ts';

let dir: string;
const write = (side: string, name: string, content: string | Buffer): void =>
  writeFileSync(join(dir, side, name), content);
const diff = (...args: string[]) => ctxsrc(['diff', 'a', 'b', ...args], { cwd: dir });
const numbered = (count: number, word: string): string =>
  Array.from({ length: count }, (_, index) => `${word} ${index}\n`).join('');

beforeEach(() => {
  dir = tempDir('patch');
  for (const side of ['a', 'b']) mkdirSync(join(dir, side));
});

it.skipIf(!needs('patch'))('applies with patch -p1, whatever the names are', async () => {
  write('a', 'gone', 'was\n');
  write('a', 'mode', 'as it was\n');
  write('a', 'end', 'no line end');
  write('a', 'lines', numbered(50, 'line'));
  write('a', 'mode of\ta blank', 'as it was\n');
  for (const name of ['empty and gone', '::empty', 'mode with a blank']) write('a', name, '');
  cpSync(join(dir, 'a'), join(dir, 'b'), { recursive: true });
  rmSync(join(dir, 'b', 'gone'));
  for (const name of ['empty and gone', '::empty']) rmSync(join(dir, 'b', name));
  for (const name of ['mode', 'mode with a blank', 'mode of\ta blank']) chmodSync(join(dir, 'b', name), 0o755);
  write('b', 'end', 'another\nend');
  write('b', 'lines', numbered(50, 'line').replace('line 20\n', 'line twenty\n').replace('line 45\n', ''));
  mkdirSync(join(dir, 'b', 'with blank'));
  write('b', 'with blank/a b', 'new\r\n');
  write('b', 'quote " and \n', 'new');
  write('b', 'empty', '');
  const { stdout, code } = await diff('--patch');
  expect(code).toBe(0);
  expect(stdout).toContain('\n@@ -18,7 +18,7 @@\n line 17\n');
  execFileSync('patch', ['-p1', '--quiet'], { cwd: join(dir, 'a'), input: stdout });
  expect((await diff()).stdout).toBe('a → b: the same\n');
});

describe('limits', () => {
  it('two unlike files of a megabyte take seconds, not minutes, and are replaced as a whole (D6)', async () => {
    write('a', 'unlike', numbered(19_000, `${'a'.repeat(40)}`).slice(0, 990_000));
    write('b', 'unlike', numbered(19_000, `${'b'.repeat(40)}`).slice(0, 990_000));
    const { stdout, ms } = await diff('--patch');
    expect(stdout).toContain('@@ -1,19000 +1,19000 @@\n-aaaa');
    // A second on a machine that does nothing else; unbounded it would be an hour.
    expect(ms).toBeLessThan(10_000);
  });

  it('what is too large, binary or of another type is named in a line (D6)', async () => {
    write('a', 'large', 'x'.repeat(4_600_000));
    write('b', 'large', 'x'.repeat(4_700_000));
    write('b', 'lines', numbered(20_001, 'x'));
    write('b', 'binary', Buffer.from([0, 1, 2]));
    write('b', 'latin', Buffer.from('caf\xe9', 'latin1'));
    write('a', 'type', 'file');
    mkdirSync(join(dir, 'b', 'type'));
    const { stdout } = await diff('--patch');
    expect(stdout.split('\n').slice(2)).toEqual([
      'Binary files /dev/null and b/binary differ',
      'large: too large for a patch: 4.6 MB → 4.7 MB',
      'Binary files /dev/null and b/latin differ',
      expect.stringMatching(/^lines: too large for a patch: 0 B → /),
      'type: it became something else, which is in no patch',
      '',
    ]);
  });

  it('of images are read from their layers, each layer once', async () => {
    shopImages().write(join(dir, 'shop'));
    const refs = ['1.4', '1.5'].map((tag) => `oci-layout://shop:${tag}`);
    const { stdout } = await ctxsrc(['diff', '--patch', '--platform', 'linux/amd64', ...refs], { cwd: dir });
    expect(stdout).toContain(`--- a/app/package-lock.json
+++ b/app/package-lock.json
@@ -1,3 +1,3 @@
-{"version":"1.4"}
`);
    expect(stdout).toContain('diff --git a/app/start b/app/start\nold mode 100644\nnew mode 100755\n');
  });
});

describe('what could do harm', () => {
  it('a name is quoted, and no line of a log of GitHub Actions is a command', async () => {
    write('b', '\x1b]0;title\x07', 'x\n');
    write('b', '::error::x', 'x\n');
    const { stdout } = await diff();
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
    expect(stdout).toContain('A "\\033]0;title\\a"');
    write('b', 'content', '::add-mask::x\n');
    const inActions = await ctxsrc(['diff', 'a', 'b', '--patch'], { cwd: dir, env: { GITHUB_ACTIONS: 'true' } });
    expect(inActions.stdout).toContain('content: not shown: a line in it looks like a command');
    expect(inActions.stdout).not.toContain('::add-mask');
    expect((await diff('--patch')).stdout).toContain('+::add-mask::x\n');
  });
});
