/** The pages of `inspect`: at any width, in any locale, whatever the names, and without colours. */
import { describe, expect, it } from 'vitest';
import { defused } from '../../../src/cli/ci/workflow-commands.ts';
import { imagePage, layerPage, type PageOptions } from '../../../src/cli/inspect/image.ts';
import { percents } from '../../../src/cli/inspect/rows.ts';
import { decisionPage, directoryPage, sourcePage } from '../../../src/cli/inspect/source.ts';
import { type Screen, widthOf } from '../../../src/cli/screen.ts';
import { printable } from '../../../src/core/printable.ts';
import type { DirectoryReport, ImageReport, LayerReport } from '../../../src/snapshot/inspect/report.ts';

const plain: Screen = { width: 80, color: false, ascii: false, bars: true };
const options: PageOptions = { hidden: true, files: true };
const digest = (letter: string) => `sha256:${letter.repeat(64)}` as const;
const hostile = [
  '漢字'.repeat(40),
  '👩‍👩‍👧‍👦'.repeat(30),
  'e\u0301'.repeat(90),
  '\x1b[31mred\u202e',
  '::error::x\n::##[error]',
  '</script><img onerror=1>',
  'long'.repeat(2_000),
];
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');

const layer = (number: number, size: number, more: Partial<LayerReport> = {}): LayerReport => ({
  number,
  digest: digest('1'),
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  size,
  diffId: digest('2'),
  here: true,
  base: false,
  onDisk: size * 3,
  files: 7,
  hidden: 0,
  made: { instruction: 'RUN', text: 'apt-get install --no-install-recommends ca-certificates' },
  steps: [],
  ...more,
});

const image: ImageReport = {
  kind: 'image',
  identifier: 'docker-image://docker.io/library/python:3.13-slim',
  platform: 'linux/amd64',
  imagePlatform: 'linux/amd64',
  digest: digest('a'),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  pinned: `docker-image://docker.io/library/python:3.13-slim@${digest('a')}`,
  index: digest('a'),
  manifest: digest('b'),
  config: digest('c'),
  key: digest('d'),
  created: '2026-11-18T01:02:03Z',
  size: 43_900_249,
  missing: 0,
  onDisk: 122_600_000,
  platforms: ['linux/amd64', 'linux/arm64'],
  images: [
    { digest: digest('b'), platform: 'linux/amd64', chosen: true, size: 43_900_249, attestations: [] },
    { digest: digest('e'), platform: 'linux/arm64', chosen: false, size: null, attestations: [] },
  ],
  attestations: [],
  base: { name: 'debian:trixie-slim', digest: null, layers: 1, by: 'annotation' },
  layers: [layer(1, 29_800_000), layer(2, 1_300_000), layer(3, 12_800_000), layer(4, 249)],
  history: true,
  steps: [],
  hidden: {
    bytes: 400_000,
    files: 1,
    alive: 1,
    base: { bytes: 0, files: 0 },
    own: { bytes: 400_000, files: 1 },
    paths: [{ path: 'var/cache/apt', size: 400_000, layer: 2, by: 3, how: 'removed' }],
  },
  largest: [{ path: 'usr/bin/python3', size: 6_000_000, layer: 3 }],
  configuration: { config: { Cmd: ['python3'], Env: ['LANG=C'] } },
};

const evil: ImageReport = {
  ...image,
  identifier: hostile[0]!,
  created: hostile[3]!,
  imagePlatform: hostile[1]!,
  platform: hostile[6]!,
  base: { name: hostile[2]!, digest: null, layers: 2, by: 'layers' },
  layers: hostile.map((text, i) =>
    layer(i + 1, 10 ** i, {
      mediaType: text,
      diffId: text,
      made: { instruction: text, text, created: text },
      steps: [{ instruction: '', text }],
    }),
  ),
  images: hostile.map((platform) => ({ digest: platform, platform, chosen: false, size: 9, attestations: [] })),
  hidden: {
    ...image.hidden!,
    paths: hostile.map((name) => ({ path: bytesOf(name), size: 1, layer: 1, by: 2, how: 'metadata' })),
  },
  largest: [...hostile.map(bytesOf), '\xff\xfe'].map((path) => ({ path, size: 1, layer: 1 })),
  annotations: Object.fromEntries(hostile.map((text) => [text, text])),
  configuration: { config: { Cmd: hostile, Env: hostile, User: hostile[6], WorkingDir: hostile[0] } },
};

