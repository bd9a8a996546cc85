/** One reference through each step, as child processes of the built program: parse, digest, key, inspect, pull, snapshot. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { ERROR_EXITS } from '../../src/core/errors.ts';
import { SourceTable } from '../../src/source/table.ts';
import { cliHome, cliPath, ctxsrc, packageRoot, run } from '../support/cli.ts';
import { DIGEST, directory, expectFailure, layoutRef } from '../support/cli-expect.ts';
import { digestOf } from '../support/layout-builder.ts';
import { keyOfManyFiles } from '../support/many-files.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

const isRoot = process.getuid?.() === 0;

/** Runs what must succeed and returns stdout. */
async function ok(args: readonly string[], options: Parameters<typeof ctxsrc>[1] = {}): Promise<string> {
  const result = await ctxsrc(args, options);
  expect(result.code, result.stderr).toBe(0);
  return result.stdout;
}

/** The bytes of a layout's index.json entry for a tag. */
function rootDigest(name: 'hello' | 'everything', tag: string): string {
  const path = join(packageRoot, 'fixtures', 'layouts', name, 'index.json');
  const index = JSON.parse(readFileSync(path, 'utf8')) as {
    manifests: { digest: string; annotations: Record<string, string> }[];
  };
  return index.manifests.find((one) => one.annotations['org.opencontainers.image.ref.name'] === tag)!.digest;
}

