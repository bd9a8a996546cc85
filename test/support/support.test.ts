/** The tools of the tests, tested against the programs they stand for. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { run } from './cli.ts';
import { REGISTRY_USER, startDockerRegistry } from './docker-registry.ts';
import { gzipStored, LayoutBuilder, zstdRaw } from './layout-builder.ts';
import { needs, needsRoot } from './needs.ts';
import { TestRegistry } from './registry.ts';
import { type TarEntry, tar } from './tar-builder.ts';
import { tempDir } from './temp.ts';
import { listTree } from './tree.ts';

const MiB = 1024 * 1024;
const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7919) >> 3));

describe('compression without a compressor', () => {
  it.each([0, 1, 65_535, 65_536, 200_000])('gzip of %i bytes is read back by zlib', (length) => {
    expect(gunzipSync(gzipStored(noise(length))).equals(noise(length))).toBe(true);
  });

  it.skipIf(!needs('zstd')).each([0, 1, 131_072, 300_000])('zstd of %i bytes is read back by zstd', (length) => {
    const back = execFileSync('zstd', ['-dc'], { input: zstdRaw(noise(length)), maxBuffer: MiB });
    expect(back.equals(noise(length))).toBe(true);
  });
});

describe.skipIf(!needs('tar', 'getfattr') || !needsRoot('GNU tar restores owners and devices'))('tar builder', () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}`;
  const longer = `${'x'.repeat(120)}`;
  const entries: TarEntry[] = [
    { name: 'dir/', type: 'dir', mode: 0o1777, mtime: 1_600_000_000 },
    { name: 'dir/file', content: 'hello', uid: 12, gid: 34, mode: 0o4755 },
    { name: 'dir/hard', type: 'hardlink', linkname: 'dir/file' },
    { name: 'dir/soft', type: 'symlink', linkname: '../nowhere' },
    { name: 'fifo', type: 'fifo' },
    { name: 'null', type: 'char', devmajor: 1, devminor: 3 },
    { name: 'xattr', content: 'x', xattrs: { 'user.note': 'text', 'user.bin': Buffer.from([0, 1, 255]) } },
    { name: long, content: 'split' },
    { name: longer, content: 'pax' },
    { name: `${longer}g`, content: 'gnu', long: 'gnu' },
    { name: Buffer.from([0x62, 0xff, 0x62]), content: 'bytes' },
    { name: 'nano', content: 'n', mtime: 1_600_000_000.25 },
    { name: 'big-id', content: 'b', uid: 3_000_000 },
    ...(['gnu', '0.0', '0.1', '1.0'] as const).map((format) => ({
      name: `sparse-${format}`,
      content: Buffer.concat([Buffer.alloc(512, 'h'), Buffer.from('tail')]),
      sparse: {
        format,
        realSize: MiB,
        map: [
          [0, 512],
          [MiB - 4, 4],
        ] as const,
      },
    })),
  ];

  it('writes what GNU tar reads', () => {
    const dir = tempDir('tar');
    execFileSync('tar', ['-x', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-p', '-C', dir], {
      input: tar(entries),
    });
    const tree = new Map(listTree(dir, { xattrs: true }).map((entry) => [entry.path, entry]));
    expect(tree.get('dir')).toMatchObject({ type: 'dir', mode: '1777', mtime: '1600000000000000000' });
    expect(tree.get('dir/file')).toMatchObject({ mode: '4755', uid: 12, gid: 34, size: 5 });
    expect(tree.get('dir/hard')).toMatchObject({ linkOf: 'dir/file' });
    expect(tree.get('dir/soft')).toMatchObject({ type: 'symlink', target: '../nowhere' });
    expect(tree.get('fifo')?.type).toBe('fifo');
    expect(tree.get('null')).toMatchObject({ type: 'char', device: '1:3' });
    expect(tree.get('xattr')?.xattrs).toEqual({ 'user.bin': '0x0001ff', 'user.note': '0x74657874' });
    for (const name of [long, longer, `${longer}g`, 'b\u00ffb']) expect(tree.get(name)?.type).toBe('file');
    expect(tree.get('nano')?.mtime).toBe('1600000000250000000');
    expect(tree.get('big-id')?.uid).toBe(3_000_000);
    const sparse = ['gnu', '0.0', '0.1', '1.0'].map((format) => tree.get(`sparse-${format}`));
    expect(sparse.map((entry) => entry?.size)).toEqual([MiB, MiB, MiB, MiB]);
    expect(new Set(sparse.map((entry) => entry?.sha256)).size).toBe(1);
    expect(tree.size).toBe(entries.length + 1); // `long` brings its parent along
  });

  it('gives the same bytes each time', () => {
    expect(tar(entries).equals(tar(entries))).toBe(true);
  });
});

describe('layouts and registries', () => {
  const layout = new LayoutBuilder();
  const files = tar([{ name: 'a', content: 'a' }]);
  const image = layout.image({ layers: (['none', 'gzip', 'zstd'] as const).map((kind) => layout.layer(files, kind)) });
  const oci = layout.image({ layers: [layout.layer(files)] });
  const plain = layout.image({ layers: [layout.layer(files, 'gzip', 'docker')], family: 'docker' });
  layout
    .tag(layout.index([image]), 'index')
    .tag(oci, 'oci')
    .tag(plain, 'docker');

  it.skipIf(!needs('skopeo', 'docker-registry'))(
    'are read by skopeo and pushed to a registry that asks who is there',
    async () => {
      const dir = layout.write(join(tempDir('layout'), 'oci'));
      const registry = await startDockerRegistry({ auth: true });
      try {
        const { username, password } = REGISTRY_USER;
        const target = `docker://${registry.host}/some/image:tag`;
        const copy = (creds: string): Buffer =>
          execFileSync(
            'skopeo',
            ['--insecure-policy', 'copy', '--dest-tls-verify=false', '--dest-creds', creds, `oci:${dir}:oci`, target],
            { stdio: 'pipe' },
          );
        expect(() => copy('reader:wrong')).toThrow(/unauthorized|authentication/i);
        copy(`${username}:${password}`);
        const answer = await fetch(`http://${registry.host}/v2/some/image/manifests/tag`, {
          headers: {
            accept: oci.mediaType,
            authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
          },
        });
        expect(answer.headers.get('docker-content-digest')).toBe(oci.digest);
      } finally {
        await registry.stop();
      }
    },
  );

  it.skipIf(!needs('skopeo'))('the registry in this process serves skopeo, with a token', async () => {
    const registry = await TestRegistry.start({ auth: { kind: 'bearer', username: 'u', password: 'p' } });
    try {
      registry.push(layout, 'some/image', 'tag', plain);
      const dir = join(tempDir('copy'), 'dir');
      mkdirSync(dir);
      writeFileSync(join(dir, 'auth.json'), JSON.stringify({ auths: { [registry.host]: { auth: 'dTpw' } } }));
      const result = await run('skopeo', [
        '--insecure-policy',
        'copy',
        '--src-tls-verify=false',
        `--src-authfile=${join(dir, 'auth.json')}`,
        `docker://${registry.host}/some/image:tag`,
        `dir:${dir}/out`,
      ]);
      expect(result.stderr).toBe('');
      expect(result.code).toBe(0);
      expect(registry.count('GET', /\/blobs\//)).toBe(2);
      expect(registry.log.some((entry) => entry.status === 401)).toBe(true);
    } finally {
      await registry.stop();
    }
  });
});
