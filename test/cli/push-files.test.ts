/** `ctxsrc push` of sources that are no images: the same content is the same image, and comes back as it was. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliOptions, cliEnv, cliHome, cliPath, ctxsrc, run } from '../support/cli.ts';
import { expectFailure } from '../support/cli-expect.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { makeEveryKind } from '../support/every-kind.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { digestOf } from '../support/layout-builder.ts';
import { needs, needsOpenCheckout, needsRoot } from '../support/needs.ts';
import { PushRegistry } from '../support/push-registry.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

interface Pushed {
  readonly reference: string;
  readonly digest: string;
  readonly moved: boolean;
  readonly sent: number;
  readonly tree: {
    readonly key: string;
    readonly layer: { readonly digest: string };
    readonly secrets: readonly { readonly path: string; readonly why: string }[];
  };
}

async function ok(args: readonly string[], options: CliOptions = {}): Promise<{ stdout: string; stderr: string }> {
  const result = await ctxsrc(args, options);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

async function push(args: readonly string[], options: CliOptions = {}): Promise<Pushed & { stderr: string }> {
  const { stdout, stderr } = await ok(['push', '--json', ...args], options);
  return { ...(JSON.parse(stdout) as { pushed: Pushed }).pushed, stderr };
}

const fresh = (): string => `oci-layout://${join(tempDir('layout'), 'layout')}`;
const pathOf = (layout: string): string => layout.replace('oci-layout://', '');
const blob = (layout: string, digest: string): string => join(pathOf(layout), 'blobs', digest.replace(':', '/'));
const SAME = ['mtime', 'uid', 'gid'] as const;

describe('files that are pushed', () => {
  let source: string;
  let to: string;
  let first: Pushed;
  beforeAll(async () => {
    source = makeEveryKind(join(tempDir('source'), 'app'));
    to = fresh();
    first = await push([source, to]);
  });

  it('come back as they were, with their key', async () => {
    expect(`${first.tree.key}\n`).toBe((await ok(['key', '--no-ignore-file', source])).stdout);
    const copy = join(tempDir('copy'), 'copy');
    await ok(['snapshot', '--owner', 'preserve', to, copy]);
    expect(listTree(copy, { omit: SAME })).toEqual(listTree(source, { omit: SAME }));
    expect(new Set(listTree(copy).map(({ mtime }) => mtime))).toEqual(new Set(['315619200000000000']));
    expect((await ok(['key', '--no-ignore-file', copy])).stdout).toBe(`${first.tree.key}\n`);
    expect(JSON.parse(readFileSync(`${copy}.ctxsrc.json`, 'utf8'))).toMatchObject({ tree: first.tree.key });
    await ok(['verify', copy]);
    appendFileSync(join(copy, 'nothing'), 'x');
    expect((await ctxsrc(['verify', copy])).code).toBe(5);
    const { stdout } = await ok(['diff', '--files', '--exit-code', source, to]);
    expect(stdout).toMatch(/: the same content, though the keys of the two are made otherwise\n$/);
  });

  it('are the same image in other time zones, under other names, on another day, and without zlib', async () => {
    const moved = join(tempDir('moved'), 'x');
    execFileSync('cp', ['-r', '--preserve=mode,links', source, moved]);
    const noZlib = `import z from 'node:zlib'; import { syncBuiltinESMExports } from 'node:module';
      for (const name of Object.keys(z)) if (/gzip|deflate|crc32|zstdC/i.test(name) && !/^(createGunzip|Gunzip|constants)/.test(name))
        try { z[name] = () => { throw new Error('zlib') } } catch {}
      syncBuiltinESMExports(); Date.now = () => 2e12;`;
    const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(noZlib)}`];
    const other = await push([moved, fresh()], {
      env: { TZ: 'Asia/Tokyo', SOURCE_DATE_EPOCH: '1700000000' },
      nodeArgs,
    });
    expect(other.digest).toBe(first.digest);
    expect(other.tree.layer.digest).toBe(first.tree.layer.digest);
  });

  it.skipIf(!needsRoot('another user') || !needsOpenCheckout('another user'))(
    'are the same for another user',
    async () => {
      const copy = tempDir('copy');
      execFileSync('cp', ['-r', '--preserve=mode,links', source, join(copy, 'app')]);
      execFileSync('chown', ['-R', '12345:12345', copy]);
      // A change of owner clears the bit.
      chmodSync(join(copy, 'app', 'program'), 0o4755);
      const layout = join(copy, 'layout');
      expect((await push([join(copy, 'app'), `oci-layout://${layout}`], { uid: 12345 })).digest).toBe(first.digest);
    },
  );

  it('send nothing when they are there', async () => {
    expect(await push([source, to])).toMatchObject({ digest: first.digest, moved: false, sent: 0 });
  });

  it('have the time of --mtime epoch, which a note explains', async () => {
    const env = { SOURCE_DATE_EPOCH: '1700000000' };
    const later = await push(['--mtime', 'epoch', source, fresh()], { env });
    expect(later.stderr).toMatch(/the same for as long as SOURCE_DATE_EPOCH is/);
    expect(later.digest).not.toBe(first.digest);
    expect(later.tree.key).toBe(first.tree.key);
    for (const wrong of ['x', '99999999999']) {
      const failed = await ctxsrc(['push', '--mtime', 'epoch', source, to], { env: { SOURCE_DATE_EPOCH: wrong } });
      expect([failed.code, failed.stdout]).toEqual([2, '']);
    }
  });

  it('one file more, or another mode, is another image; a hard link is a file of its own', async () => {
    const dir = tempDir('links');
    writeFileSync(join(dir, 'a'), 'content', { mode: 0o644 });
    const alone = await push([dir, fresh()]);
    linkSync(join(dir, 'a'), join(dir, 'b'));
    const linked = await push([dir, fresh()]);
    expect(linked.stderr).toMatch(/hard links that are files of their own in the layer: 1/);
    expect(linked.digest).not.toBe(alone.digest);
    const copied = tempDir('links');
    for (const name of ['a', 'b']) writeFileSync(join(copied, name), 'content', { mode: 0o644 });
    expect((await push([copied, fresh()])).digest).toBe(linked.digest);
    chmodSync(join(copied, 'a'), 0o664);
    const other = await push([copied, fresh()]);
    expect(other.digest).not.toBe(linked.digest);
    expect((await push(['--modes', 'exec', copied, fresh()])).digest).toBe(linked.digest);
  });

  it('an empty directory is an image with one layer', async () => {
    const layout = fresh();
    const empty = await push([tempDir('empty'), layout]);
    expect(readFileSync(blob(layout, empty.tree.layer.digest)).length).toBeGreaterThan(0);
    const copy = join(tempDir('copy'), 'copy');
    await ok(['snapshot', layout, copy]);
    expect(readdirSync(copy)).toEqual([]);
  });

  it('that no layer can hold are refused before the first request', async () => {
    const registry = await PushRegistry.start();
    try {
      const dir = tempDir('names');
      mkdirSync(join(dir, 'sub'));
      writeFileSync(join(dir, 'sub', '.wh.x'), '');
      await expectFailure(['push', dir, `docker-image://${registry.host}/a/b:1`], {
        code: 'E_UNSAFE',
        message: /sub\/\.wh\.x/,
      });
      expect(registry.log).toEqual([]);
      await push(['--exclude', 'sub', dir, fresh()]);
    } finally {
      await registry.stop();
    }
  });

  it('an annotation that lies is exit 5, and nothing is written', async () => {
    const layout = fresh();
    await push([source, layout]);
    rewrite(layout, (text) => text.replace(first.tree.key, digestOf('other')));
    const target = join(tempDir('copy'), 'copy');
    await expectFailure(['snapshot', layout, target], { code: 'E_DIGEST_MISMATCH', message: /content key/ });
    const part = { code: 'E_UNSAFE', message: /have the content key/ } as const;
    await expectFailure(['snapshot', '--strict', '--include', '*', layout, target], part);
    expect(existsSync(target)).toBe(false);
  });
});

/** Changes the manifest of a layout that has one, and returns its new digest. */
function rewrite(layout: string, change: (text: string) => string): string {
  const index = JSON.parse(readFileSync(join(pathOf(layout), 'index.json'), 'utf8')) as {
    manifests: { digest: string; size: number }[];
  };
  const [entry] = index.manifests;
  const bytes = Buffer.from(change(readFileSync(blob(layout, entry!.digest), 'utf8')));
  entry!.digest = digestOf(bytes);
  entry!.size = bytes.length;
  writeFileSync(blob(layout, entry!.digest), bytes);
  writeFileSync(join(pathOf(layout), 'index.json'), JSON.stringify(index));
  return entry!.digest;
}

