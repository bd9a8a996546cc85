/** `ctxsrc inspect` as a user meets it. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatBytes } from '../../../src/core/format.ts';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { expectFailure } from '../../support/cli-expect.ts';
import { type BuiltLayer, LayoutBuilder } from '../../support/layout-builder.ts';
import { TestRegistry } from '../../support/registry.ts';
import { type TarEntry, tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const env = { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' };
const file = (name: string, size: number, letter = 'x'): TarEntry => ({ name, content: letter.repeat(size) });

interface Made {
  readonly layout: LayoutBuilder;
  readonly built: readonly BuiltLayer[];
  readonly ref: string;
}

/** An image of these layers in a layout of its own; `more` is put into its configuration. */
function image(
  layers: readonly (readonly TarEntry[])[],
  more: Readonly<Record<string, unknown>> = {},
  annotations?: Readonly<Record<string, string>>,
): Made {
  const layout = new LayoutBuilder();
  const built = layers.map((entries) => layout.layer(tar(entries)));
  const configBytes = JSON.stringify({
    created: '2024-02-03T04:05:06Z',
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: built.map(({ diffId }) => diffId) },
    ...more,
  });
  layout.tag(layout.image({ layers: built, configBytes, annotations }), 'latest');
  return { layout, built, ref: `oci-layout://${layout.write(tempDir('image'))}` };
}

