/** Bad input: the right exit code, one clear line, a hint where one helps, and nothing left behind. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { directory, expectFailure, layoutRef } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needsRoot } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe('references that cannot be right', () => {
  it.each([
    ['parse', 'foo://bar'],
    ['key', 'foo://bar'],
    ['digest', 'foo://bar'],
  ])('%s %s: an unknown scheme', async (...args) => {
    await expectFailure(args, { code: 'E_SCHEME_UNKNOWN', message: /foo/ });
  });

  it.each(['sha256:xyz', 'sha256:ABC', 'md5:d41d8cd98f00b204e9800998ecf8427e', `sha256:${'G'.repeat(64)}`])(
    'a malformed digest: %s',
    async (digest) => {
      await expectFailure(['key', `${layoutRef('hello')}@${digest}`], { code: 'E_DIGEST_INVALID', message: /digest/ });
      const { code, stdout, stderr } = await ctxsrc(['digest', `docker-image://alpine@${digest}`]);
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    },
  );

  it('a bare word that is no directory is not looked up in the network', async () => {
    await expectFailure(
      ['key', 'alpine'],
      { code: 'E_REFERENCE', message: /alpine/, hint: /docker-image:\/\/alpine/ },
      { cwd: tempDir('empty') },
    );
  });

  it('a directory that is not there', async () => {
    await expectFailure(
      ['key', './nowhere'],
      { code: 'E_PATH_NOT_FOUND', message: /nowhere/ },
      { cwd: tempDir('empty') },
    );
  });

  it('a path without a layout', async () => {
    await expectFailure(['key', `oci-layout://${tempDir('empty')}/nowhere:tag`], {
      code: 'E_PATH_NOT_FOUND',
      message: /nowhere/,
    });
  });

  it.each([
    ['a platform that is none', ['--platform', 'linux/amd64/v1/x'], 'E_PLATFORM_INVALID'],
    ['a layer limit of nothing', ['--layer-limit', '0'], 'E_LAYER_LIMIT'],
    ['a layer limit that is no number', ['--layer-limit', 'two'], 'E_LAYER_LIMIT'],
    ['a checksum that is none', ['--checksum', 'sha256:12'], 'E_DIGEST_INVALID'],
    ['a flag that is none', ['--no-such-flag'], 'E_USAGE'],
  ] as const)('%s', async (_, flags, code) => {
    const json = await ctxsrc(['key', layoutRef('hello'), ...flags, '--json']);
    expect({ code: json.code, stdout: json.stdout }, json.stderr).toEqual({ code: 2, stdout: '' });
    const error = (JSON.parse(json.stderr.trimEnd().split('\n').at(-1)!) as { error: { code: string } }).error;
    // A value can be refused as the usage of its flag or as what it stands for; the exit code is the same.
    expect([code, 'E_USAGE', 'E_ATTRIBUTE']).toContain(error.code);
  });

  it('a flag that means nothing for the reference', async () => {
    const result = await ctxsrc(['key', directory('app'), '--layer-limit', '1']);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/layer-limit/);
  });

  it('a subcommand that is none', async () => {
    const result = await ctxsrc(['frobnicate', 'x']);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/frobnicate/);
  });

  it('no reference at all', async () => {
    const result = await ctxsrc(['key']);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
  });
});

describe('what a layout does not have', () => {
  it('a tag: the tags that are there are listed', async () => {
    await expectFailure(['digest', layoutRef('everything', 'nope')], {
      code: 'E_TAG_NOT_FOUND',
      message: /nope.*latest.*zstd.*arm-only/,
    });
  });

  it('a digest', async () => {
    await expectFailure(['key', `${layoutRef('hello')}@sha256:${'0'.repeat(64)}`], {
      code: 'E_BLOB_NOT_FOUND',
      message: /000/,
    });
  });

  it('a platform: those that are there are listed', async () => {
    await expectFailure(['key', layoutRef('everything', 'latest'), '--platform', 'linux/s390x'], {
      code: 'E_PLATFORM_NOT_FOUND',
      message: /s390x.*linux\/amd64.*linux\/arm64/,
      hint: /--platform/,
    });
  });

  it('a tag without doubt', async () => {
    await expectFailure(['key', layoutRef('broken', 'tag-twice')], { code: 'E_TAG_AMBIGUOUS', message: /tag-twice/ });
  });

  it('one image, when none is named', async () => {
    const result = await ctxsrc(['key', layoutRef('broken')]);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/intact/);
  });

  it('more layers than the limit says', async () => {
    await expectFailure(['key', layoutRef('hello'), '--layer-limit', '9'], { code: 'E_LAYER_LIMIT', message: /9.*2/ });
  });
});

describe('broken images', () => {
  it.each([
    ['config-no-json', 'E_IMAGE_CONFIG_INVALID', /config/],
    ['schema-1', 'E_SCHEMA1', /schema 1|schema1/i],
    ['schema-1-disguised', 'E_SCHEMA1', /schema 1|schema1|fsLayers/i],
    ['contains-itself', 'E_DIGEST_MISMATCH', /digest/],
    ['too-few-diff-ids', 'E_IMAGE_CONFIG_INVALID', /layers|diff/i],
    ['wrong-manifest-digest', 'E_DIGEST_MISMATCH', /digest/],
    ['missing-manifest', 'E_BLOB_NOT_FOUND', /sha256:/],
  ] as const)('%s has no key', async (tag, code, message) => {
    await expectFailure(['key', layoutRef('broken', tag)], { code, message });
  });

  it.each([
    ['truncated-blob', ['E_SIZE_MISMATCH', 'E_DIGEST_MISMATCH'], 5],
    ['wrong-digest', ['E_DIGEST_MISMATCH'], 5],
    ['wrong-size', ['E_SIZE_MISMATCH'], 5],
    ['wrong-diff-id', ['E_DIFF_ID_MISMATCH'], 5],
    ['missing-blob', ['E_BLOB_NOT_FOUND'], 3],
    ['schema-1', ['E_SCHEMA1'], 5],
  ] as const)('%s gives no snapshot and leaves nothing behind', async (tag, codes, exit) => {
    const parent = tempDir('target');
    const home = cliHome();
    const result = await ctxsrc(['snapshot', layoutRef('broken', tag), join(parent, 'deep', 'out'), '--json'], {
      home,
    });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: exit, stdout: '' });
    const { error } = JSON.parse(result.stderr.trimEnd().split('\n').at(-1)!) as { error: { code: string } };
    expect(codes).toContain(error.code);
    const left = readdirSync(parent, { recursive: true, encoding: 'utf8' });
    expect(left.filter((path) => path !== 'deep')).toEqual([]);
    // Node's own cache of compiled code, where there is one.
    expect(readdirSync(join(home, 'tmp')).filter((name) => name !== 'node-compile-cache')).toEqual([]);
  });

  it('a manifest over 4 MiB', async () => {
    const layout = new LayoutBuilder();
    const image = layout.image({ layers: [], annotations: { big: 'x'.repeat(4 * 1024 * 1024) } });
    const dir = layout.tag(image, 'latest').write(tempDir('layout'));
    await expectFailure(['key', `oci-layout://${dir}`], { code: 'E_LIMIT', message: /4 MiB|4194304/ });
  });

  it('an index in an index in an index, without end', async () => {
    const layout = new LayoutBuilder();
    let inner = layout.image({ layers: [] });
    for (let depth = 0; depth < 2000; depth++) inner = layout.index([inner]);
    const dir = layout.tag(inner, 'latest').write(tempDir('layout'));
    await expectFailure(['key', `oci-layout://${dir}`], { code: 'E_LIMIT', message: /nest|deep|depth|index/i });
  });

  it.each([
    ['an index.json that is no JSON', 'index.json', 'not {json'],
    ['an index.json without manifests', 'index.json', '[]'],
  ])('%s', async (_, name, text) => {
    const layout = new LayoutBuilder();
    const dir = layout.tag(layout.image({ layers: [] }), 'latest').write(tempDir('layout'));
    writeFileSync(join(dir, name), text);
    const result = await ctxsrc(['key', `oci-layout://${dir}`]);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 5, stdout: '' });
  });

  it('a layer that would write outside', async () => {
    const layout = new LayoutBuilder();
    const parent = tempDir('target');
    const evil = tar([
      { name: 'up', type: 'symlink', linkname: parent },
      { name: '../../escaped', content: 'x' },
      { name: 'up/escaped', content: 'x' },
      { name: '/escaped', content: 'x' },
    ]);
    const image = layout.image({ layers: [layout.layer(evil)] });
    const dir = layout.tag(image, 'latest').write(join(tempDir('layout'), 'oci'));
    await ctxsrc(['snapshot', `oci-layout://${dir}`, join(parent, 'a', 'b', 'out')]);
    expect(existsSync(join(parent, 'escaped')) || existsSync(join(parent, 'a', 'escaped'))).toBe(false);
    expect(existsSync('/escaped')).toBe(false);
  });
});

describe('registries', () => {
  let registry: TestRegistry;
  const layout = new LayoutBuilder();
  const layer = layout.layer(tar([{ name: 'a', content: 'a' }]));
  const image = layout.image({ layers: [layer] });

  beforeAll(async () => {
    registry = await TestRegistry.start({ auth: { kind: 'basic', username: 'u', password: 'p' } });
    registry.push(layout, 'some/image', 'tag', image);
  });
  afterAll(() => registry.stop());

  it('nobody listens', async () => {
    const nobody = await TestRegistry.start();
    const { host } = nobody;
    await nobody.stop();
    await expectFailure(['digest', `docker-image://${host}/some/image:tag`, '--retry', '0'], {
      code: 'E_NETWORK',
      message: new RegExp(host.replaceAll('.', '\\.')),
    });
  });

  it('no credentials, and wrong ones', async () => {
    const args = ['digest', `docker-image://${registry.host}/some/image:tag`];
    await expectFailure(args, { code: 'E_UNAUTHORIZED', message: /some\/image|127\.0\.0\.1/ });
    const home = cliHome();
    const auth = Buffer.from('u:wrong-secret').toString('base64');
    writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const env = { DOCKER_CONFIG: home };
    await expectFailure(args, { code: 'E_UNAUTHORIZED', message: /./ }, { env });
    const { stderr } = await ctxsrc([...args, '-vv'], { env });
    expect(stderr).not.toContain('wrong-secret');
    expect(stderr).not.toContain(auth);
  });

  it('an image that is not there', async () => {
    const home = cliHome();
    const auth = Buffer.from('u:p').toString('base64');
    writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const options = { env: { DOCKER_CONFIG: home } };
    const right = await ctxsrc(['digest', `docker-image://${registry.host}/some/image:tag`], options);
    expect(right.stdout, right.stderr).toBe(`${image.digest}\n`);
    await expectFailure(
      ['digest', `docker-image://${registry.host}/some/image:nope`],
      { code: 'E_TAG_NOT_FOUND', message: /nope/ },
      options,
    );
  });

  it('an image that is another one than the checksum says', async () => {
    const open = await TestRegistry.start();
    try {
      open.push(layout, 'some/image', 'tag', image);
      const ref = `docker-image://${open.host}/some/image:tag`;
      const wrong = `sha256:${'0'.repeat(64)}`;
      await expectFailure(['key', ref, '--checksum', wrong], { code: 'E_CHECKSUM_MISMATCH', message: /0000/ });
      expect((await ctxsrc(['key', ref, '--checksum', image.digest])).code).toBe(0);
    } finally {
      await open.stop();
    }
  });

  it('offline, nothing is asked', async () => {
    const before = registry.log.length;
    await expectFailure(['key', `docker-image://${registry.host}/some/image:tag`, '--offline'], {
      code: 'E_OFFLINE',
      message: /some\/image/,
    });
    expect(registry.log.length).toBe(before);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s while a blob stands still ends at once and leaves nothing',
    async (signal) => {
      const stuck = await TestRegistry.start({
        intercept: (request, response) => {
          if (!/\/blobs\//.test(request.url ?? '')) return false;
          const bytes = layout.blobs.get(/sha256:[0-9a-f]+/.exec(request.url ?? '')?.[0] ?? '');
          if (bytes === undefined || bytes.length < 1000) return false; // the configuration comes through
          response.writeHead(200, { 'content-length': bytes.length });
          response.write(bytes.subarray(0, 100));
          return true;
        },
      });
      try {
        stuck.push(layout, 'some/image', 'tag', image);
        const parent = tempDir('target');
        const ref = `docker-image://${stuck.host}/some/image:tag`;
        const result = await ctxsrc(['snapshot', ref, join(parent, 'out')], {
          kill: { when: () => stuck.count('GET', new RegExp(layer.descriptor.digest)) > 0, signal },
          timeout: 20_000,
        });
        expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({
          code: signal === 'SIGINT' ? 130 : 143,
          stdout: '',
        });
        expect(readdirSync(parent)).toEqual([]);
        expect(stuck.count('GET', /\/blobs\//)).toBeGreaterThan(0);
      } finally {
        await stuck.stop();
      }
    },
  );
});

describe('targets', () => {
  it('a directory with something else in it stays as it is', async () => {
    const target = tempDir('target');
    writeFileSync(join(target, 'mine'), 'precious');
    await expectFailure(['snapshot', layoutRef('hello'), target], {
      code: 'E_TARGET_EXISTS',
      message: new RegExp(target),
      hint: /--force/,
    });
    expect(readdirSync(target)).toEqual(['mine']);
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('precious');
  });

  it('a file stays as it is', async () => {
    const target = join(tempDir('target'), 'file');
    writeFileSync(target, 'precious');
    await expectFailure(['snapshot', layoutRef('hello'), target], { code: 'E_TARGET_EXISTS', message: /file/ });
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  it('the current directory', async () => {
    const cwd = tempDir('cwd');
    await expectFailure(['snapshot', layoutRef('hello'), '.'], { code: 'E_TARGET_EXISTS', message: /./ }, { cwd });
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('a directory inside the source', async () => {
    const source = join(tempDir('source'), 'app');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'x');
    await expectFailure(['snapshot', source, join(source, 'out')], { code: 'E_TARGET_IN_SOURCE', message: /./ });
    expect(readdirSync(source)).toEqual(['file']);
  });

  describe.skipIf(!needsRoot('a file system of 1 MB is mounted'))('a full disk', () => {
    const disk = tempDir('disk');
    let mounted = false;
    beforeAll(() => {
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'pipe' });
        mounted = true;
      } catch (error) {
        if (process.env.CI) throw error;
        console.warn(`SKIPPED (cannot mount here): ${String(error)}`);
      }
    });
    afterAll(() => {
      if (mounted) execFileSync('umount', [disk]);
    });

    it('leaves nothing behind', async (context) => {
      if (!mounted) context.skip();
      const layout = new LayoutBuilder();
      const big = Array.from({ length: 40 }, (_, i) => ({ name: `file-${i}`, content: Buffer.alloc(100_000, i) }));
      const image = layout.image({ layers: [layout.layer(tar(big))] });
      const dir = layout.tag(image, 'latest').write(tempDir('layout'));
      await expectFailure(['snapshot', `oci-layout://${dir}`, join(disk, 'out')], {
        code: 'E_DISK_FULL',
        message: /space/,
      });
      expect(readdirSync(disk)).toEqual([]);
    });

    it('where the store lies', async (context) => {
      if (!mounted) context.skip();
      const layout = new LayoutBuilder();
      const image = layout.image({
        layers: [layout.layer(tar([{ name: 'big', content: Buffer.alloc(4_000_000, 1) }]))],
      });
      const server = await TestRegistry.start();
      try {
        server.push(layout, 'big', 'tag', image);
        const target = join(tempDir('target'), 'out');
        const args = ['snapshot', `docker-image://${server.host}/big:tag`, target, '--cache-dir', join(disk, 'cache')];
        await expectFailure(args, { code: 'E_DISK_FULL', message: /space/ });
        expect(existsSync(target)).toBe(false);
      } finally {
        await server.stop();
      }
    });
  });
});

describe('files that may not be read', () => {
  /** Someone who is not root: the tester, or nobody. */
  const uid = isRoot ? NOBODY : undefined;

  function sourceWith(mode: number, name: string): string {
    const source = join(tempDir('source'), 'app');
    mkdirSync(source);
    writeFileSync(join(source, 'open'), 'x');
    if (name.endsWith('/')) mkdirSync(join(source, name));
    else writeFileSync(join(source, name), 'secret');
    chmodSync(join(source, name), mode);
    if (uid !== undefined) for (const path of [source, join(source, name)]) chownSync(path, uid, uid);
    return source;
  }

  it.each(['closed', 'closed/'])('%s in a directory', async (name) => {
    const source = sourceWith(0, name);
    await expectFailure(['key', source], { code: 'E_PERMISSION', message: /closed/ }, { uid });
    const parent = tempDir('target');
    if (uid !== undefined) chownSync(parent, uid, uid);
    const result = await ctxsrc(['snapshot', source, join(parent, 'out')], { uid });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 74, stdout: '' });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('one that is ignored does not matter', async () => {
    const source = sourceWith(0, 'closed');
    const result = await ctxsrc(['key', source, '--exclude', 'closed'], { uid });
    expect(result.code, result.stderr).toBe(0);
  });

  it('a target where nothing may be written', async () => {
    const parent = tempDir('target');
    if (!isRoot) chmodSync(parent, 0o555);
    await expectFailure(
      ['snapshot', layoutRefOpen(), join(parent, 'out')],
      { code: 'E_PERMISSION', message: /out|target/ },
      { uid },
    );
    expect(readdirSync(parent)).toEqual([]);
  });
});

/** A layout that every user may read, wherever the clone lies. */
function layoutRefOpen(): string {
  const layout = new LayoutBuilder();
  const image = layout.image({ layers: [layout.layer(tar([{ name: 'a', content: 'a' }]))] });
  return `oci-layout://${layout.tag(image, 'latest').write(tempDir('layout'))}`;
}