/** The diff IDs of a layout's image. */
function diffIds(name: 'hello' | 'everything', tag: string): string[] {
  const blob = (digest: string): string =>
    readFileSync(join(packageRoot, 'fixtures', 'layouts', name, 'blobs', digest.replace(':', '/')), 'utf8');
  const manifest = JSON.parse(blob(rootDigest(name, tag))) as { config: { digest: string } };
  return (JSON.parse(blob(manifest.config.digest)) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids;
}

function chainId(ids: readonly string[]): string {
  return ids.slice(1).reduce((chain, id) => digestOf(`${chain} ${id}`), ids[0]!);
}

describe('an image in a layout', () => {
  it('parse says what was understood, and touches no network and no store', async () => {
    const home = cliHome();
    const out = await ok(['parse', layoutRef('hello', 'latest')], { home });
    expect(out).toContain('oci-layout://');
    expect(existsSync(join(home, 'cache', 'ctxsrc'))).toBe(false);
  });

  it('parse completes the name of an image', async () => {
    expect(await ok(['parse', 'docker-image://alpine'])).toContain('docker-image://docker.io/library/alpine:latest');
  });

  it('digest is that of the root, pinned is a reference to it', async () => {
    expect(await ok(['digest', layoutRef('everything', 'latest')])).toBe(`${rootDigest('everything', 'latest')}\n`);
    const pinned = (await ok(['digest', '--pinned', layoutRef('everything', 'latest')])).trimEnd();
    expect(pinned).toMatch(new RegExp(`@${rootDigest('everything', 'latest')}$`));
    expect(await ok(['digest', pinned])).toBe(`${rootDigest('everything', 'latest')}\n`);
    const platform = ['--platform', 'linux/amd64'];
    expect(await ok(['key', '--all', pinned, ...platform])).toBe(
      await ok(['key', '--all', layoutRef('everything', 'latest'), ...platform]),
    );
  });

  it('digest --manifest and --config are those of the platform', async () => {
    const amd64 = ['--platform', 'linux/amd64'];
    const manifest = await ok(['digest', '--manifest', layoutRef('everything', 'latest'), ...amd64]);
    expect(manifest).toBe(`${rootDigest('everything', 'amd64')}\n`);
    const config = await ok(['digest', '--config', layoutRef('everything', 'latest'), ...amd64]);
    expect(config).toMatch(DIGEST);
    expect(await ok(['digest', '--config', layoutRef('everything', 'latest'), '--platform', 'linux/arm64'])).not.toBe(
      config,
    );
  });

  it('key is the chain ID, whatever the packing, the platforms beside it and the nesting', async () => {
    const expected = `${chainId(diffIds('everything', 'amd64'))}\n`;
    for (const tag of ['latest', 'amd64', 'zstd', 'uncompressed', 'docker', 'nested']) {
      expect(await ok(['key', layoutRef('everything', tag), '--platform', 'linux/amd64']), tag).toBe(expected);
    }
    const [first] = diffIds('everything', 'amd64');
    expect(await ok(['key', layoutRef('everything', 'amd64'), '--layer-limit', '1'])).toBe(`${first}\n`);
  });

  it('key --definition is the hash of root digest and requested platform', async () => {
    const args = ['key', '--definition', layoutRef('everything', 'latest')];
    const hashed = (platform: string): string => {
      const json = `{"Digest":"${rootDigest('everything', 'latest')}",${platform}}`;
      return `sha256:${createHash('sha256').update(json).digest('hex')}\n`;
    };
    expect(await ok([...args, '--platform', 'linux/amd64'])).toBe(hashed('"OS":"linux","Arch":"amd64"'));
    expect(await ok([...args, '--platform', 'linux/x86_64'])).toBe(hashed('"OS":"linux","Arch":"amd64"'));
    expect(await ok([...args, '--platform', 'linux/arm64'])).toBe(hashed('"OS":"linux","Arch":"arm64"'));
    expect(await ok([...args, '--platform', 'linux/amd64', '--layer-limit', '2'])).toBe(
      hashed('"OS":"linux","Arch":"amd64","Limit":2'),
    );
  });

  it('key of an image without layers is the definition key, its snapshot an empty directory', async () => {
    const ref = layoutRef('everything', 'no-layers');
    expect(await ok(['key', ref])).toBe(await ok(['key', '--definition', ref]));
    const target = join(tempDir('target'), 'out');
    expect(await ok(['snapshot', ref, target])).toBe(await ok(['key', ref]));
    expect(readdirSync(target)).toEqual([]);
  });

  it('inspect names the platforms and layers', async () => {
    const text = await ok(['inspect', layoutRef('everything', 'latest'), '--platform', 'linux/amd64']);
    for (const word of ['linux/amd64', 'linux/arm64', rootDigest('everything', 'latest')]) expect(text).toContain(word);
    const json = JSON.parse(
      await ok(['inspect', '--json', layoutRef('everything', 'latest'), '--platform', 'linux/amd64']),
    );
    expect(json).toMatchObject({ schema: 'ctxsrc/v1', digest: rootDigest('everything', 'latest') });
  });

  it('pull brings everything into the store, which works without the layout then', async () => {
    const home = cliHome();
    const copy = join(tempDir('copy'), 'hello');
    cpSync(join(packageRoot, 'fixtures', 'layouts', 'hello'), copy, { recursive: true });
    expect(await ok(['pull', `oci-layout://${copy}`], { home })).toBe(`${rootDigest('hello', 'latest')}\n`);
    const store = (await ok(['cache', 'path'], { home })).trimEnd();
    for (const digest of [rootDigest('hello', 'latest')]) {
      expect(existsSync(join(store, 'blobs', digest.replace(':', '/')))).toBe(true);
    }
  });

  it('snapshot has the files of all layers and prints the key', async () => {
    const target = join(tempDir('target'), 'a', 'b', 'out');
    expect(await ok(['snapshot', layoutRef('hello'), target])).toBe(await ok(['key', layoutRef('hello')]));
    expect(listTree(target).map((entry) => entry.path)).toEqual([
      'app',
      'app/index.txt',
      'bin',
      'etc',
      'etc/motd',
      'etc/os-release',
      'usr',
      'usr/bin',
      'usr/bin/hello',
    ]);
    expect(readFileSync(join(target, 'bin', 'hello'), 'utf8')).toBe('#!/bin/sh\ncat /etc/motd\n');
    expect(existsSync(`${target}.ctxsrc.json`)).toBe(true);
  });

  it('snapshot is the same whatever the packing', async () => {
    const parent = tempDir('target');
    const trees: unknown[] = [];
    for (const tag of ['amd64', 'zstd', 'uncompressed', 'docker']) {
      await ok(['snapshot', layoutRef('everything', tag), join(parent, tag)], { home: cliHome() });
      // Nothing says when directories that no archive names were made.
      trees.push(listTree(join(parent, tag), { xattrs: isRoot }).filter(({ path }) => !/^without(?:\/a)?$/.test(path)));
    }
    expect(trees[0]).toEqual(expect.arrayContaining([expect.objectContaining({ path: 'dir/file' })]));
    for (const tree of trees.slice(1)) expect(tree).toEqual(trees[0]);
  });

  it('snapshot twice has nothing to do, another one needs --force', async () => {
    const target = join(tempDir('target'), 'out');
    await ok(['snapshot', layoutRef('hello'), target]);
    const before = listTree(target, { root: true });
    await ok(['snapshot', layoutRef('hello'), target]);
    expect(listTree(target, { root: true })).toEqual(before);
    const other = layoutRef('everything', 'no-layers');
    expect((await ctxsrc(['snapshot', other, target])).code).toBe(ERROR_EXITS.E_TARGET_EXISTS);
    expect(listTree(target)).toEqual(before.slice(1));
    await ok(['snapshot', '--force', other, target]);
    expect(readdirSync(target)).toEqual([]);
  });

  it('the layout is never written to', async () => {
    const dir = join(tempDir('copy'), 'everything');
    cpSync(join(packageRoot, 'fixtures', 'layouts', 'everything'), dir, { recursive: true });
    const before = listTree(dir, { root: true });
    await ok(['snapshot', `oci-layout://${dir}:amd64`, join(tempDir('target'), 'out')]);
    await ok(['inspect', `oci-layout://${dir}:latest`, '--platform', 'linux/arm64']);
    expect(listTree(dir, { root: true })).toEqual(before);
  });

  it('a tag that has moved is a warning when a digest decides', async () => {
    const result = await ctxsrc(['digest', `${layoutRef('everything', 'zstd')}@${rootDigest('everything', 'amd64')}`]);
    expect({ code: result.code, stdout: result.stdout }).toEqual({
      code: 0,
      stdout: `${rootDigest('everything', 'amd64')}\n`,
    });
    expect(result.stderr).toMatch(/zstd/);
  });

  it.each(['with:colon', 'with@at', 'with:colon@and at', '100%25'])(
    'a layout in a directory called %s',
    async (name) => {
      const dir = join(tempDir('copy'), name);
      cpSync(join(packageRoot, 'fixtures', 'layouts', 'hello'), dir, { recursive: true });
      for (const suffix of ['', ':latest', `@${rootDigest('hello', 'latest')}`]) {
        expect(await ok(['digest', `oci-layout://${dir}${suffix}`])).toBe(`${rootDigest('hello', 'latest')}\n`);
      }
    },
  );
});

describe('a directory', () => {
  it('key is the same wherever it lies and whenever it was written', async () => {
    const key = await ok(['key', directory('app')]);
    expect(key).toMatch(DIGEST);
    const copy = join(tempDir('copy'), 'elsewhere');
    cpSync(directory('app'), copy, { recursive: true });
    expect(await ok(['key', copy], { home: cliHome(), env: { TZ: 'Asia/Tokyo', LANG: 'C' } })).toBe(key);
    expect(await ok(['key', '.'], { cwd: copy })).toBe(key);
    expect(await ok(['key', `local://${copy}`])).toBe(key);
  });

  it('key changes with what counts, and only with it', async () => {
    const copy = join(tempDir('copy'), 'app');
    cpSync(directory('app'), copy, { recursive: true });
    const key = await ok(['key', copy]);
    writeFileSync(join(copy, 'logs', 'another.log'), 'ignored');
    expect(await ok(['key', copy])).toBe(key);
    expect(await ok(['key', copy, '--no-ignore-file'])).not.toBe(key);
    writeFileSync(join(copy, 'src', 'main.js'), "console.log('changed');\n");
    expect(await ok(['key', copy])).not.toBe(key);
  });

  it('snapshot has what the ignore file leaves', async () => {
    const target = join(tempDir('target'), 'out');
    expect(await ok(['snapshot', directory('app'), target])).toBe(await ok(['key', directory('app')]));
    expect(listTree(target).map((entry) => entry.path)).toEqual([
      'Dockerfile',
      'README.md',
      'bin',
      'bin/start.sh',
      'logs',
      'logs/keep.log',
      'src',
      'src/greeting.js',
      'src/main.js',
    ]);
    expect(await ok(['key', target, '--no-ignore-file'])).toBe(await ok(['key', directory('app')]));
  });

  it('the ignore file of its Dockerfile goes first', async () => {
    const target = join(tempDir('target'), 'out');
    await ok(['snapshot', '.', target, '-f', 'api/Dockerfile'], { cwd: directory('monorepo') });
    expect(listTree(target).map((entry) => entry.path)).toEqual([
      'api',
      'api/Dockerfile',
      'api/Dockerfile.dockerignore',
      'api/server.js',
    ]);
  });

  it('a Dockerfile that is not there is an error, not another ignore file', async () => {
    const args = ['key', directory('monorepo'), '-f', 'nowhere/Dockerfile'];
    await expectFailure(args, { code: 'E_PATH_NOT_FOUND', message: /nowhere/, hint: /current directory/ });
  });

  it('digest is the content key; there is no pinned form', async () => {
    expect(await ok(['digest', directory('app')])).toBe(await ok(['key', directory('app')]));
    await expectFailure(['digest', '--pinned', directory('app')], {
      code: 'E_NOT_PINNABLE',
      message: /no reference with the scheme local can name a digest/,
      hint: /ctxsrc lock/,
    });
  });

  it('the definition key depends on the session', async () => {
    const args = ['key', '--definition', directory('app'), '--session-id'];
    const one = await ok([...args, 'one']);
    expect(one).toMatch(/^session:context:sha256:[0-9a-f]{64}\n$/);
    expect(await ok([...args, 'one'])).toBe(one);
    expect(await ok([...args, 'two'])).not.toBe(one);
  });

  // `npm run soak` has ten times as many.
  it('of 4,000 files', () => keyOfManyFiles(4_000));
});

describe('output', () => {
  it('key prints a line for each reference, in order, and nothing else', async () => {
    const refs = [layoutRef('hello'), directory('app'), layoutRef('everything', 'amd64')];
    const each = await Promise.all(refs.map((ref) => ok(['key', ref])));
    const result = await ctxsrc(['key', '--quiet', ...refs]);
    expect(result).toMatchObject({ code: 0, stdout: each.join(''), stderr: '' });
  });

  it('key prints nothing when one of several fails; the first failure gives the code', async () => {
    const args = ['key', layoutRef('hello'), layoutRef('hello', 'nope'), layoutRef('broken', 'config-no-json')];
    expect(await ctxsrc(args)).toMatchObject({ code: 3, stdout: '' });
  });

  it('--json has the documented members', async () => {
    const ref = layoutRef('everything', 'latest');
    const json = JSON.parse(await ok(['key', '--json', ref, '--platform', 'linux/amd64'])) as Record<string, unknown>;
    const digest = rootDigest('everything', 'latest');
    const content = chainId(diffIds('everything', 'amd64'));
    expect(json).toMatchObject({
      schema: 'ctxsrc/v1',
      ref,
      scheme: 'oci-layout',
      platform: 'linux/amd64',
      digest,
      key: content,
      incomplete: [],
      keys: [
        { index: 0, pin: digest, done: false },
        { index: 1, key: content, pin: digest, done: true, solver: digestOf(`buildkit.source.v0:${content}`) },
      ],
    });
  });

  it('--json of several references is one document a line', async () => {
    const out = await ok(['key', '--json', layoutRef('hello'), directory('app')]);
    const documents = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { scheme: string });
    expect(documents.map(({ scheme }) => scheme)).toEqual(['oci-layout', 'local']);
  });

  it('--safe is good for a file name', async () => {
    const key = await ok(['key', layoutRef('hello')]);
    expect(await ok(['key', '--safe', layoutRef('hello')])).toBe(key.replace(':', '-'));
  });

  it('a reader that closes the pipe early is no error', async () => {
    const piped = (to: string, ...args: string[]): ReturnType<typeof run> =>
      run('bash', ['-o', 'pipefail', '-c', `"$0" "$@" | ${to}`, process.execPath, cliPath(), ...args]);
    expect(await piped('true', 'sources')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const many = Array.from({ length: 300 }, () => directory('app'));
    expect(await piped('head -c 1 >/dev/null', 'key', '--json', '--quiet', ...many)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('--version is the version', async () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
    expect(await ok(['--version'])).toBe(`${version}\n`);
  });

  it('sources names each scheme', async () => {
    const out = await ok(['sources']);
    const headings = out.split('\n').filter((line) => /^\S/.test(line));
    expect(headings.sort()).toEqual(new SourceTable().schemes().sort());
  });

  it.each(['E_DIGEST_MISMATCH', 'E_PLATFORM_NOT_FOUND', 'E_TARGET_EXISTS'])(
    'explain %s says what to do',
    async (code) => {
      const out = await ok(['explain', code]);
      expect(out).toMatch(new RegExp(`^${code} \\(exit \\d+\\)\n.+\ncheck:\n  .+\n(?:  .+\n)*example:\n  .+\n`));
    },
  );

  it('--help names every subcommand and goes to stdout', async () => {
    const out = await ok(['--help']);
    for (const { name } of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
  });
});
