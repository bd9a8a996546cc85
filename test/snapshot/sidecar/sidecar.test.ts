import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../../src/contract/entry.ts';
import { bytesOfText } from '../../../src/fs/byte-string.ts';
import type { Sidecar } from '../../../src/snapshot/sidecar/format.ts';
import { readSidecar, sidecarPath, writeSidecar } from '../../../src/snapshot/sidecar/sidecar.ts';
import { tempDir } from '../../support/temp.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const META = { mode: 0o644, uid: 0, gid: 0, size: 1, mtime: 1_700_000_000, mtimeNs: 123_456_789, xattrs: undefined };
const ENTRIES: Entry[] = [
  { ...META, path: 'bin', type: 'dir', mode: 0o1777 },
  {
    ...META,
    path: 'bin/sh',
    type: 'file',
    digest: DIGEST,
    mode: 0o4755,
    xattrs: new Map([['security.capability', '\u0001']]),
  },
  { ...META, path: 'bin/\u00ff\u0080', type: 'symlink', target: '\u00fe' },
  { ...META, path: bytesOfText('bin/ü"\\\n'), type: 'hardlink', target: 'bin/sh' },
  { ...META, path: 'dev/null', type: 'char', target: '1:3', mtime: -1, mtimeNs: 999_999_995 },
  { ...META, path: 'fifo', type: 'fifo' },
];
const SIDECAR: Sidecar = {
  reference: 'oci-layout://./x',
  identifier: 'oci-layout:///x',
  key: DIGEST,
  pin: DIGEST,
  keys: [{ index: 0, key: DIGEST, pin: DIGEST, done: true, solver: DIGEST }],
  options: { platform: 'linux/amd64', include: ['a'] },
  layers: [{ digest: DIGEST, diffId: DIGEST, size: 3, mediaType: 'application/vnd.oci.image.layer.v1.tar' }],
  tree: DIGEST,
  written: '1700000000000000000',
  root: { mode: 0o755, uid: 0, gid: 0, inode: '18446744073709551615' },
  files: 6,
  bytes: 1,
  losses: [{ path: 'dev/zero', kind: 'device', detail: 'char 1:5' }],
  lossCounts: { device: 1 },
  entries: ENTRIES,
};

function place(text: string): string {
  const dir = join(tempDir('sidecar'), 'out');
  writeFileSync(sidecarPath(dir), text);
  return dir;
}

/** The document as JSON has it. */
interface Document {
  [member: string]: unknown;
  entries: unknown;
  readonly losses: Record<string, unknown>[];
  readonly layers: Record<string, unknown>[];
  readonly lossCounts: Record<string, unknown>;
}

function row(document: Document, index: number): unknown[] {
  return (document.entries as unknown[][])[index]!;
}

/** The written document with something else in it. */
async function altered(change: (document: Document) => void): Promise<string> {
  const dir = join(tempDir('sidecar'), 'out');
  await writeSidecar(sidecarPath(dir), SIDECAR);
  const document = JSON.parse(readFileSync(sidecarPath(dir), 'utf8'));
  change(document);
  writeFileSync(sidecarPath(dir), JSON.stringify(document));
  return dir;
}