async function text(args: readonly string[], home?: string): Promise<string> {
  const { code, stdout, stderr } = await ctxsrc(['inspect', '--quiet', ...args], { home, env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

// biome-ignore lint/suspicious/noExplicitAny: a document of many forms
async function json(args: readonly string[], home?: string): Promise<any> {
  return JSON.parse(await text([...args, '--json'], home));
}

const hiding = [
  [
    file('once', 10),
    file('thrice', 10),
    file('gone', 7),
    file('chmod', 5),
    { name: 'd', type: 'dir' },
    file('d/in', 3),
  ],
  [file('thrice', 20), file('.wh.gone', 0), { ...file('chmod', 5), mode: 0o755 }, file('d/.wh..wh..opq', 0)],
  [file('thrice', 30)],
] as const satisfies readonly (readonly TarEntry[])[];

describe('an image', () => {
  it('is shown by its digests, sizes and layers from the base up, with what made them', async () => {
    const history = [
      { created_by: '/bin/sh -c #(nop) ADD file:1 in / ' },
      { created_by: '/bin/sh -c #(nop)  CMD ["sh"]', empty_layer: true },
      { created_by: 'RUN |1 A=b /bin/sh -c make\t all # buildkit' },
    ];
    const { ref, layout } = image([[file('a', 3000)], [file('b', 1)]], {
      history,
      config: { Env: ['SECRET=hunter2'], Cmd: ['sh', '-c', 'run it'], User: 'app' },
    });
    const shown = await text([ref]);
    const lines = shown.split('\n');
    expect(lines[0]).toBe(`${ref}  linux/amd64  2024-02-03`);
    expect(shown).toContain(`image    ${layout.manifests[0]!.digest}\n`);
    expect(shown).toContain(`pinned   ${ref}@${layout.manifests[0]!.digest}\n`);
    expect(shown).toMatch(/^key {6}sha256:[0-9a-f]{64}$/m);
    expect(shown).toMatch(/^ 1 {2}.*% {2}ADD file:1 in \/$/m);
    expect(shown).toMatch(/^ 2 {2}.*% {2}RUN make all$/m);
    expect(shown).toMatch(/^runs {5}sh -c 'run it', as app, in \/; ENV SECRET$/m);
    expect(shown).not.toContain('hunter2');
    const { layers } = await json([ref]);
    expect(layers[1].steps).toEqual([{ instruction: 'CMD', text: '["sh"]' }]);
  });

  it.each([
    ['none', undefined],
    ['shorter', [{ created_by: 'RUN a' }]],
    ['longer', [{ created_by: 'RUN a' }, { created_by: 'RUN b' }, { created_by: 'RUN c' }]],
  ])('with a history that does not fit (%s) says so (L6)', async (_name, history) => {
    const { ref } = image([[file('a', 1)], [file('b', 1)]], { history });
    expect((await text([ref])).match(/\(no history\)$/gm)).toHaveLength(2);
  });

  it('has a dash for what only its layers tell, and reads them when it is asked (L2)', async () => {
    const { ref } = image(hiding);
    const home = cliHome();
    const before = await json([ref], home);
    expect([before.onDisk, before.hidden, before.largest]).toEqual([null, null, null]);
    expect(await text([ref], home)).toMatch(/- on disk.*[\s\S]*^hidden {3}-; --hidden reads/m);
    const after = await json([ref, '--hidden'], home);
    // 10 and 20 of `thrice`, 7 of `gone`, 5 of `chmod`, 3 of `d/in`.
    expect([after.onDisk, after.hidden.bytes, after.hidden.files, after.hidden.alive]).toEqual([90, 45, 5, 45]);
    expect(after.hidden.paths).toEqual([
      { path: 'thrice', size: 20, layer: 2, by: 3, how: 'replaced' },
      { path: 'thrice', size: 10, layer: 1, by: 2, how: 'replaced' },
      { path: 'gone', size: 7, layer: 1, by: 2, how: 'removed' },
      { path: 'chmod', size: 5, layer: 1, by: 2, how: 'metadata' },
      { path: 'd/in', size: 3, layer: 1, by: 2, how: 'removed' },
    ]);
    const listed = await text([ref, '--hidden'], home);
    expect(listed).toMatch(/^hidden {3}45 B in 5 files/m);
    expect(listed).toMatch(/^ {4}20 B {6}2 {2}replaced by 3 {6}thrice$/m);
    // From now on it is known, without a word of layers; the paths only where they are asked for.
    const then = await json([ref], home);
    expect([then.onDisk, then.hidden.bytes, then.hidden.paths]).toEqual([90, 45, undefined]);
  });

  it('has headed columns in decimal units whose sums it prints; what is not known is a dash, never a number (L5)', async () => {
    const { ref, built } = image([[file('a', 1_234_000)], [file('b', 5_000)], [file('c', 0)]]);
    const home = cliHome();
    const columns = async (): Promise<string[][]> => {
      const lines = (await text([ref], home)).split('\n');
      expect(lines.find((line) => line.includes('FETCH'))).toMatch(/^ +# +FETCH +ON DISK /);
      const rows = lines.flatMap((line) => {
        const cells = /^ +\d+ +(\d[\d.]* k?M?B) +(-|\d[\d.]* k?M?B) +/.exec(line);
        return cells === null ? [] : [[cells[1]!, cells[2]!]];
      });
      const [, fetch, disk] = /^size +(.+) to fetch, (.+) on disk/m.exec(lines.join('\n'))!;
      return [...rows, [fetch!, disk!]];
    };
    const sizes = built.map(({ descriptor }) => descriptor.size);
    const fetched = [...sizes, sizes.reduce((sum, size) => sum + size, 0)].map(formatBytes);
    expect(await columns()).toEqual(fetched.map((size) => [size, '-']));
    await text([ref, '--files'], home);
    const onDisk = [1_234_000, 5_000, 0, 1_239_000].map(formatBytes);
    expect(onDisk[0]).toBe('1.2 MB');
    expect(await columns()).toEqual(fetched.map((size, at) => [size, onDisk[at]]));
  });

  it('lists as largest only what is left in the end (L3)', async () => {
    const { ref } = image(hiding);
    const { largest } = await json([ref, '--files']);
    const { stdout } = await ctxsrc(['ls', '-R', '--quiet', ref], { env });
    expect(largest[0]).toEqual({ path: 'thrice', size: 30, layer: 3 });
    for (const { path } of largest) expect(stdout.split('\n')).toContain(path);
    expect(await text([ref, '--files'])).toMatch(/^ {4}30 B {6}3 {2}thrice$/m);
  });

  it('gives with --json --files what each entry does (L4)', async () => {
    const { ref } = image(hiding);
    const { layers } = await json([ref, '--files']);
    const rows = layers.map(({ entries }: { entries: { change: string; path: string; hiddenBy?: number }[] }) =>
      entries.map(({ change, path, hiddenBy }) => `${change} ${path}${hiddenBy === undefined ? '' : ` < ${hiddenBy}`}`),
    );
    expect(rows).toEqual([
      ['add once', 'add thrice < 2', 'add gone < 2', 'add chmod < 2', 'add d', 'add d/in < 2'],
      ['replace thrice < 3', 'remove gone', 'replace chmod', 'opaque d'],
      ['replace thrice'],
    ]);
    expect(layers[1].entries[2]).toMatchObject({ type: 'file', size: 5, mode: '0755', uid: 0, gid: 0 });
  });

  it('says bytes of a path that are no UTF-8 only where they are left of it', async () => {
    const name = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    const { ref } = image([[{ name: name('\xff/../plain') }, { name: name('./\xff') }]]);
    const { layers } = await json([ref, '--files']);
    expect(layers[0].entries.map(({ path, pathBytes }: Record<string, unknown>) => [path, pathBytes])).toEqual([
      ['plain', undefined],
      ['\xff', true],
    ]);
  });

  it('--layer shows one of them', async () => {
    const { ref, built } = image(hiding);
    const shown = await text([ref, '--layer', '2', '--hidden']);
    expect(shown).toContain('  layer 2 of 3\n');
    expect(shown).toContain(`digest   ${built[1]!.descriptor.digest}\ndiff ID  ${built[1]!.diffId}\n`);
    expect(shown).toMatch(/^hidden {3}20 B$/m);
    expect(shown.match(/ (replaced|removed) by /g)).toHaveLength(1);
    const { layers } = await json([ref, '--layer', '2']);
    expect(layers.map(({ number }: { number: number }) => number)).toEqual([2]);
    await expectFailure(['inspect', ref, '--layer', '4'], {
      code: 'E_USAGE',
      message: /no layer 4: the image has 3 layers/,
      hint: /the base, which is 1/,
    });
    await expectFailure(['inspect', tempDir('none'), '--hidden'], {
      code: 'E_ATTRIBUTE',
      message: /has no layers/,
      hint: /ctxsrc ls -R/,
    });
  });

  it('names its base: by annotation, else the image in the store that has its first layers (L2)', async () => {
    const home = cliHome();
    const [base, other] = [[file('b', 9)], [file('o', 9)]];
    const below = image([base, other]);
    const smaller = image([base]);
    const built = image([base, other, [file('own', 1)]]);
    await ctxsrc(['pull', smaller.ref], { home, env });
    await ctxsrc(['pull', below.ref], { home, env });
    const found = await json([built.ref], home);
    expect(found.base).toMatchObject({ layers: 2, by: 'layers', digest: below.layout.manifests[0]!.digest });
    expect(found.layers.map((layer: { base: boolean }) => layer.base)).toEqual([true, true, false]);
    expect(await text([built.ref], home)).toMatch(/^ 2 .*\n {4}above: base /m);
    const replaced = image([base, other, [file('b', 4)], [file('b', 1)]]);
    const { hidden } = await json([replaced.ref, '--hidden'], home);
    expect([hidden.bytes, hidden.base, hidden.own]).toEqual([13, { bytes: 9, files: 1 }, { bytes: 4, files: 1 }]);
    // The image itself is no base of its own.
    expect((await json([smaller.ref], home)).base).toBeNull();
    const named = image([base, [file('own', 1)]], {}, { 'org.opencontainers.image.base.name': 'example/base:1' });
    expect((await json([named.ref])).base).toEqual({
      name: 'example/base:1',
      digest: null,
      layers: null,
      by: 'annotation',
    });
    expect(await text([named.ref])).toMatch(/^base {5}example\/base:1: an annotation says so$/m);
  });

  it('keeps attestations apart from platforms, and the annotations of the three levels (L8)', async () => {
    const layout = new LayoutBuilder();
    const layers = [layout.layer(tar([file('a', 1)]))];
    const amd = layout.image({
      layers,
      platform: { os: 'linux', architecture: 'amd64' },
      annotations: { at: 'manifest' },
    });
    const arm = layout.image({ layers, platform: { os: 'linux', architecture: 'arm64' } });
    const about = (digest: string) => ({
      ...layout.image({ layers, platform: { os: 'unknown', architecture: 'unknown' } }),
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digest },
    });
    const entries = [
      { ...amd, annotations: { at: 'descriptor' } },
      arm,
      about(amd.digest),
      about(arm.digest),
      about(`sha256:${'0'.repeat(64)}`),
    ];
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    layout.tag(
      layout.json({ schemaVersion: 2, mediaType, manifests: entries, annotations: { at: 'index' } }, mediaType),
      'latest',
    );
    const ref = `oci-layout://${layout.write(tempDir('index'))}`;
    const report = await json([ref]);
    expect(report.platforms).toEqual(['linux/amd64', 'linux/arm64']);
    expect(
      report.images.map((one: { attestations: unknown[]; chosen: boolean }) => [one.chosen, one.attestations.length]),
    ).toEqual([
      [true, 1],
      [false, 1],
    ]);
    expect(report.attestations).toHaveLength(1);
    const shown = await text([ref]);
    expect(shown).toMatch(/^also {5}linux\/arm64; 2 attestations; 1 attestation of images that are not there$/m);
    expect(shown).not.toContain('unknown');
    for (const level of ['MANIFEST', 'DESCRIPTOR', 'INDEX']) {
      expect(shown).toContain(`ANNOTATIONS OF THE ${level}\nat: ${level.toLowerCase()}\n`);
    }
  });

  it('in a registry costs the requests of its key, and --hidden the layers once', async () => {
    const { layout } = image(hiding);
    const registry = await TestRegistry.start();
    try {
      registry.push(layout, 'team/app', 'latest', layout.manifests[0]!);
      const ref = `docker-image://${registry.host}/team/app`;
      const asked = async (args: readonly string[], home: string): Promise<number> => {
        const before = registry.count('GET', /./) + registry.count('HEAD', /./);
        expect((await ctxsrc([...args, ref], { home, env })).code).toBe(0);
        return registry.count('GET', /./) + registry.count('HEAD', /./) - before;
      };
      const [one, two] = [cliHome(), cliHome()];
      const ofKey = await asked(['key'], one);
      expect(await asked(['inspect'], two)).toBe(ofKey);
      expect((await json([ref], two)).missing).toBeGreaterThan(0);
      const again = await asked(['key'], one);
      expect(await asked(['inspect', '--hidden'], two)).toBe(again + 3);
      expect(await asked(['inspect', '--hidden'], two)).toBe(again);
      expect(await text([ref], two)).toMatch(/^hidden {3}45 B/m);
    } finally {
      await registry.stop();
    }
  });
});

it('a directory: its folders add up, with what is ignored by which line and what the machine decides', async () => {
  const dir = tempDir('folders');
  mkdirSync(join(dir, 'big', 'deep', 'er'), { recursive: true });
  mkdirSync(join(dir, 'small'));
  writeFileSync(join(dir, '.dockerignore'), '# none\n*.log\n');
  writeFileSync(join(dir, 'x.log'), 'log');
  writeFileSync(join(dir, 'big', 'deep', 'er', 'file'), 'x'.repeat(900));
  writeFileSync(join(dir, 'big', 'other'), 'x'.repeat(100));
  writeFileSync(join(dir, 'small', 'file'), 'x'.repeat(50), { mode: 0o600 });
  const report = await json([dir]);
  expect(report.folders).toEqual([
    { path: 'big/deep/er', bytes: 900, files: 1 },
    { path: 'big', bytes: 100, files: 1 },
    { path: 'small', bytes: 50, files: 1 },
    { path: '', bytes: 13, files: 1 },
  ]);
  expect(report.bytes).toBe(1063);
  const shown = await text([dir]);
  expect(shown).toMatch(/^ +900 B {8}1 {2}█+ +85 % {2}big\/deep\/er\/$/m);
  expect(shown).toMatch(/^ {7}1 {2}\.dockerignore line 2: \*\.log \(x\.log\)$/m);
  expect(shown).toMatch(/^machine {2}1 modes that another umask would not give .*: small\/file$/m);
});
