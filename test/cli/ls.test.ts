/** `ctxsrc ls` and `ctxsrc cat` as a user meets them, for every kind of source. */
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { expectFailure, layoutRef } from '../support/cli-expect.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { type BuiltLayer, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const quiet = ['--quiet'];
/** The images here are for one platform. */
const env = { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' };

/** An image of these layers in a layout directory of its own. */
function image(...layers: (readonly TarEntry[])[]): { layout: LayoutBuilder; built: BuiltLayer[]; ref: string } {
  const layout = new LayoutBuilder();
  const built = layers.map((entries) => layout.layer(tar(entries)));
  layout.tag(layout.image({ layers: built }), 'latest');
  return { layout, built, ref: `oci-layout://${layout.write(tempDir('image'))}` };
}

const dir = (name: string): TarEntry => ({ name, type: 'dir' });
const file = (name: string, content = 'x'): TarEntry => ({ name, content });
const link = (name: string, linkname: string): TarEntry => ({ name, type: 'symlink', linkname });

async function lines(args: readonly string[], home?: string): Promise<string[]> {
  const { code, stdout, stderr } = await ctxsrc([...args, ...quiet], { home, env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').slice(0, -1);
}

async function cat(ref: string, path: string): Promise<string> {
  const { code, stdout, stderr } = await ctxsrc(['cat', ref, path, ...quiet], { env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

describe('an image', () => {
  it('with one file and nothing else: lists that file (R1)', async () => {
    const { ref } = image([file('only', 'all there is\n')]);
    expect(await lines(['ls', ref])).toEqual(['only']);
    expect(await cat(ref, 'only')).toBe('all there is\n');
  });

  it('is listed the same as layout, archive and in a registry (R1)', async () => {
    const { layout, ref } = image([dir('etc'), file('etc/a')], [dir('etc'), file('etc/.wh.a'), file('etc/b', 'b')]);
    const archive = join(tempDir('archive'), 'image.tar');
    const files = [...layout.files()].map(([name, content]) => ({ name, content }));
    writeFileSync(archive, tar(files));
    const registry = await TestRegistry.start();
    try {
      registry.push(layout, 'team/app', 'latest', layout.manifests[0]!);
      const refs = [ref, `oci-archive://${archive}`, `docker-image://${registry.host}/team/app`];
      const listed = await Promise.all(refs.map((one) => lines(['ls', '-lR', one])));
      expect(listed[0]).toEqual([
        'drwxr-xr-x  0:0  0  2023-11-14 22:13  etc',
        '-rw-r--r--  0:0  1  2023-11-14 22:13  etc/b',
      ]);
      expect(listed[1]).toEqual(listed[0]);
      expect(listed[2]).toEqual(listed[0]);
      expect(await Promise.all(refs.map((one) => cat(one, '/etc/b')))).toEqual(['b', 'b', 'b']);
    } finally {
      await registry.stop();
    }
  });

  it('in a registry: a file costs the layers from the top to its own, and a second ls -R no blob (R6)', async () => {
    const { layout, built } = image(
      [dir('base'), file('base/large', 'l'.repeat(50_000))],
      [dir('app'), file('app/found')],
      [dir('app'), file('app/other'), dir('etc'), file('etc/.wh.gone')],
    );
    const registry = await TestRegistry.start();
    const home = cliHome();
    const fetched = (): number[] =>
      built.map(({ descriptor }) => registry.count('GET', new RegExp(`/blobs/${descriptor.digest}`)));
    try {
      registry.push(layout, 'team/app', 'latest', layout.manifests[0]!);
      const ref = `docker-image://${registry.host}/team/app`;
      expect(await lines(['ls', ref, 'app/other'], home)).toEqual(['app/other']);
      expect(fetched()).toEqual([0, 0, 1]);
      expect((await ctxsrc(['ls', ref, 'etc/gone'], { home })).code).toBe(3);
      expect(fetched()).toEqual([0, 0, 1]);
      expect(await lines(['ls', ref, 'app/found'], home)).toEqual(['app/found']);
      expect(fetched()).toEqual([0, 1, 1]);
      const all = await lines(['ls', '-R', ref], home);
      expect(all).toEqual(['app', 'app/found', 'app/other', 'base', 'base/large', 'etc']);
      expect(fetched()).toEqual([1, 1, 1]);

      // Without the layers, in the store or in the registry, the answer is the same.
      const blobs = join(home, 'cache', 'ctxsrc', 'blobs', 'sha256');
      for (const { descriptor } of built) rmSync(join(blobs, descriptor.digest.slice(7)));
      expect(await lines(['ls', '-R', ref], home)).toEqual(all);
      expect(fetched()).toEqual([1, 1, 1]);

      // The index that is not what it was written as is not believed.
      const entries = join(home, 'cache', 'ctxsrc', 'entries');
      const [first] = readdirSync(entries);
      writeFileSync(join(entries, first!), '{"format":1,"digest":"sha256:00"}\n[]');
      expect(await lines(['ls', '-R', ref], home)).toEqual(all);
      expect(fetched().reduce((a, b) => a + b)).toBe(4);
    } finally {
      await registry.stop();
    }
  });

  it('whose blob in the store was damaged: cat fetches it again, as ls does', async () => {
    const { layout, built } = image([file('a', 'content')]);
    const registry = await TestRegistry.start();
    const home = cliHome();
    try {
      registry.push(layout, 'team/app', 'latest', layout.manifests[0]!);
      const ref = `docker-image://${registry.host}/team/app`;
      expect((await ctxsrc(['cat', ref, 'a', ...quiet], { home })).stdout).toBe('content');
      const { digest, size } = built[0]!.descriptor;
      const blob = join(home, 'cache', 'ctxsrc', 'blobs', 'sha256', digest.slice(7));
      writeFileSync(blob, Buffer.alloc(size));
      expect(await ctxsrc(['cat', ref, 'a', ...quiet], { home })).toMatchObject({ code: 0, stdout: 'content' });
    } finally {
      await registry.stop();
    }
  });

  it('follows links inside the root only (R3)', async () => {
    const { ref } = image(
      [dir('usr'), dir('usr/lib'), file('usr/lib/os-release', 'ID=debian\n'), link('lib', 'usr/lib'), dir('etc')],
      [
        link('etc/os-release', '../usr/lib/os-release'),
        link('etc/outside', '../../../../etc/os-release'),
        link('etc/absolute', '/lib/os-release'),
        link('loop', 'loop'),
      ],
    );
    for (const path of [
      'etc/os-release',
      'etc/outside',
      'etc/absolute',
      'lib/os-release',
      '/lib/../../usr/lib/os-release',
    ]) {
      expect(await cat(ref, path), path).toBe('ID=debian\n');
    }
    expect(await lines(['ls', '-l', ref, 'lib'])).toEqual(['lrwxrwxrwx  0:0  0  2023-11-14 22:13  lib -> usr/lib']);
    expect(await lines(['ls', ref, 'lib/'])).toEqual(['lib/os-release']);
    await expectFailure(['cat', ref, 'loop'], { code: 'E_LIMIT', message: /more than 40 symbolic links/ });
  });

  it('whose lower layer a hard link leads into', async () => {
    const { ref } = image([dir('a'), file('a/one', 'content')], [{ name: 'b', type: 'hardlink', linkname: 'a/one' }]);
    expect(await cat(ref, 'b')).toBe('content');
    expect((await lines(['ls', '-lR', ref])).at(-1)).toMatch(/^hrw-r--r-- .* b link to a\/one$/);
    expect(await lines(['ls', '-R', '--layer', '2', ref])).toEqual(['b']);
    await expectFailure(['cat', '--layer', '2', ref, 'b'], { code: 'E_PATH_NOT_FOUND', message: /lower layer/ });
    await expectFailure(['ls', '--layer', '3', ref], { code: 'E_USAGE', message: /the image has 2 layers/ });
  });

  it('with a layer that is not what its configuration says: no byte of it is printed (R7)', async () => {
    const layout = new LayoutBuilder();
    const layer = layout.layer(tar([file('secret')]));
    layout.tag(layout.image({ layers: [layer], diffIds: [`sha256:${'0'.repeat(64)}`] }), 'latest');
    const ref = `oci-layout://${layout.write(tempDir('image'))}`;
    await expectFailure(['cat', ref, 'secret'], {
      code: 'E_DIFF_ID_MISMATCH',
      message: /the image configuration says/,
    });
    await expectFailure(['ls', ref], { code: 'E_DIFF_ID_MISMATCH', message: /the image configuration says/ });
  });

  it('over a limit: refused', async () => {
    const { ref } = image([file('a', 'x'.repeat(5000)), file('b')]);
    await expectFailure(['ls', '--max-bytes', '4000', ref], { code: 'E_LIMIT', message: /more than 4000 bytes/ });
    await expectFailure(['ls', '--max-files', '1', ref], { code: 'E_LIMIT', message: /more than 1 files/ });
  });
});

describe('names', () => {
  const names = [
    'plain',
    '\u0085',
    '\u00adshy',
    'caf\u00e9',
    'new\nline',
    'quote"',
    'back\\slash',
    '::error::x',
    'a##[b',
    '\u202egnp',
  ];

  it('are quoted as git does, and with --null they are not', async () => {
    const { ref } = image([...names, Buffer.from([0xff])].map((name) => ({ name })));
    expect(await lines(['ls', ref])).toEqual([
      '"::error::x"',
      '"a#\\043[b"',
      '"back\\\\slash"',
      'caf\u00e9',
      '"new\\nline"',
      'plain',
      '"quote\\""',
      '"\\302\\205"',
      '"\\302\\255shy"',
      '"\\342\\200\\256gnp"',
      '"\\377"',
    ]);
    const { stdout } = await ctxsrc(['ls', '--null', ref, ...quiet]);
    expect(stdout.split('\0').slice(0, -2)).toEqual(names.sort());
    const { entries } = JSON.parse((await ctxsrc(['ls', '--json', ref, ...quiet])).stdout) as { entries: object[] };
    expect(entries.at(-1)).toMatchObject({ path: '\u00ff', pathBytes: true, type: 'file', mode: '0644', layer: 1 });
  });

  it('that are not there: the nearest is the hint', async () => {
    const ref = layoutRef('hello');
    await expectFailure(['cat', ref, 'etc/motdd'], {
      code: 'E_PATH_NOT_FOUND',
      message: /etc\/motdd is not in the source/,
      hint: /did you mean etc\/motd\?/,
    });
    await expectFailure(['ls', ref, 'etc/motd/x'], { code: 'E_PATH_NOT_FOUND', message: /etc\/motd is no directory/ });
    await expectFailure(['cat', ref, 'etc'], { code: 'E_USAGE', message: /etc is a directory/ });
  });
});

describe('other sources', () => {
  let server: Server;
  let origin: string;
  const archive = tar([dir('pkg'), file('pkg/read.me', 'hello\n')]);

  beforeAll(async () => {
    server = createServer((_, response) => response.end(archive));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it('a directory: what its ignore file leaves, owned by root, links inside it', async () => {
    const root = tempDir('context');
    mkdirSync(join(root, 'src'));
    writeFileSync(join(root, 'src', 'main.c'), 'int main;\n');
    writeFileSync(join(root, 'debug.log'), '');
    writeFileSync(join(root, '.dockerignore'), '*.log\n');
    symlinkSync('/src/main.c', join(root, 'inside'));
    symlinkSync('/etc/hostname', join(root, 'outside'));
    const run = async (...args: string[]) => ctxsrc([...args, '-q'], { cwd: root });
    expect((await run('ls', '-R', '.')).stdout.split('\n')).toEqual([
      '.dockerignore',
      'inside',
      'outside',
      'src',
      'src/main.c',
      '',
    ]);
    expect((await run('ls', '-l', '.', 'src')).stdout).toMatch(/^-rw\S+ {2}0:0 {2}10 .* src\/main\.c\n$/);
    expect((await run('cat', '.', 'inside')).stdout).toBe('int main;\n');
    expect(await run('cat', '.', 'outside')).toMatchObject({ code: 3, stdout: '' });
    expect(await run('cat', '.', 'debug.log')).toMatchObject({ code: 3, stdout: '' });
    expect(await run('ls', '.', '--layer', '1')).toMatchObject({ code: 2, stdout: '' });
  });

  it('an http body, unpacked and not', async () => {
    const unpack = async (...args: string[]) => (await ctxsrc([...args, '--quiet', '--unpack'])).stdout;
    expect((await ctxsrc(['ls', `${origin}/pkg.tar`, '-q'])).stdout).toBe('pkg.tar\n');
    expect(await unpack('ls', '-R', `${origin}/pkg.tar`)).toBe('pkg\npkg/read.me\n');
    expect(await unpack('cat', `${origin}/pkg.tar`, 'pkg/read.me')).toBe('hello\n');
  });

  it.skipIf(!needs('git'))('a git repository', async () => {
    const repositories = tempDir('git');
    initBare(join(repositories, 'repo.git'));
    commit(join(repositories, 'repo.git'), 'refs/heads/main', { 'a/b': 'content' });
    const git = await serveGit(repositories);
    try {
      expect(await lines(['ls', '-R', `${git.origin}/repo.git`])).toEqual(['a', 'a/b']);
      expect(await cat(`${git.origin}/repo.git`, 'a/b')).toBe('content');
    } finally {
      await git.close();
    }
  });

  it.skipIf(!needs('git'))('have the owners of the source, whoever the store belongs to', async () => {
    // A normal user, who can give files to nobody.
    const uid = process.getuid!() === 0 ? 4242 : undefined;
    const home = cliHome(uid);
    const repositories = tempDir('repositories');
    initBare(join(repositories, 'repo.git'));
    commit(join(repositories, 'repo.git'), 'refs/heads/main', { f: 'content' });
    const git = await serveGit(repositories);
    const owners = async (args: readonly string[]): Promise<string[]> => {
      const { code, stdout, stderr } = await ctxsrc(['ls', '-lR', '--quiet', ...args], { home, uid, env });
      expect([code, stderr]).toEqual([0, '']);
      return [...stdout.matchAll(/^\S+ +(\d+:\d+) /gm)].map(([, owner]) => owner!);
    };
    try {
      expect(await owners([`${git.origin}/repo.git`])).toEqual(['0:0']);
      expect(await owners([`${origin}/a.tar`])).toEqual(['0:0']);
      expect(await owners([`${origin}/a.tar`, '--uid', '5', '--gid', '6'])).toEqual(['5:6']);
    } finally {
      await git.close();
    }
  });

  it('a blob', async () => {
    const { built, ref: layout } = image([file('x')]);
    const { digest, size } = built[0]!.descriptor;
    const blob = `${layout.replace('oci-layout', 'oci-layout+blob')}@${digest}`;
    expect((await ctxsrc(['ls', '-l', blob, '-q'])).stdout).toContain(
      ` ${size}  1970-01-01 00:00  ${digest.slice(7)}\n`,
    );
  });
});

it('the indexes of layers that nothing refers to are collected', async () => {
  const home = cliHome();
  await lines(['ls', image([file('x')]).ref], home);
  const { stdout } = await ctxsrc(['cache', 'ls'], { home });
  expect(stdout).toMatch(/ entries {2}sha256:/);
  expect((await ctxsrc(['cache', 'verify'], { home })).code).toBe(0);
  expect((await ctxsrc(['cache', 'prune'], { home })).code).toBe(0);
  expect(readdirSync(join(home, 'cache', 'ctxsrc', 'entries'))).toEqual([]);
});
