/** `ctxsrc diff` as a user meets it. */
import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { directory, expectFailure, layoutRef } from '../support/cli-expect.ts';
import { tempDir } from '../support/temp.ts';

const amd64 = ['--platform', 'linux/amd64'];
let dir: string;

const diff = (...args: string[]) => ctxsrc(['diff', ...args], { cwd: dir });

beforeAll(() => {
  dir = tempDir('diff');
  for (const name of ['a', 'b']) cpSync(directory('app'), join(dir, name), { recursive: true });
});

describe('directories', () => {
  it('that are equal: says so, exit 0', async () => {
    const key = (await ctxsrc(['key', 'a'], { cwd: dir })).stdout.trim();
    expect(await diff('a', 'b', '--exit-code')).toMatchObject({ code: 0, stdout: `equal ${key}\n`, stderr: '' });
  });

  it('that differ: names the paths, exit 0, or 6 when asked to', async () => {
    cpSync(join(dir, 'b'), join(dir, 'c'), { recursive: true });
    writeFileSync(join(dir, 'c', 'README.md'), 'other');
    const { size } = statSync(join(dir, 'a', 'README.md'));
    const line = `content README.md: ${size} -> 5 bytes\n`;
    const [plain, asked, json] = await Promise.all([
      diff('a', 'c'),
      diff('a', 'c', '--exit-code'),
      diff('a', 'c', '--json'),
    ]);
    expect([plain.code, plain.stdout, plain.stderr]).toEqual([0, line, '']);
    expect([asked.code, asked.stdout]).toEqual([6, line]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 'ctxsrc/v1',
      a: { scheme: 'local' },
      b: { scheme: 'local' },
      differences: [{ what: 'content', path: 'README.md', from: size, to: 5 }],
      keys: { from: expect.stringMatching(/^sha256:/), to: expect.stringMatching(/^sha256:/) },
      equal: false,
      filesCompared: true,
      incomplete: [],
    });
  });

  it('that cannot be read: one error, nothing on stdout', async () => {
    await expectFailure(['diff', directory('app'), './missing'], { code: 'E_PATH_NOT_FOUND', message: /missing/ });
  });
});

describe('images', () => {
  it('that differ in packing and configuration are told apart without a layer', async () => {
    const layout = join(dir, 'layout');
    cpSync(join(packageRoot, 'fixtures', 'layouts', 'everything'), layout, { recursive: true });
    const blobs = join(layout, 'blobs', 'sha256');
    for (const name of readdirSync(blobs)) if (statSync(join(blobs, name)).size > 5_000) rmSync(join(blobs, name));
    const result = await diff(`oci-layout://${layout}:amd64`, `oci-layout://${layout}:zstd`, ...amd64);
    expect(result.code, result.stderr).toBe(0);
    const lines = result.stdout.trimEnd().split('\n');
    expect(
      lines.map((line) =>
        line
          .split(' ')
          .slice(0, line.startsWith('layer') ? 2 : 1)
          .join(' '),
      ),
    ).toEqual(['digest', 'manifest', 'config', 'layer 0', 'layer 1', 'layer 2', 'configuration']);
    expect(lines[3]).toMatch(
      /^layer 0 sha256:\w{64} \(.+\) -> sha256:\w{64} \(.+\) \(the same files, packed otherwise\)$/,
    );
    expect(result.stderr).toBe('note: the files are the same\n');
  });

  it('of one content are equal whatever the reference', async () => {
    const tagged = layoutRef('everything', 'amd64');
    const pinned = (await ctxsrc(['digest', '--pinned', tagged])).stdout.trim().replace(':amd64@', '@');
    expect(pinned).not.toBe(tagged);
    const result = await diff(tagged, pinned, ...amd64, '--files', '--exit-code');
    expect([result.code, result.stdout]).toEqual([0, expect.stringMatching(/^equal sha256:/)]);
  });

  it('against their snapshot and a directory: nothing but what was touched', async () => {
    const hello = layoutRef('hello');
    const written = await ctxsrc(['snapshot', hello, './out'], { cwd: dir });
    expect(written.code, written.stderr).toBe(0);
    expect((await diff(hello, './out')).stdout).toBe(`equal ${written.stdout}`);
    expect((await diff(hello, './out', '--files')).stdout).toBe(`equal ${written.stdout}`);
    writeFileSync(join(dir, 'out', 'etc', 'motd'), 'other');
    const touched = await diff('./out', hello, '--exit-code');
    expect([touched.code, touched.stdout]).toEqual([6, 'files touched since they were written -> as they were\n']);
    expect(touched.stderr).toContain('--files');
    const files = await diff(hello, './out', '--files', '--exit-code');
    expect([files.code, files.stdout]).toEqual([6, expect.stringMatching(/^content etc\/motd: \d+ -> 5 bytes\n$/)]);
    cpSync(join(dir, 'out'), join(dir, 'plain'), { recursive: true, verbatimSymlinks: true });
    const plain = await diff('./plain', './out');
    expect([plain.code, plain.stdout]).toEqual([0, 'equal: the files are the same\n']);
    const other = await diff('./plain', hello);
    expect([other.code, other.stdout]).toEqual([0, 'kind directory -> reference\n']);
    expect((await diff('./plain', hello, '--files')).stdout).toBe(files.stdout.replace(/(\d+) -> 5/, '5 -> $1'));
  });
});
