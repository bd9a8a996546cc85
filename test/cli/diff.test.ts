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
    expect(await diff('a', 'b', '--exit-code')).toMatchObject({ code: 0, stdout: 'a → b: the same\n', stderr: '' });
  });

  it('that differ: names the paths, exit 0, or 6 when asked to', async () => {
    cpSync(join(dir, 'b'), join(dir, 'c'), { recursive: true });
    writeFileSync(join(dir, 'c', 'README.md'), 'other');
    const { size } = statSync(join(dir, 'a', 'README.md'));
    const less = `-${size - 5} B`;
    const text = `a → c: 1 file (${less})\n\n M README.md      ${less}\n\n1 file: 1 changed\n`;
    const [plain, asked, json] = await Promise.all([
      diff('a', 'c'),
      diff('a', 'c', '--exit-code'),
      diff('a', 'c', '--json'),
    ]);
    expect([plain.code, plain.stdout, plain.stderr]).toEqual([0, text, '']);
    expect([asked.code, asked.stdout]).toEqual([6, text]);
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
    const both = [`oci-layout://${layout}:amd64`, `oci-layout://${layout}:zstd`];
    const result = await diff(...both, ...amd64);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^.*layout:amd64 → zstd: same files, other ENV ARCH, compression \(gzip, zstd\)\n/);
    expect(result.stdout).toMatch(/\n 1 {2}\(no history\) +50711 B → 50704 B\n/);
    expect(result.stdout).toContain(' ENV ARCH  is gone: "amd64"\n');
    expect(result.stderr).toBe('');
    const { differences } = JSON.parse((await diff(...both, '--json', ...amd64)).stdout);
    expect(
      differences.map(({ what, index }: { what: string; index?: number }) => `${what},${index ?? ''}`).join(' '),
    ).toBe('digest, manifest, config, layer,0 layer,1 layer,2 configuration,');
    expect(differences[3]).toMatchObject({ sameContent: true });
  });

  it('of one content are equal whatever the reference', async () => {
    const tagged = layoutRef('everything', 'amd64');
    const pinned = (await ctxsrc(['digest', '--pinned', tagged])).stdout.trim().replace(':amd64@', '@');
    expect(pinned).not.toBe(tagged);
    const result = await diff(tagged, pinned, ...amd64, '--files', '--exit-code');
    expect([result.code, result.stdout]).toEqual([0, expect.stringMatching(/: the same\n$/)]);
  });

  it('against their snapshot and a directory: nothing but what was touched', async () => {
    const hello = layoutRef('hello');
    const written = await ctxsrc(['snapshot', hello, './out'], { cwd: dir });
    expect(written.code, written.stderr).toBe(0);
    expect((await diff(hello, './out')).stdout).toMatch(/ → \.\/out: the same\n$/);
    expect((await diff(hello, './out', '--files')).stdout).toMatch(/ → \.\/out: the same\n$/);
    const { size } = statSync(join(dir, 'out', 'etc', 'motd'));
    writeFileSync(join(dir, 'out', 'etc', 'motd'), 'other');
    const touched = await diff('./out', hello, '--exit-code');
    expect([touched.code, touched.stdout]).toEqual([6, expect.stringContaining('files were touched since they were')]);
    expect(touched.stderr).toContain('--files');
    const files = await diff(hello, './out', '--files', '--exit-code');
    const less = size - 5;
    expect([files.code, files.stdout]).toEqual([6, expect.stringContaining(`\n M etc/motd      -${less} B\n`)]);
    cpSync(join(dir, 'out'), join(dir, 'plain'), { recursive: true, verbatimSymlinks: true });
    const plain = await diff('./plain', './out');
    expect([plain.code, plain.stdout]).toEqual([
      0,
      './plain → ./out: the same content, though the keys of the two are made otherwise\n',
    ]);
    const other = await diff('./plain', hello);
    expect([other.code, other.stdout]).toEqual([
      0,
      expect.stringMatching(/: a directory and a reference, whose files/),
    ]);
    expect((await diff('./plain', hello, '--files')).stdout).toContain(`\n M etc/motd      +${less} B\n`);
  });
});