it('an image of another format, with the same key and layer, never stays', async () => {
  const dir = tempDir('foreign');
  writeFileSync(join(dir, 'file'), 'content', { mode: 0o644 });
  const layout = fresh();
  const { digest } = await push([dir, layout]);
  rewrite(layout, (text) => text.replace('"dev.ctxsrc.format":"1"', '"dev.ctxsrc.format":"0"'));
  expect(await push([dir, layout])).toMatchObject({ digest, moved: true });
});

it.skipIf(!needsRoot('another user') || !needsOpenCheckout('another user'))(
  'a user takes files that their owner may not read, and is told that the key was not checked, which --strict refuses',
  async () => {
    const base = tempDir('closed');
    mkdirSync(join(base, 'app'));
    writeFileSync(join(base, 'app', 'secret'), 'content', { mode: 0 });
    await push([join(base, 'app'), `oci-layout://${join(base, 'layout')}`]);
    execFileSync('chown', ['-R', '12345:12345', base]);
    const copy = join(base, 'copy');
    const strict = ['snapshot', '--strict', '--owner', 'current', `oci-layout://${join(base, 'layout')}`, copy];
    const failure = { code: 'E_UNSAFE', message: /was not checked/ } as const;
    await expectFailure(strict, failure, { uid: 12345 });
    await expectFailure(
      [...strict, '--include', '*'],
      { ...failure, message: /have the content key/, hint: /as root/ },
      { uid: 12345 },
    );
    expect(existsSync(copy)).toBe(false);
    const { stderr } = await ok(['snapshot', ...strict.slice(2)], { uid: 12345 });
    expect(stderr).toMatch(/content key sha256:\w+ that the image names was not checked, for .*secret/);
    expect(readFileSync(join(copy, 'secret'), 'utf8')).toBe('content');
    // What is there was not checked either.
    await expectFailure(strict, { ...failure, message: /written without a check/, hint: /--force/ }, { uid: 12345 });
  },
);

