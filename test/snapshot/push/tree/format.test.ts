/**
 * The bytes of format 1. They are fixed for ever: where one of these digests changes, the change needs a new number, and
 * what was pushed before it is sent anew everywhere.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { silentProgress, Task } from '../../../../src/core/progress.ts';
import { FIXED_TIME } from '../../../../src/layer/format/tar.ts';
import { TarReader } from '../../../../src/layer/tar/reader.ts';
import { planTree } from '../../../../src/snapshot/push/tree/image.ts';
import { type Layer, type PackedEntry, writeLayer } from '../../../../src/snapshot/push/tree/layer.ts';
import { failure } from '../../../support/failure-code.ts';
import { digestOf } from '../../../support/layout-builder.ts';
import { tempDir } from '../../../support/temp.ts';

/** Bytes that do not compress to nothing, the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> ((state & 8) === 0 ? 24 : 28);
  }
  return bytes;
}

const LONG = 'n'.repeat(255);
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1');

/** One entry of each kind, in the order of a walk. */
function everyKind(dir: string): PackedEntry[] {
  mkdirSync(dir, { recursive: true });
  const file = (path: string, content: Buffer | string, more: Partial<PackedEntry> = {}): PackedEntry => {
    const at = join(dir, digestOf(path).slice(7, 27));
    writeFileSync(at, content);
    return { path, type: 'file', mode: 0o644, size: Buffer.byteLength(content), file: at, ...more };
  };
  const dirOf = (path: string, mode = 0o755): PackedEntry => ({ path, type: 'dir', mode, size: 0 });
  const other = (path: string, type: 'symlink' | 'char' | 'block' | 'fifo', target?: string): PackedEntry => {
    return { path, type, mode: 0o640, size: 0, target };
  };
  return [
    other('block', 'block', '8:1'),
    other('char', 'char', '1:3'),
    dirOf('closed', 0o700),
    file('closed/empty', ''),
    dirOf(LONG),
    dirOf(`${LONG}/${LONG}`),
    file(`${LONG}/${LONG}/${LONG}`, 'deep'),
    other('fifo', 'fifo'),
    file('large', noise(2_500_000)),
    file('line\nbreak', 'a name with a line break'),
    other('link', 'symlink', '../\xe4/elsewhere'),
    other('link-long', 'symlink', `/${LONG}/${LONG}`),
    file('n'.repeat(100), 'a name as long as the field'),
    file('n'.repeat(101), 'one byte longer'),
    file('program', '#!/bin/sh\n', { mode: 0o4755, xattrs: new Map([['security.capability', CAPABILITY]]) }),
    dirOf('sticky', 0o1777),
    file('xattrs', 'x', {
      mode: 0o444,
      xattrs: new Map([
        ['user.b', '\0\xff\n'],
        ['user.a', '1'],
      ]),
    }),
    file('\xc3\xa4', 'UTF-8'),
    file('\xff\xfe', 'no UTF-8'),
  ];
}

async function pack(entries: Iterable<PackedEntry>, time = FIXED_TIME): Promise<Layer & { readonly path: string }> {
  const path = join(tempDir('layer'), 'layer');
  const job = { signal: new AbortController().signal, task: new Task(silentProgress, 'export', 'layer') };
  const look = { entry: () => undefined, content: () => undefined };
  return { ...(await writeLayer(job, entries, path, { time, look })), path };
}