const directory: DirectoryReport = {
  kind: 'directory',
  identifier: 'local://./app',
  key: digest('d'),
  files: 3,
  directories: 2,
  bytes: 300,
  ignoreFile: '.dockerignore',
  ignored: { count: 2, by: [{ by: '.dockerignore', line: 3, pattern: '*.log', count: 2, paths: ['a.log', 'b.log'] }] },
  largest: [{ path: 'src/a', size: 200 }],
  folders: [
    { path: 'src', bytes: 200, files: 2 },
    { path: '', bytes: 100, files: 1 },
  ],
  machineDependent: { modes: { count: 12, paths: ['a', 'b', 'c', 'd'] } },
};

const evilDirectory: DirectoryReport = {
  ...directory,
  identifier: hostile[6]!,
  ignoreFile: hostile[0],
  incomplete: [hostile[1]!],
  ignored: { count: 2, by: hostile.map((text) => ({ by: text, line: 1, pattern: text, count: 1, paths: [text] })) },
  largest: hostile.map((path) => ({ path, size: 1 })),
  folders: hostile.map((path) => ({ path, bytes: 1, files: 1 })),
  machineDependent: { sockets: { count: 7, paths: hostile } },
};

const source = {
  kind: 'source',
  identifier: hostile[6]!,
  digest: hostile[0]!,
  key: hostile[6]!,
  pinned: hostile[1],
  [hostile[0]!]: hostile[3],
  deep: { a: hostile },
} as const;

const pages: readonly (readonly [string, (screen: Screen) => string])[] = [
  ['an image', (screen) => imagePage(image, options, screen)],
  ['a hostile image', (screen) => imagePage(evil, options, screen)],
  ['a hostile layer', (screen) => layerPage(evil, evil.layers[6]!, options, screen)],
  ['a directory', (screen) => directoryPage(directory, screen)],
  ['a hostile directory', (screen) => directoryPage(evilDirectory, screen)],
  [
    'a hostile path',
    (screen) =>
      decisionPage({ path: hostile[6]!, ignored: true, by: hostile[0]!, line: 1, pattern: hostile[1] }, screen),
  ],
  ['a hostile source', (screen) => sourcePage(source, screen)],
];