test('what is written is read, byte names included, an entry a line', async () => {
  const dir = join(tempDir('sidecar'), 'out');
  await writeSidecar(sidecarPath(dir), SIDECAR);
  expect(await readSidecar(dir)).toEqual(SIDECAR);
  const lines = readFileSync(sidecarPath(dir), 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(ENTRIES.length + 2);
  expect(lines[2]).toBe(`["bin/sh","f",2541,0,0,1,"1700000000123456789","${DIGEST}",{"security.capability":"AQ=="}],`);
});

test('an existing file is not overwritten', async () => {
  await expect(writeSidecar(sidecarPath(place('mine')), SIDECAR)).rejects.toMatchObject({ exit: 74 });
});

test('none is exit 3', async () => {
  await expect(readSidecar(join(tempDir('sidecar'), 'out'))).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
});

test('one of many megabytes is read line by line, and only as it was written', async () => {
  const dir = join(tempDir('sidecar'), 'out');
  const link = [...SIDECAR.entries].find(({ type }) => type === 'symlink')!;
  const entries = Array.from({ length: 17 }, (_, i) => ({ ...link, path: `link${i}`, target: 'x'.repeat(1 << 20) }));
  const large = { ...SIDECAR, entries };
  await writeSidecar(sidecarPath(dir), large);
  expect(await readSidecar(dir)).toEqual(large);
  const text = readFileSync(sidecarPath(dir), 'utf8');
  const rows = '"entries":[\n';
  for (const [changed, message] of [
    [text.replace(rows, '"entries":['), 'it has no lines of entries'],
    [text.slice(0, -2), 'it has no lines of entries'],
    [text.replace('link7', 'link6'), 'link6 is there twice'],
    [text.replaceAll('],\n', '], \n'), 'it has a line without end'],
    // The parser of JSON takes minutes for so many brackets.
    [`{"x":${'['.repeat(40_000_000)}`, 'it has no lines of entries'],
  ] as const) {
    writeFileSync(sidecarPath(dir), changed);
    await expect(readSidecar(dir)).rejects.toMatchObject({
      code: 'E_SIDECAR_INVALID',
      message: expect.stringContaining(message),
    });
  }
});

describe('a sidecar that is not one', () => {
  test.each(['', '{', 'null', '[]', '{"schema":"ctxsrc/v2"}', '{"schema":"ctxsrc/v1"}'])('%j', async (text) => {
    await expect(readSidecar(place(text))).rejects.toMatchObject({ code: 'E_SIDECAR_INVALID', exit: 5 });
  });

  test.each([
    '../outside',
    '/etc/passwd',
    'a/../../b',
    '..',
    '.',
    '',
    'a//b',
    'a/',
    'a/./b',
    'nul\0',
    7,
    null,
    { latin1: '../x' },
    { latin1: 3 },
    { latin1: '\u012e\u012e/x' },
    { text: 'x' },
  ])('path %j', async (path) => {
    const dir = await altered((document) => {
      row(document, 0)[0] = path;
    });
    await expect(readSidecar(dir)).rejects.toMatchObject({ code: 'E_SIDECAR_INVALID' });
  });

  test.each<[string, (document: Document) => void]>([
    ['a path twice', (document) => (document.entries as unknown[]).push(row(document, 0))],
    ['no columns', (document) => (document.entries as unknown[]).push([])],
    ['too many columns', (document) => row(document, 0).push({}, 1)],
    ['no list of entries', (document) => (document.entries = {})],
    ['an unknown type', (document) => (row(document, 0)[1] = 's')],
    ['a type of the prototype', (document) => (row(document, 0)[1] = 'constructor')],
    ['a mode with a type in it', (document) => (row(document, 0)[2] = 0o100644)],
    ['a negative owner', (document) => (row(document, 0)[3] = -1)],
    ['a size that is no integer', (document) => (row(document, 0)[5] = 1.5)],
    ['a time that is a number', (document) => (row(document, 0)[6] = 17)],
    ['a file without a digest', (document) => (row(document, 1)[7] = null)],
    ['a digest that is none', (document) => (row(document, 1)[7] = 'sha256:abc')],
    ['a symlink without a target', (document) => (row(document, 2)[7] = null)],
    ['a hard link that leads outside', (document) => (row(document, 3)[7] = '../../etc/passwd')],
    ['attributes that are no text', (document) => (row(document, 1)[8] = { x: 1 })],
    ['an unknown loss', (document) => (document.losses[0]!.kind = 'honour')],
    ['a count that is no number', (document) => (document.lossCounts.device = 'x')],
    ['no key', (document) => delete document.key],
    ['a written time that is none', (document) => (document.written = 'now')],
    ['no root', (document) => delete document.root],
    ['layers without sizes', (document) => delete document.layers[0]!.size],
  ])('%s', async (_, change) => {
    await expect(readSidecar(await altered(change))).rejects.toMatchObject({ code: 'E_SIDECAR_INVALID' });
  });

  test('its message cannot drive a terminal', async () => {
    const dir = await altered((document) => {
      row(document, 0)[0] = '../\u001b[2J';
    });
    await expect(readSidecar(dir)).rejects.toMatchObject({ message: expect.not.stringContaining('\u001b') });
  });
});