describe('format 1', () => {
  it('gives these bytes, for a tree with every kind of entry', async () => {
    const layer = await pack(everyKind(tempDir('kinds')));
    const { root, blobs } = planTree(layer, layer.path, { time: FIXED_TIME, annotations: {} });
    const bytes = readFileSync(layer.path);
    expect(digestOf(bytes)).toBe(layer.digest);
    expect(bytes.length).toBe(layer.size);
    expect(digestOf(gunzipSync(bytes))).toBe(layer.diffId);
    expect({
      layer: layer.digest,
      diffId: layer.diffId,
      key: layer.key,
      configuration: blobs[0]!.digest,
      manifest: root.digest,
    }).toEqual({
      configuration: 'sha256:b4bbcd8cd9a27c333740f267f823f8e709765ebb75cc1dc310f490de0a6257d9',
      diffId: 'sha256:81af0cede74979653fc5bf9c10cb8695797d0e93897766bbec5a890cfdda82f5',
      key: 'sha256:ee3753ceabe409e05e9e6850e0b692f382028bbcae0f48d73d63d7f564293e99',
      layer: 'sha256:464ae1db3ea545a1681a0576a86aadcff8fd60a3efb85f4d64bb6d8f38e20ede',
      manifest: 'sha256:53d210b85bd494a4fbf5395d9c7e43d2db4f2f6014a68e4633ba83a6eac74091',
    });
  });

  it('gives these bytes for no files, and for another time', async () => {
    const empty = await pack([]);
    const later = await pack(everyKind(tempDir('kinds')), 1_700_000_000);
    const manifest = (layer: Layer, time: number) => planTree(layer, '', { time, annotations: {} }).root.digest;
    expect([empty.digest, empty.key, manifest(empty, FIXED_TIME)]).toEqual([
      'sha256:f71a241ed3c3dfa6d3aec89d3c64b07debc79cd2539f3e3b0de0eb2b70d3252b',
      'sha256:0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2',
      'sha256:8b67153c1472e37aac6dee42f563ddc437b4aa4cc7babc0c8f9dcd3ca4afc2c4',
    ]);
    expect([later.digest, later.key, manifest(later, 1_700_000_000)]).toEqual([
      'sha256:c6c67305f20a94d36f7752a4b186ab25a2ca0c5e08c5a757c056bacea80923d6',
      'sha256:ee3753ceabe409e05e9e6850e0b692f382028bbcae0f48d73d63d7f564293e99',
      'sha256:d15343beb89e700b0e5cd84c24694b68ed19d9221f125906f49bb64dff7af297',
    ]);
  });

  it('has a header of gzip without time, name and flags, in members of 1 MiB', async () => {
    const { path } = await pack(everyKind(tempDir('kinds')));
    const bytes = readFileSync(path);
    const header = Buffer.from('1f8b080000000000', 'hex');
    expect(bytes.subarray(0, 10)).toEqual(Buffer.concat([header, Buffer.from([0, 3])]));
    let members = 0;
    for (let at = bytes.indexOf(header); at >= 0; at = bytes.indexOf(header, at + 1)) members += 1;
    expect(members).toBe(Math.ceil(gunzipSync(bytes).length / 2 ** 20));
  });

  it('is read back entry by entry', async () => {
    const entries = everyKind(tempDir('kinds'));
    const { path } = await pack(entries);
    const found: object[] = [];
    const reader = new TarReader({
      entry({ name, type, mode, size, linkName, devMajor, devMinor, uid, gid, mtime, mtimeNs, xattrs }) {
        expect([uid, gid, mtime, mtimeNs]).toEqual([0, 0, FIXED_TIME, 0]);
        const target =
          type === 'symlink' ? linkName : type === 'char' || type === 'block' ? `${devMajor}:${devMinor}` : undefined;
        found.push({ path: name.replace(/\/$/, ''), type, mode, size, target, xattrs });
      },
      data: () => undefined,
      fileEnd: () => undefined,
    });
    reader.push(gunzipSync(readFileSync(path)));
    reader.finish();
    expect(reader.ended).toBe(true);
    const wanted = entries.map(({ path, type, mode, size, target, xattrs }) => {
      return { path, type, mode: type === 'symlink' ? 0o777 : mode, size, target, xattrs };
    });
    expect(found).toEqual([
      { path: '.', type: 'dir', mode: 0o755, size: 0, target: undefined, xattrs: undefined },
      ...wanted,
    ]);
  });

  it.each<[string, Partial<PackedEntry>, RegExp]>([
    ['a whiteout', { path: 'a/.wh.b' }, /a\/\.wh\.b: it has a name that begins with \.wh\./],
    ['a folder that is one', { path: '.wh..wh..opq', type: 'dir' }, /removes files/],
    ['an attribute with an equals sign', { xattrs: new Map([['user.a=b', 'x']]) }, /user\.a=b/],
    ['an attribute without a value', { xattrs: new Map([['user.a', '']]) }, /user\.a without a value/],
    ['attributes of more than 1 MiB', { xattrs: new Map([['user.a', 'x'.repeat(2 ** 20)]]) }, /more than 1 MiB/],
  ])('refuses %s', async (_, more, message) => {
    const entry: PackedEntry = { path: 'f', type: 'symlink', mode: 0o777, size: 0, target: 'x', ...more };
    const error = await failure(pack([entry]));
    expect(error.code).toBe('E_UNSAFE');
    expect(error.message).toMatch(message);
  });

  it('refuses a file that has become shorter or longer', async () => {
    const [entry] = everyKind(tempDir('kinds')).filter(({ path }) => path === 'large');
    await expect(pack([{ ...entry!, size: 2_600_000 }])).rejects.toThrow(/changed while it was packed/);
  });
});