describe.each(pages)('%s', (_name, page) => {
  it.each([40, 80, 200])('fits %i columns, and holds nothing raw', (width) => {
    for (const ascii of [false, true]) {
      const text = page({ ...plain, width, ascii });
      for (const line of text.split('\n')) {
        expect(widthOf(line), line).toBeLessThanOrEqual(width);
      }
      expect(text.replaceAll('\n', '')).toBe(printable(text.replaceAll('\n', '')));
      if (ascii) expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    }
  });

  it('in a log holds no command of a workflow', () => {
    for (const line of defused(page({ ...plain, width: undefined })).split('\n'))
      expect(line).not.toMatch(/^\s*::|##\[/);
  });

  it('says the same without colours (T4)', () => {
    const colored = page({ ...plain, color: true });
    expect(colored).toContain('\x1b[');
    // Bold, dim, red, green, cyan and their ends, of the terminal's own; never a background, never a move.
    for (const [sequence] of colored.matchAll(/\x1b.{0,4}/g)) expect(sequence).toMatch(/^\x1b\[(?:[12]|22|3[1269])m/);
    expect(colored.replace(/\x1b\[[0-9;]*m/g, '')).toBe(page(plain));
  });
});

describe('the page of an image', () => {
  const at = (width: number | undefined, more: Partial<Screen> = {}): string[] =>
    imagePage(image, { hidden: false, files: false }, { ...plain, width, ...more }).split('\n');

  it('of 80 columns has whole digests, bars, and shares that sum to 100', () => {
    const lines = at(80);
    expect(lines[0]).toBe('docker-image://docker.io/library/python:3.13-slim        linux/amd64  2026-11-18');
    expect(lines[1]).toBe(`index    ${digest('a')}`);
    expect(lines).toContain('pinned   docker-image://docker.io/library/python:3.13-slim');
    expect(lines.find((line) => line.startsWith('        @'))).toBe(`        @${digest('a')}`);
    expect(lines).toContain(' 1  29.8 MB   89.4 MB  █████████████▌        68 %  RUN apt-get install --no-ins…');
    expect(lines).toContain('    above: base debian:trixie-slim');
    const shares = lines.flatMap((line) => /(\d+) %/.exec(line)?.[1] ?? []).map(Number);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(100);
  });

  it('loses the bar first, then the share, then what is to be fetched (T1)', () => {
    const head = (width: number): string =>
      at(width)
        .find((line) => line.includes('MADE BY'))!
        .trim();
    expect(head(80)).toMatch(/^# +FETCH +ON DISK +SHARE OF FETCH +MADE BY$/);
    expect(head(60)).toMatch(/^# +FETCH +ON DISK +SHARE +MADE BY$/);
    expect(head(50)).toMatch(/^# +FETCH +ON DISK +MADE BY$/);
    expect(head(40)).toMatch(/^# +ON DISK +MADE BY$/);
    expect(at(40)).toContain('index    sha256:aaaa…aaaa');
  });

  it('has the same columns in ASCII (T2)', () => {
    const plainSigns = (line: string): string => line.replaceAll('█', '#').replaceAll('▌', '.');
    const beforeText = (lines: readonly string[]): string[] =>
      lines.filter((line) => /^ *\d /.test(line)).map((line) => plainSigns(line).slice(0, line.indexOf('RUN')));
    expect(beforeText(at(80, { ascii: true }))).toEqual(beforeText(at(80)));
    expect(beforeText(at(80))).toHaveLength(4);
    expect(at(80).join('')).not.toMatch(/[^\x20-\x7e█▌→…]/);
  });

  it('in a pipe cuts nothing, and is read aloud without bars (L6, T3)', () => {
    expect(at(undefined).join('\n')).toContain('RUN apt-get install --no-install-recommends ca-certificates\n');
    expect(at(undefined)).toContain(`pinned   ${image.pinned}`);
    expect(at(80, { bars: false }).join('\n')).not.toContain('█');
    expect(at(80, { bars: false }).join('\n')).toContain(' 68 %  RUN');
  });

  it('shows as many annotations as an image can have: some on a terminal, all in a pipe', () => {
    const annotations = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`k${index}`, String(index)]));
    const many = { ...image, annotations: { ...annotations, ['x'.repeat(1_000_000)]: 'y' } };
    const screen = imagePage(many, options, plain);
    expect(screen).toContain('\n29,981 more\n');
    expect(screen.length).toBeLessThan(10_000);
    expect(imagePage(many, options, { ...plain, width: undefined }).split('\n').length).toBeGreaterThan(30_000);
  });
});

it('shares sum to 100 percent, whatever the sizes', () => {
  expect(percents([1, 1, 1])).toEqual([34, 33, 33]);
  expect(percents([0, 0])).toEqual([0, 0]);
  expect(percents([])).toEqual([]);
  for (const sizes of [
    [5, 1e12, 7],
    [1, 2, 3, 4, 5, 6, 7],
    [999, 1],
  ]) {
    expect(percents(sizes).reduce((sum, one) => sum + one, 0)).toBe(100);
  }
});
