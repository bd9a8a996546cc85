/** `ctxsrc lock --from Dockerfile` over Debian's docker-registry: what a build takes is pinned, and what moves is told. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LockEntry } from '../../src/snapshot/lock/lock.ts';
import { cliHome, ctxsrc, run } from '../support/cli.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { projectOf, put } from '../support/project.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

interface Policy {
  readonly rules: readonly {
    readonly selector: { readonly identifier: string };
    readonly updates: { readonly identifier: string; readonly attrs?: object };
  }[];
}

describe.skipIf(!needs('docker-registry', 'skopeo'))('lock --from Dockerfile', () => {
  let registry: DockerRegistry;
  let files: Server;
  let web: string;
  let dir: string;
  let home: string;

  /** Pushes an index of one image for each architecture, each with one file; with one alone the image itself. */
  function push(name: string, contents: Readonly<Record<string, string>>): string {
    const layout = new LayoutBuilder();
    const images = Object.entries(contents).map(([architecture, content]) =>
      layout.image({
        layers: [layout.layer(tar([{ name: 'f', content }]))],
        platform: { os: 'linux', architecture },
      }),
    );
    const root = images.length === 1 ? images[0]! : layout.index(images);
    const from = layout.tag(root, 'x').write(tempDir('pushed'));
    const flags = ['--insecure-policy', 'copy', '-q', '--all', '--preserve-digests', '--dest-tls-verify=false'];
    execFileSync('skopeo', [...flags, `oci:${from}:x`, `docker://${registry.host}/${name}`], { stdio: 'pipe' });
    return root.digest;
  }
  const lock = (...args: string[]) =>
    ctxsrc(['lock', ...args, '--plain-http', registry.host, '--allow-address', '127.0.0.0/8'], {
      cwd: dir,
      home,
      env: { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' },
    });
  async function ok(...args: string[]): Promise<string> {
    const result = await lock(...args);
    expect(result.code, result.stderr).toBe(0);
    return result.stdout;
  }
  const entries = (): Record<string, LockEntry> =>
    (JSON.parse(readFileSync(join(dir, 'ctxsrc.lock'), 'utf8')) as { contexts: Record<string, LockEntry> }).contexts;
  const image = (name: string): string => `${registry.host}/${name}`;
  const both = { amd64: 'A', arm64: 'B' };

  beforeAll(async () => {
    registry = await startDockerRegistry();
    home = cliHome();
    files = createServer((request, response) => response.end(request.method === 'HEAD' ? '' : 'body'));
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
    web = `http://127.0.0.1:${(files.address() as AddressInfo).port}/t.txt`;
  });
  afterAll(async () => {
    files?.close();
    await registry?.stop();
  });
  beforeEach(() => {
    dir = projectOf({ 'src/a': 'A' });
  });

  it('pins every image by its index, under the name that a build looks for, and every named context (P1)', async () => {
    const base = push('team/base:1', both);
    const tools = push('team/tools:latest', both);
    const single = push('team/one:1', { amd64: 'x' });
    put(
      dir,
      'Dockerfile',
      [
        'ARG TAG=1',
        `FROM ${image('team/base')}:$TAG AS build`,
        `COPY --from=${image('team/tools')} /f /g`,
        `RUN --mount=from=${image('team/one')}:1,target=/t true`,
        `FROM ${image('team/absent')} AS unreached`,
        'FROM build',
        'COPY --from=docs a /',
        'COPY nothing-here /',
      ].join('\n'),
    );
    const result = await lock('--from', 'Dockerfile', '--build-context', 'docs=./src', '-t', 'x', '--push');
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toContain(`note: ${image('team/one')}:1 is pinned for a single platform`);
    expect(Object.fromEntries(Object.entries(entries()).map(([name, { digest }]) => [name, digest]))).toEqual({
      [image('team/base:1')]: base,
      [image('team/tools')]: tools,
      [image('team/one:1')]: single,
      docs: entries().docs!.key,
    });
    const lines = await ok('--format', 'build-contexts');
    expect(lines.trim().split('\n').sort()).toEqual(
      [
        `--build-context ${image('team/base:1')}=docker-image://${image('team/base:1')}@${base}`,
        `--build-context ${image('team/tools')}=docker-image://${image('team/tools:latest')}@${tools}`,
        `--build-context ${image('team/one:1')}=docker-image://${image('team/one:1')}@${single}`,
        '--build-context docs=./src',
      ].sort(),
    );
    // With the lines the same build is held to the same, whatever the tags say.
    const key = async (...words: string[]) =>
      (
        await ctxsrc(['key', '--build', '--target', 'build', '--plain-http', registry.host, ...words, '.'], {
          cwd: dir,
          home,
        })
      ).stdout;
    const words = lines.split(/\s+/).filter((word) => word !== '');
    const before = await key();
    expect(before).toMatch(/^sha256:/);
    push('team/base:1', { amd64: 'new', arm64: 'new' });
    expect([await key(...words), (await key()) === before]).toEqual([before, false]);
  });

  it('pins what no named context can stand for by a policy: a front end, ADD', async () => {
    const front = push('team/front:1', both);
    const node = push('node:20', both);
    put(dir, 'Dockerfile', [`# syntax=${image('docker/dockerfile')}:1`, 'FROM scratch'].join('\n'));
    push('docker/dockerfile:1', both);
    const foreign = await lock('--from', 'Dockerfile', '--strict');
    expect(foreign).toMatchObject({ code: 8, stdout: '' });
    const args = ['--build-arg', `BUILDKIT_SYNTAX=${image('team/front:1')}`];
    const warned = await lock('--from', 'Dockerfile', ...args);
    expect(warned).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('which images it asks for cannot be known'),
    });
    put(dir, 'Dockerfile', [`FROM ${image('node:20')}`, `ADD ${web} /`].join('\n'));
    await ok('--from', 'Dockerfile');
    const policy = JSON.parse(await ok('--format', 'buildkit-policy')) as Policy;
    expect(
      policy.rules.map(({ selector, updates }) => [selector.identifier, updates.attrs ?? updates.identifier]),
    ).toEqual([
      [`docker-image://${image('node:20')}`, `docker-image://${image('node:20')}@${node}`],
      [web, { 'http.checksum': expect.stringMatching(/^sha256:/) }],
      [`docker-image://${image('team/front:1')}`, `docker-image://${image('team/front:1')}@${front}`],
    ]);
    const left = await lock('--format', 'build-contexts');
    expect(left.stdout).toBe(`--build-context ${image('node:20')}=docker-image://${image('node:20')}@${node}\n`);
    expect(left.stderr).toMatch(/warning: ADD:\S+ is left out of the build-contexts: .*buildkit-policy/);
    expect(left.stderr).toMatch(/warning: SYNTAX:\S+ is left out/);
  });

  it('gives no context the name of a stage, which it would stand for', async () => {
    const digest = push('library/node:latest', both);
    put(dir, 'Dockerfile', 'FROM node AS node\nCOPY src/a /\n');
    await ok('--from', 'Dockerfile', '--mirror', `docker.io=${registry.host}`);
    expect(Object.keys(entries())).toEqual(['FROM:node']);
    expect(await ok('--format', 'build-contexts')).toBe('');
    const policy = JSON.parse(await ok('--format', 'buildkit-policy')) as Policy;
    const identifier = 'docker-image://docker.io/library/node:latest';
    expect(policy.rules).toMatchObject([
      { selector: { identifier }, updates: { identifier: `${identifier}@${digest}` } },
    ]);
  });

  it('tells what moved apart from a list that did, and from a tag whose digest is what is built (P4)', async () => {
    const digest = push('team/moves:1', both);
    put(dir, 'Dockerfile', `FROM ${image('team/moves:1')}\nCOPY --from=${image('team/moves:1')}@${digest} /f /g\n`);
    await ok('--from', 'Dockerfile');
    expect(Object.keys(entries()).sort()).toEqual([image('team/moves:1'), image(`team/moves:1@${digest}`)].sort());
    expect(await ok('--check')).toBe('');

    const longer = push('team/moves:1', { ...both, riscv64: 'C' });
    const list = await lock('--check');
    expect([list.code, list.stdout]).toEqual([0, '']);
    expect(list.stderr).toContain(
      `note: ${image('team/moves:1')}: only the list moved, linux/amd64 is the same: ${digest} -> ${longer}`,
    );
    const strict = await lock('--check', '--strict');
    expect([strict.code, strict.stdout]).toEqual([
      6,
      [image('team/moves:1'), image(`team/moves:1@${digest}`)]
        .map((name) => `${name} list ${digest} -> ${longer}\n`)
        .join(''),
    ]);

    const moved = push('team/moves:1', { amd64: 'new', arm64: 'B' });
    const summary = join(dir, 'summary');
    writeFileSync(summary, '');
    const result = await ctxsrc(['lock', '--check', '--plain-http', registry.host], {
      cwd: dir,
      home,
      env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary },
    });
    expect([result.code, result.stdout]).toEqual([
      6,
      `${image('team/moves:1')} digest ${digest} -> ${moved}\n${image(`team/moves:1@${digest}`)} tag ${digest} -> ${moved}\n`,
    ]);
    expect(result.stderr).toContain(`the tag is now ${moved}; what is built from stays ${digest}`);
    expect(readFileSync(summary, 'utf8')).toContain('| context | what | was | is |');
  });

  it('knows the images of all platforms that are built for', async () => {
    push('team/many:1', both);
    put(dir, 'Dockerfile', `FROM ${image('team/many:1')}\n`);
    await ok('--from', 'Dockerfile', '--platform', 'linux/amd64,linux/arm64');
    expect(entries()[image('team/many:1')]).toMatchObject({
      attributes: { platform: 'linux/amd64' },
      manifests: { 'linux/arm64': expect.stringMatching(/^sha256:/) },
    });
    push('team/many:1', { ...both, riscv64: 'C' });
    expect(await lock('--check')).toMatchObject({ code: 0, stdout: '' });
    push('team/many:1', { amd64: 'A', arm64: 'new' });
    expect(await lock('--check')).toMatchObject({ code: 6, stdout: expect.stringContaining(' digest ') });
    await ok('--update');
    expect(await lock('--check')).toMatchObject({ code: 0, stdout: '' });
  });

  it('finds an image that the Dockerfile names anew', async () => {
    push('team/a:1', both);
    push('team/b:1', both);
    put(dir, 'Dockerfile', `FROM ${image('team/a:1')}\n`);
    await ok('--from', 'Dockerfile');
    put(dir, 'Dockerfile', `FROM ${image('team/b:1')}\n`);
    const found = await lock('--check', '--from', 'Dockerfile');
    expect([found.code, found.stdout]).toEqual([6, `${image('team/b:1')} added docker-image://${image('team/b:1')}\n`]);
  });

  it('writes digests into a Dockerfile, every other byte kept, and refuses what depends on an argument (P2)', async () => {
    const base = push('team/base:2', both);
    const tools = push('team/tools:latest', both);
    const text = [
      '# escape=\\',
      `FROM  --platform=$BUILDPLATFORM ${image('team/base:2')} AS base # \u00e4`.replace(' # \u00e4', ''),
      '# umlaut \u00e4',
      `COPY --from=${image('team/tools')} /f \\`,
      '  /g',
      `RUN --mount=type=bind,from=${image('team/base:2')},target=/t true`,
      `FROM ${image('team/base:2')}@${base}`,
      'COPY --from=base /g /\r',
      `COPY --from=0 /t /\n`,
    ].join('\n');
    put(dir, 'Dockerfile', text);
    const result = await lock('--from', 'Dockerfile', '--format', 'dockerfile');
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toBe(
      text
        .replace(`${image('team/base:2')} AS`, `${image('team/base:2')}@${base} AS`)
        .replace(`${image('team/base:2')},`, `${image('team/base:2')}@${base},`)
        .replace(`${image('team/tools')} `, `${image('team/tools')}:latest@${tools} `),
    );
    expect(result.stderr).toContain(`note: Dockerfile:7: FROM: ${image(`team/base:2@${base}`)} has a digest already`);

    put(
      dir,
      'Dockerfile',
      `ARG V=2\nFROM ${image('team/base')}:$V AS a\nFROM ${image('team/tools')}\nCOPY --from=a /f /\n`,
    );
    const refused = await lock('--from', 'Dockerfile', '--format', 'dockerfile');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('ctxsrc: Dockerfile:2: FROM: its image depends on an argument');
  });

  it.each([[['--build-arg', 'A=1', 'app=./src']], [['--push']], [['--format', 'dockerfile']]])(
    'refuses %j without a Dockerfile',
    async (args) => {
      expect(await lock(...args)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('--from Dockerfile'),
      });
    },
  );

  const canBuild = needs('buildah') && needsRoot('buildah with a storage of its own');
  it.skipIf(!canBuild)('gives buildah the lines to build an unchanged Dockerfile from what is pinned', async () => {
    push('team/built:1', both);
    put(dir, 'Dockerfile', `FROM ${image('team/built:1')}\nCOPY src/a /\n`);
    await ok('--from', 'Dockerfile');
    push('team/built:1', { amd64: 'new', arm64: 'new' });
    const storage = tempDir('buildah');
    const policy = join(storage, 'policy.json');
    writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    const global = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs'];
    const flags = [
      'build',
      '--isolation',
      'chroot',
      '--platform',
      'linux/amd64',
      '--tls-verify=false',
      '--signature-policy',
      policy,
    ];
    const words = (await ok('--format', 'build-contexts')).trim().split(/\s+/);
    const built = await run(
      'buildah',
      [...global, ...flags, ...words, '-t', `oci:${join(storage, 'image')}:built`, '.'],
      {
        cwd: dir,
        env: { PATH: process.env.PATH, HOME: home, TMPDIR: storage },
      },
    );
    expect(built.code, built.stderr).toBe(0);
    const out = join(storage, 'files');
    const written = await ctxsrc(['snapshot', `oci-layout://${join(storage, 'image')}`, out], { cwd: dir, home });
    expect(written.code, written.stderr).toBe(0);
    expect(readFileSync(join(out, 'f'), 'utf8')).toBe('A');
  });
});