describe('files that may be secret', () => {
  it.skipIf(!needs('git'))('are named before anything is sent, and refused with --strict', async () => {
    const dir = tempDir('secrets');
    const write = (path: string, text: string): void => {
      mkdirSync(join(dir, path, '..'), { recursive: true });
      writeFileSync(join(dir, path), text);
    };
    write('.env.local', 'A=1');
    write('key', `${'-----BEGIN CERTIFICATE-----\n'.repeat(50)}-----BEGIN OPENSSH PRIVATE KEY-----\nx`);
    write('.npmrc', '//registry.npmjs.org/:_authToken=x');
    write('sub/.npmrc', 'save-exact=true');
    write('.docker/config.json', '{"auths":{"h":{"auth":"x"}}}');
    write('config.json', '{"a":1}');
    write('.netrc', 'machine h');
    write('plain', 'PRIVATE KEY');
    execFileSync('git', ['init', '-q', dir], { env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' } });
    write('.gitignore', 'built/\n*.log\n');
    write('built/x', 'x');
    write('a.log', 'x');
    write('b.log', 'x');
    write('.dockerignore', 'b.log\n');
    appendFileSync(join(dir, '.git', 'config'), '[remote "origin"]\n\turl = https://bob:token@example.com/x.git\n');
    const pushed = await push([dir, fresh()]);
    expect(pushed.tree.secrets.map(({ path }) => path)).toEqual([
      '.docker/config.json',
      '.env.local',
      '.git/config',
      '.netrc',
      '.npmrc',
      'a.log',
      'built',
      'key',
    ]);
    expect(pushed.stderr).toMatch(/may be secret: .*\.env\.local \(settings of an environment\)/);
    expect(pushed.stderr).toContain('--exclude; --strict refuses it');
    expect(pushed.stderr).not.toContain('token@');
    const registry = await PushRegistry.start();
    try {
      const strict = ['push', '--strict', dir, `docker-image://${registry.host}/a/b:1`];
      await expectFailure(strict, { code: 'E_UNSAFE', message: /\.env\.local/, hint: /without --strict/ });
      expect(registry.log).toEqual([]);
    } finally {
      await registry.stop();
    }
  });

  it.skipIf(!needs('git'))(
    'are found in a checkout of somebody else, whatever GIT_DIR says; a git that fails is told',
    async () => {
      const dir = tempDir('theirs');
      execFileSync('git', ['init', '-q', dir]);
      writeFileSync(join(dir, '.gitignore'), 'x.log\n');
      writeFileSync(join(dir, 'x.log'), 'x');
      if (needsRoot('another owner')) execFileSync('chown', ['-R', '12345:12345', dir]);
      const { tree } = await push([dir, fresh()], { env: { GIT_DIR: join(tempDir('none'), 'none') } });
      expect(tree.secrets.map(({ path }) => path)).toEqual(['x.log']);
      writeFileSync(join(dir, '.git', 'config'), '[broken');
      expect((await push([dir, fresh()])).stderr).toMatch(/what git ignores here is not known.*config/);
      await expectFailure(['push', '--strict', dir, fresh()], { code: 'E_UNSAFE', message: /what git ignores/ });
    },
  );
});

describe('other sources of files', () => {
  it.skipIf(!needs('git'))(
    'git: the same image under every umask and for two commits with one tree; annotations where asked for',
    async () => {
      const repositories = tempDir('git');
      const repo = join(repositories, 'repo.git');
      initBare(repo);
      const files = { 'a/b': 'content', run: { mode: '100755', data: '#!/bin/sh\n' } } as const;
      const one = commit(repo, 'refs/heads/main', files);
      const two = commit(repo, 'refs/heads/main', files, 'again');
      const server = await serveGit(repositories);
      try {
        const url = `${server.origin}/repo.git`;
        const digests = new Set<string>();
        for (const [umask, id] of [
          ['002', one],
          ['077', two],
        ] as const) {
          const args = [
            '-c',
            `umask ${umask}; exec "$@"`,
            'sh',
            process.execPath,
            cliPath(),
            'push',
            `${url}#${id}`,
            fresh(),
          ];
          const { stdout } = await run('sh', args, { env: cliEnv(cliHome()) });
          digests.add(stdout.trim().split('@')[1]!);
        }
        expect(digests.size).toBe(1);
        const layout = fresh();
        const names = [
          'dev.ctxsrc.pin',
          'org.opencontainers.image.revision',
          'org.opencontainers.image.source',
          'org.example.x=y',
        ];
        const asked = await push([...names.flatMap((name) => ['--annotation', name]), `${url}#${two}`, layout]);
        expect([...digests]).not.toContain(asked.digest);
        const { annotations } = JSON.parse(readFileSync(blob(layout, asked.digest), 'utf8')) as { annotations: object };
        expect(annotations).toEqual({
          'dev.ctxsrc.format': '1',
          'dev.ctxsrc.key': asked.tree.key,
          'dev.ctxsrc.pin': two,
          'org.example.x': 'y',
          'org.opencontainers.image.created': '1980-01-02T00:00:00Z',
          'org.opencontainers.image.revision': two,
          'org.opencontainers.image.source': url,
        });
      } finally {
        await server.close();
      }
    },
  );

  it('http: a file, or what is in an archive, without the query in an annotation', async () => {
    const dir = makeEveryKind(join(tempDir('source'), 'app'));
    const archive = execFileSync('tar', ['-c', '-C', dir, '--owner=5', '--group=6', 'closed', 'link', 'nothing'], {
      maxBuffer: 1 << 28,
    });
    const server = createServer((_, response) => response.end(archive)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files.tar?token=secret`;
      const layout = fresh();
      const pushed = await push(['--unpack', '--annotation', 'org.opencontainers.image.source', url, layout]);
      expect((await ok(['ls', '-R', layout])).stdout).toBe('closed\nclosed/file\nlink\nnothing\n');
      const kept = tempDir('kept');
      execFileSync('cp', ['-a', ...['closed', 'link', 'nothing'].map((name) => join(dir, name)), kept]);
      expect(`${pushed.tree.key}\n`).toBe((await ok(['key', kept])).stdout);
      expect(readFileSync(blob(layout, pushed.digest), 'utf8')).not.toContain('secret');
      await ok(['push', url, layout]);
      expect((await ok(['ls', layout])).stdout).toBe('files.tar\n');
    } finally {
      server.close();
    }
  });
});

it.skipIf(!needsRoot('another user') || !needsOpenCheckout('another user'))(
  'an archive with what a user may not write is refused, for root would make another image of it',
  async () => {
    const dir = tempDir('special');
    writeFileSync(join(dir, 'program'), 'content');
    const archive = execFileSync('tar', ['-c', '-C', dir, '--mode=4755', 'program']);
    const server = createServer((_, response) => response.end(archive)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/special.tar`;
      const failure = { code: 'E_LOSSY', message: /lack .*: setuid \(1\), first program/, hint: /as root/ } as const;
      await expectFailure(['push', '--unpack', url, fresh()], failure, { uid: 12345 });
      await push(['--unpack', url, fresh()]);
    } finally {
      server.close();
    }
  },
);

describe.skipIf(!needs('docker-registry', 'skopeo', 'umoci', 'buildah'))('other programs', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry.stop());

  it('take what was pushed, and unpack the source', { timeout: 120_000 }, async () => {
    const source = makeEveryKind(join(tempDir('source'), 'app'));
    const image = `docker-image://${registry.host}/team/files:1`;
    const pushed = await push([source, image]);
    expect(pushed.reference).toBe(`${image}@${pushed.digest}`);
    expect(await push([source, image])).toMatchObject({ moved: false, sent: 0 });
    const name = image.replace('docker-image:', 'docker:');
    const dir = tempDir('peers');
    const quiet = { stdio: 'pipe' } as const;
    const raw = execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', name], quiet);
    expect(digestOf(raw)).toBe(pushed.digest);
    execFileSync('skopeo', ['--insecure-policy', 'copy', '--src-tls-verify=false', name, `oci:${dir}/oci:x`], quiet);
    execFileSync('umoci', ['unpack', '--rootless', '--image', `${dir}/oci:x`, join(dir, 'bundle')], quiet);
    const omit = [...SAME, 'linkOf'] as const;
    expect(listTree(join(dir, 'bundle', 'rootfs'), { omit })).toEqual(listTree(source, { omit }));
    const storage = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--storage-driver', 'vfs'];
    execFileSync('buildah', [...storage, 'pull', '--tls-verify=false', name], quiet);
  });
});

it.each([
  ['org.opencontainers.image.created=1999', /--mtime epoch/],
  ['DEV.ctxsrc.key=x', /takes no value/],
])('the annotation %s is refused', async (annotation, said) => {
  const { code, stdout, stderr } = await ctxsrc(['push', '--annotation', annotation, tempDir('empty'), fresh()]);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(said);
});
