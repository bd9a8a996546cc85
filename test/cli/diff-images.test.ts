/** `ctxsrc diff` of images: what a person sees, and what it reads for that. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { shopImages } from '../support/shop-images.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const env = { LC_ALL: 'C.UTF-8' };
const images = shopImages();
let dir: string;

beforeAll(() => {
  dir = tempDir('diff');
  images.write(join(dir, 'shop'));
});

const shop = (tag: string): string => `oci-layout://shop:${tag}`;
const diff = (args: readonly string[], more: Readonly<Record<string, string>> = {}, home?: string) =>
  ctxsrc(['diff', '--platform', 'linux/amd64', ...args], { cwd: dir, env: { ...env, ...more }, home });
const answer = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await diff(args);
  expect(code, stderr).toBe(0);
  return stdout;
};

describe('two versions of an image', () => {
  it('line 1 is the answer, and speaks of files only where they were read (D7)', async () => {
    expect(await answer(shop('1.4'), shop('1.5'), '-q')).toMatch(
      /^shop:1\.4 → 1\.5: 2 of 3 layers \([+-]\d+ B to fetch\), and ENV PATH\n$/,
    );
    const sentence = await answer(shop('1.4'), shop('1.5'), '-q', '--files');
    expect(sentence).toBe('shop:1.4 → 1.5: 2 of 3 layers, 6 files (-36 B), and ENV PATH\n');
    for (const flags of [['--files'], ['--stat'], ['--patch']]) {
      expect((await answer(shop('1.4'), shop('1.5'), ...flags)).split('\n')[0]).toBe(sentence.trimEnd());
    }
  });

  it('are shown by layer, folder and setting, with changes of metadata in words (D2)', async () => {
    expect(await answer(shop('1.4'), shop('1.5'), '--stat')).toBe(
      `shop:1.4 → 1.5: 2 of 3 layers, 6 files (-36 B), and ENV PATH

 1  same
 2  COPY package-lock.json ./                                                    1 file
 3  RUN npm ci --omit=dev                                                       5 files

 D app/node_modules/left-pad/  (2)     -260 B  ----------------------------
 A app/node_modules/undici/  (2)       +218 B  +++++++++++++++++++++++
 M app/package-lock.json                 +6 B  ++++++------
 m app/start                                   mode 0644 → 0755

6 files: 2 added, 1 changed, 2 gone, 1 with another mode, owner or attribute; 2 folders
 ENV PATH  "/opt/shop/bin:" put in front of "/usr/bin"
`,
    );
  });

  it('are told apart by content of the same size, owner, attribute and link (D2)', async () => {
    const built = new LayoutBuilder();
    const versions: readonly TarEntry[][] = [
      [
        { name: 'same-size', content: 'one' },
        { name: 'owned', content: 'x' },
        { name: 'plain', content: 'x' },
        { name: 'way', type: 'symlink', linkname: 'plain' },
      ],
      [
        { name: 'same-size', content: 'two' },
        { name: 'owned', content: 'x', uid: 1000 },
        { name: 'plain', content: 'x', xattrs: { 'user.note': 'y' } },
        { name: 'way', type: 'symlink', linkname: 'owned' },
      ],
    ];
    for (const [index, entries] of versions.entries())
      built.tag(built.image({ layers: [built.layer(tar(entries))] }), `v${index}`);
    built.write(join(dir, 'words'));
    const lines = (await answer('oci-layout://words:v0', 'oci-layout://words:v1', '--files')).split('\n');
    expect(lines.filter((line) => /^ [AMDm] /.test(line)).map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      'm owned owner 0 → 1000',
      'm plain +user.note',
      'M same-size other bytes, same size',
      'M way link plain → owned',
    ]);
  });

  it('as JSON have what they had, and bytes, layers and settings (D5)', async () => {
    const document = JSON.parse(await answer(shop('1.4'), shop('1.5'), '--stat', '--json'));
    expect(document).toMatchObject({
      schema: 'ctxsrc/v1',
      equal: false,
      sameContent: false,
      filesCompared: true,
      layers: [
        { state: 'same', from: 1, to: 1 },
        { state: 'changed', from: 2, to: 2, madeBy: 'COPY package-lock.json ./' },
        { state: 'changed', from: 3, to: 3 },
      ],
      settings: [{ kind: 'config', name: 'ENV PATH', from: '/usr/bin', to: '/opt/shop/bin:/usr/bin' }],
      files: { added: 2, changed: 1, gone: 2, metadata: 1, folders: 2 },
    });
    const lock = document.differences.find(({ path }: { path?: string }) => path === 'app/package-lock.json');
    expect(lock).toEqual({
      what: 'content',
      path: 'app/package-lock.json',
      type: 'file',
      from: 54,
      to: 60,
      bytes: { added: 60, gone: 54 },
      layer: 2,
    });
    const { added, gone } = document.files.bytes;
    const rows = document.differences.filter(({ bytes }: { bytes?: object }) => bytes !== undefined);
    expect(rows.reduce((sum: number, { bytes }: { bytes: { added: number } }) => sum + bytes.added, 0)).toBe(added);
    expect(document.sentence).toContain(`(${added - gone} B)`);
  });

  it('are compared from the index of entries: the second time no layer is fetched, or there', async () => {
    const registry = await TestRegistry.start();
    const home = cliHome();
    try {
      for (const [index, tag] of ['1.4', '1.5'].entries()) {
        registry.push(images, 'team/shop', tag, images.manifests[index]!);
      }
      const refs = ['1.4', '1.5'].map((tag) => `docker-image://${registry.host}/team/shop:${tag}`);
      const plain = await diff(refs, {}, home);
      expect([plain.code, registry.count('GET', /blobs/)]).toEqual([0, 2]);
      const first = await diff([...refs, '--files'], {}, home);
      // Five layers: the base is one of both.
      expect([first.code, registry.count('GET', /blobs/)]).toEqual([0, 2 + 5]);
      const blobs = join(home, 'cache', 'ctxsrc', 'blobs', 'sha256');
      const isDocument = (name: string): boolean => readFileSync(join(blobs, name))[0] === 0x7b;
      for (const name of readdirSync(blobs)) if (!isDocument(name)) rmSync(join(blobs, name));
      const second = await diff([...refs, '--files'], {}, home);
      expect([second.stdout, registry.count('GET', /blobs/)]).toEqual([first.stdout, 2 + 5]);
    } finally {
      await registry.stop();
    }
  });
});

describe('images with the same files', () => {
  it.each([
    ['zstd', [], 'same files, other compression (gzip, zstd)'],
    ['later', [], 'same files, other time of creation'],
    ['noted', [], 'same files, other annotations'],
    ['moved', ['--files'], 'same files, other order of the layers'],
    ['touched', ['--files'], 'same files in other layers (1 of 3 layers), other times of 1 file'],
    ['1.4', [], 'the same'],
  ])('%s differ in what they say', async (tag, flags, sentence) => {
    const said = await answer(shop('1.4'), shop(tag), '-q', ...flags);
    expect(said.replace(/^.*?: /, '')).toContain(sentence);
  });
});

describe('what is asked for', () => {
  it('--only and --ignore choose kinds and paths, and what is left out is counted (D3)', async () => {
    const pair = [shop('1.4'), shop('1.5')];
    const modes = await answer(...pair, '--only', 'mode');
    expect(modes).toContain(' m app/start');
    expect(modes).not.toContain('ENV PATH');
    expect(modes).toMatch(/\n8 differences left out by --only or --ignore\n$/);
    const rest = await answer(...pair, '--ignore', 'app/node_modules', '--ignore', 'config,mode');
    expect(rest).toContain('1 file (+6 B)');
    expect(rest).not.toContain('node_modules');
    expect(await answer(...pair, '--only', 'owner,xattr', '-q')).toContain('nothing of what was asked for differs');
    expect(await answer(shop('1.4'), shop('touched'), '--only', 'time')).toMatch(
      / m app\/package-lock\.json +time 2023-11-14T22:13:20Z → 2027-01-15T08:00:00Z\n/,
    );
    const unknown = await diff([...pair, '--only', 'size']);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('it takes content, mode')]);
  });

  it('--exit-code is 6 when the content keys differ, or anything of the kinds asked for (D7)', async () => {
    const code = async (...args: string[]) => (await diff([...args, '--exit-code', '-q'])).code;
    expect(await code(shop('1.4'), shop('1.5'))).toBe(6);
    expect(await code(shop('1.4'), shop('zstd'))).toBe(0);
    expect(await code(shop('1.4'), shop('zstd'), '--definition')).toBe(6);
    expect(await code(shop('1.4'), shop('zstd'), '--only', 'packing')).toBe(6);
    expect(await code(shop('1.4'), shop('1.5'), '--only', 'owner')).toBe(0);
    expect(await code(shop('1.4'), shop('1.5'), '--only', 'config')).toBe(6);
    expect(await code(shop('1.4'), shop('touched'), '--ignore', 'config,created,packing')).toBe(6);
    expect(await code(shop('1.4'), shop('touched'), '--ignore', 'time,packing')).toBe(0);
  });

  it('--max-growth is exit 8 by the manifests alone, after the answer (C5)', async () => {
    const small = await diff([shop('1.4'), shop('1.5'), '--max-growth', '1%', '-q']);
    expect(small.code).toBe(0);
    const grown = await diff([shop('moved'), shop('zstd'), '--max-growth', '0B', '-q']);
    expect(grown.code).toBe(0);
    const back = await diff([shop('zstd'), shop('1.4'), '--max-growth', '0.1%', '-q']);
    expect(back.code).toBe(8);
    expect(back.stdout).toMatch(/^shop:zstd → 1\.4: /);
    expect(back.stderr).toMatch(/^ctxsrc: 1\.4 has grown by \d+ B \(.* of layers to fetch\)\nhint: .*--stat/);
  });

  it('two platforms of one image are two sides', async () => {
    const both = ['--platform', 'linux/amd64,linux/arm64'];
    const layout = 'oci-layout://fixtures/layouts/everything:nested';
    const run = await ctxsrc(['diff', layout, ...both], { env });
    expect(run.stdout.split('\n')[0]).toMatch(
      /everything:nested linux\/amd64 → linux\/arm64: 2 of 3 layers .*, and platform, ENV ARCH$/,
    );
    const alone = await ctxsrc(['diff', layout], { env });
    expect([alone.code, alone.stdout]).toEqual([2, '']);
    expect(alone.stderr).toContain('--platform linux/amd64,linux/arm64');
  });

  it('--markdown has a row for each path and setting, and nothing of a name is Markdown (D7)', async () => {
    const text = await answer(shop('1.4'), shop('noted'), '--markdown');
    expect(text).toContain('|  | `annotation com.example.note` |  | is new: &#34;a&#96;&#124;b&#34; |');
    const rows = await answer(shop('1.4'), shop('1.5'), '--markdown', '--stat');
    expect(rows.split('\n').filter((line) => /^\| [AMDm]? \|/.test(line) || line.startsWith('|  |')).length).toBe(5);
    expect(rows).toContain('| A | `app/node_modules/undici/` (2) | +218 B |  |');
  });
});

it('another name of a file, link or device is what the first name is', async () => {
  const layout = new LayoutBuilder();
  const hard = (name: string, linkname: string): TarEntry => ({ name, type: 'hardlink', linkname });
  const names = ['file', 'link', 'null', 'holes'].map((name) => hard(`also-${name}`, name));
  const entries = (content: string, minor: number, more = {}): TarEntry[] => [
    { name: 'file', content, xattrs: { ...more, 'user.note': content } },
    { name: 'link', type: 'symlink', linkname: content },
    { name: 'null', type: 'char', devmajor: 1, devminor: minor },
    { name: 'holes', content, sparse: { format: '1.0', realSize: 9000, map: [[512, content.length]] } },
  ];
  const tag = (name: string, layers: readonly (readonly TarEntry[])[]): string => {
    layout.tag(layout.image({ layers: layers.map((one) => layout.layer(tar(one))) }), name);
    return `oci-layout://links:${name}`;
  };
  // The owner of the further name takes the capability from the file.
  const one = tag('one', [[...entries('one', 3, { 'security.capability': 'c' }), ...names]]);
  const other = tag('other', [entries('two', 5), names]);
  const written = tag('written', [
    [...entries('one', 3), ...names.map(({ name }, i) => ({ ...entries('one', 3)[i]!, name }))],
  ]);
  layout.write(join(dir, 'links'));
  const rows = async (from: string, to: string): Promise<string[]> =>
    JSON.parse(await answer(from, to, '--files', '--json'))
      .differences.filter(({ path }: { path?: string }) => path !== undefined)
      .map(({ path, what, type, layer }: Record<string, unknown>) => `${path} ${what} ${type} ${layer}`);
  const what = [
    'file content file',
    'file xattr file',
    'holes content file',
    'link target symlink',
    'null device char',
  ];
  const differing = (before: string, layer: number) => what.map((words) => `${before}${words} ${layer}`);
  expect(await rows(one, other)).toEqual([...differing('also-', 2), ...differing('', 1)]);
  expect(await rows(one, written)).toEqual([]);
});

describe('the screen', () => {
  it('is ASCII where the locale is, and no name loses a letter in a pipe (T2)', async () => {
    const { stdout } = await diff([shop('1.4'), shop('1.5'), '--stat'], { LC_ALL: 'C' });
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    expect(stdout).toContain('shop:1.4 -> 1.5: ');
    expect(stdout).toContain('mode 0644 -> 0755');
    const coloured = await diff([shop('1.4'), shop('1.5'), '--stat'], { FORCE_COLOR: '1' });
    const plain = await diff([shop('1.4'), shop('1.5'), '--stat'], { FORCE_COLOR: '1', NO_COLOR: '1' });
    expect(coloured.stdout.replace(/\x1b\[\d+m/g, '')).toBe(plain.stdout);
    expect(coloured.stdout).not.toBe(plain.stdout);
    const read = await diff([shop('1.4'), shop('1.5'), '--stat'], { ACCESSIBLE: '1' });
    expect(read.stdout).not.toMatch(/\+\+|--\n/);
    expect(read.stdout).toContain('-260 B');
  });
});
