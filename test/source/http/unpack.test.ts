/** Archives behind a URL, unpacked. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Attributes } from '../../../src/contract/index.ts';
import { failureCode } from '../../support/failure-code.ts';
import { commit, git, initBare } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, writeSnapshot } from '../../support/source-env.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { openHttp } from './http-source.ts';

describe('http source, unpacking', () => {
  let server: Server;
  let origin: string;
  let body: Buffer;
  let files: string;

  beforeAll(async () => {
    server = createServer((_request, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    files = tempDir('files');
    mkdirSync(join(files, 'top/bin'), { recursive: true });
    writeFileSync(join(files, 'top/bin/run'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(files, 'top/README'), 'read me\n'.repeat(100));
    writeFileSync(join(files, 'top/.wh.name'), 'no whiteout\n');
    execFileSync('ln', ['-s', 'bin/run', join(files, 'top/link')]);
  });
  afterAll(() => server.close());

  const pack = (command: string): Buffer => execFileSync('sh', ['-c', command], { cwd: files, maxBuffer: 1 << 26 });
  const unpack = async (attrs: Attributes = {}, options = {}) =>
    writeSnapshot(await openHttp(`${origin}/a`, { unpack: true, ...attrs }), options);

  it('tells of its work by the address, not by a file of the store', async () => {
    body = Buffer.from(tar([{ name: 'f', content: 'x' }]));
    const emit = vi.fn();
    await writeSnapshot(await openHttp(`${origin}/a?s=1`, { unpack: true }), {}, newJob({ progress: { emit } }));
    expect(emit).toHaveBeenCalledWith(
      expect.objectContaining({ type: 'start', phase: 'unpack', label: expect.stringMatching(/^http:.*\/a$/) }),
    );
  });

  it.for([
    ['tar', 'tar -cf - top', []],
    ['tar.gz', 'tar -czf - top', ['gzip']],
    ['tar.zst', 'tar -cf - top | zstd -q', ['zstd']],
    ['tar.xz', 'tar -cf - top | xz', ['xz']],
    ['tar.bz2', 'tar -cf - top | bzip2', ['bzip2']],
    ['tar.gz with zeros behind it', 'tar -czf - top; head -c 700 /dev/zero', ['gzip']],
    ['tar with a name of its own', 'tar -cf - --format=gnu -V release-1 top', []],
    ['zip behind a program', 'printf junk; zip -qry c.zip top && cat c.zip', ['zip']],
    ['zip with something behind it', 'zip -qry d.zip top && cat d.zip; printf x', ['zip']],
    ['old tar', 'tar --format=v7 -cf - top', []],
    ['zip', 'zip -qry a.zip top && cat a.zip', ['zip']],
    ['zip without compression', 'zip -qry0 b.zip top && cat b.zip', ['zip']],
  ] as const)('unpacks %s', async ([, command, tools], { skip }) => {
    if (!needs('tar', ...tools)) skip();
    body = pack(command);
    const { dir, report } = await unpack({ 'strip-components': 1 });
    expect(listTree(dir, { omit: ['mtime', 'uid', 'gid', 'sha256'] })).toEqual([
      { path: '.wh.name', type: 'file', mode: '0644', size: 12 },
      { path: 'README', type: 'file', mode: '0644', size: 800 },
      { path: 'bin', type: 'dir', mode: '0755' },
      { path: 'bin/run', type: 'file', mode: '0755', size: 10 },
      { path: 'link', type: 'symlink', mode: '0777', target: 'bin/run' },
    ]);
    expect(readFileSync(join(dir, 'link'), 'utf8')).toBe('#!/bin/sh\n');
    expect(report.files).toBe(5);
    const chosen = await unpack({}, { filter: { subpath: 'top', include: ['bin'], exclude: ['**/none'] } });
    expect(readdirSync(chosen.dir)).toEqual(['bin']);
    expect(await failureCode(unpack({}, { filter: { subpath: 'nowhere' } }))).toBe('E_PATH_NOT_FOUND');
  });

  it('keeps the key of the body, whatever is unpacked', async () => {
    body = pack('tar -czf - top');
    const plain = await (await openHttp(`${origin}/a`)).cacheKey(newJob(), 0);
    expect((await (await openHttp(`${origin}/a`, { unpack: true })).cacheKey(newJob(), 0)).key).toBe(plain.key);
  });

  it('refuses a hard link to itself, and takes the archive without it', async () => {
    body = Buffer.from(
      tar([
        { name: 'a', content: 'x' },
        { name: 'self', type: 'hardlink', linkname: 'self' },
      ]),
    );
    await expect(unpack()).rejects.toMatchObject({
      code: 'E_ARCHIVE_INVALID',
      hint: expect.stringContaining('--exclude'),
    });
    const { dir } = await unpack({}, { filter: { exclude: ['self'] } });
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it.skipIf(!needs('git'))("takes the top folder off a forge's archive", async () => {
    const repository = join(tempDir('forge'), 'r.git');
    initBare(repository);
    commit(repository, 'refs/heads/main', { 'src/f': 'x', README: 'y' });
    for (const format of ['tar.gz', 'zip']) {
      const archive = join(tempDir('forge'), 'archive');
      git(repository, ['archive', `--format=${format}`, '--prefix=r-1.0/', '-o', archive, 'main']);
      body = readFileSync(archive);
      expect(readdirSync((await unpack({ 'strip-components': 1 })).dir).sort(), format).toEqual(['README', 'src']);
    }
  });

  it('tells a page from a broken archive', async () => {
    body = Buffer.from('\n<!DOCTYPE html><title>Sign in</title>');
    await expect(unpack()).rejects.toMatchObject({
      message: 'the file is no archive but a page (HTML)',
      hint: expect.stringContaining('check the address'),
    });
  });

  it('refuses what is no archive, or a broken one', async () => {
    for (const [bytes, want] of [
      [Buffer.from('just text'), 'E_ARCHIVE_INVALID'],
      [Buffer.from('<html>'.repeat(200)), 'E_ARCHIVE_INVALID'],
      [gzipSync('no tar inside'), 'E_ARCHIVE_INVALID'],
      [pack('tar -czf - top').subarray(0, 150), 'E_ARCHIVE_INVALID'],
      [pack('tar -cf - top').subarray(0, 1000), 'E_ARCHIVE_INVALID'],
    ] as const) {
      body = Buffer.from(bytes);
      expect(await failureCode(unpack())).toBe(want);
    }
  });

  it('says how to go on where GNU tar is more lenient', async () => {
    body = tar([
      { name: 'a', content: 'a' },
      { name: 'd/a', type: 'hardlink', linkname: 'd/a' },
      { name: 'b', type: 'hardlink', linkname: 'b' },
    ]);
    await expect(unpack()).rejects.toMatchObject({
      code: 'E_ARCHIVE_INVALID',
      hint: expect.stringMatching(/--exclude/),
    });
    expect(readdirSync((await unpack({}, { filter: { exclude: ['d', 'b'] } })).dir)).toEqual(['a']);
  });

  it.skipIf(!needs('xz'))('refuses broken and bloated xz', async () => {
    body = pack('tar -cf - top | xz').subarray(0, 200);
    expect(await failureCode(unpack())).toBe('E_ARCHIVE_INVALID');
    body = execFileSync('sh', ['-c', 'head -c 90000000 /dev/zero | xz -0'], { maxBuffer: 1 << 26 });
    expect(await failureCode(unpack())).toMatch(/^E_(LIMIT|ARCHIVE_INVALID)$/);
  });

  it('lets nothing out of the directory', async () => {
    const outside = tempDir('outside');
    const evil = join(files, 'evil.tar');
    writeFileSync(join(files, 'x'), 'x');
    for (const transform of ['s,x,../x,', `s,x,top/../../x,`]) {
      execFileSync('tar', ['-cPf', evil, `--transform=${transform}`, 'x'], { cwd: files });
      body = readFileSync(evil);
      expect(await failureCode(unpack())).toBe('E_UNSAFE');
    }
    execFileSync(
      'sh',
      [
        '-c',
        `ln -s ${outside} out && tar -cf evil.tar out && rm out && mkdir out && echo x > out/f && tar -rf evil.tar out/f`,
      ],
      { cwd: files },
    );
    body = readFileSync(evil);
    const { dir } = await unpack();
    expect(existsSync(join(outside, 'f'))).toBe(false);
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(dir)).toContain('out');
  });
});
