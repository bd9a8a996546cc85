/** `key --build --known` and `inputs` over Debian's docker-registry, filled by skopeo, and contexts from a git server. */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, cliHome, ctxsrc, packageRoot } from '../support/cli.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type GitServer, serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

interface Inputs {
  readonly key: string;
  readonly inputs: readonly Record<string, unknown>[];
}

describe.skipIf(!needs('docker-registry', 'skopeo'))('builds from a registry', () => {
  let registry: DockerRegistry;
  let log: FaultProxy;
  let dir: string;
  let home: string;

  function copy(from: string, to: string): void {
    const flags = ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false'];
    execFileSync('skopeo', [...flags, '--preserve-digests', from, `docker://${registry.host}/${to}`], {
      stdio: 'pipe',
    });
  }
  const hello = `oci:${join(packageRoot, 'fixtures', 'layouts', 'hello')}`;
  const run = (...args: string[]): Promise<CliResult> =>
    ctxsrc([...args, '--plain-http', log.host], { cwd: dir, home, env: { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' } });
  async function inputsOf(...args: string[]): Promise<Inputs> {
    const result = await run('inputs', '--json', ...args);
    expect(result.code, result.stderr).toBe(0);
    return JSON.parse(result.stdout) as Inputs;
  }

  beforeAll(async () => {
    registry = await startDockerRegistry();
    log = await FaultProxy.start(registry.host);
    dir = tempDir('build');
    home = cliHome();
    for (const name of ['base', 'tools', 'certs', 'go']) copy(hello, `team/${name}:1`);
    writeFileSync(
      join(dir, 'Dockerfile'),
      [
        `FROM ${log.host}/team/base:1 AS build`,
        `COPY --link --from=${log.host}/team/tools:1 /etc/motd /motd`,
        `RUN --mount=type=cache,target=/c --mount=from=${log.host}/team/go:1,target=/go true`,
        'FROM scratch AS unreached',
        'COPY nowhere /',
        `FROM ${log.host}/team/base:1`,
        `COPY --from=${log.host}/team/certs:1 /etc /etc`,
        'COPY --from=build /motd /',
        '',
      ].join('\n'),
    );
  });
  afterAll(async () => {
    await log?.stop();
    await registry?.stop();
  });

  it('names every image with its places, whatever names it (G4)', async () => {
    const { inputs } = await inputsOf('.');
    const shown = inputs.map(({ name, at }) => [name, (at as { line: number }[]).map(({ line }) => line)]);
    expect(shown).toEqual([
      [`${log.host}/team/base:1`, [1, 6]],
      [`${log.host}/team/tools:1`, [2]],
      [`${log.host}/team/go:1`, [3]],
      [`${log.host}/team/certs:1`, [7]],
    ]);
    for (const input of inputs) {
      expect(input).toMatchObject({
        kind: 'docker-image',
        digest: expect.stringMatching(/^sha256:/),
        key: 'sha256:9db7c04d6d721659041c7a547644d3f595ab25c234711bbbb6e77fa9be075660',
      });
    }
  });

  it('asks for each tag with one HEAD, and for nothing else a second time', async () => {
    await run('key', '--build', '.');
    log.log.length = 0;
    expect(await run('key', '--build', '.')).toMatchObject({ code: 0 });
    expect(log.log.map(({ method }) => method)).toEqual(['HEAD', 'HEAD', 'HEAD', 'HEAD']);
  });

  it('changes when a tag moves to other layers, and is back when it moves back', async () => {
    const before = await inputsOf('.');
    for (const name of ['base', 'tools', 'certs', 'go']) {
      copy(`oci:${join(packageRoot, 'fixtures', 'layouts', 'everything')}:latest`, `team/${name}:1`);
      expect((await inputsOf('.')).key, name).not.toBe(before.key);
      copy(hello, `team/${name}:1`);
      expect((await inputsOf('.')).key, name).toBe(before.key);
    }
  });

  it('is known once the image is pushed with the tag of the key, and no longer when it is gone (D3)', async () => {
    const ask = () => run('key', '--build', '--known', `docker-image://${log.host}/team/app`, '--exit-code', '.');
    const first = await ask();
    expect(first).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/^note: changed: .*\/team\/app has no tag ctxsrc-/m),
    });
    const hex = first.stdout.trim().slice('sha256:'.length);
    copy(hello, `team/app:ctxsrc-${hex}`);
    log.log.length = 0;
    expect(await ask()).toMatchObject({
      code: 0,
      stdout: first.stdout,
      stderr: expect.stringMatching(/^note: known: /m),
    });
    expect(log.log.filter(({ url }) => url.includes('/team/app/'))).toEqual([
      expect.objectContaining({ method: 'HEAD' }),
    ]);
    execFileSync('skopeo', ['delete', '--tls-verify=false', `docker://${registry.host}/team/app:ctxsrc-${hex}`], {
      stdio: 'pipe',
    });
    expect(await ask()).toMatchObject({ code: 6, stdout: first.stdout });
  });

  it('lists the targets of a bake file whose tag is not there, each asked for by one HEAD (D1)', async () => {
    const target = (line: string) => ({ 'dockerfile-inline': `FROM scratch\nLABEL a=${line}` });
    const file = { group: { default: { targets: ['a', 'b'] } }, target: { a: target('1'), b: target('2') } };
    writeFileSync(join(dir, 'b.json'), JSON.stringify(file));
    const changed = async () => {
      log.log.length = 0;
      const since = `docker-image://${log.host}/team/baked`;
      const result = await run('inputs', '--from', 'b.json', '--changed-since', since);
      expect(log.log.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
      return result.stdout;
    };
    expect(await changed()).toBe('["a","b"]\n');
    const key = (await run('key', '--build', '--from', 'b.json', 'a')).stdout.trim();
    copy(hello, `team/baked:ctxsrc-${key.slice('sha256:'.length)}`);
    expect(await changed()).toBe('["b"]\n');
    execFileSync(
      'skopeo',
      ['delete', '--tls-verify=false', `docker://${registry.host}/team/baked:ctxsrc-${key.slice('sha256:'.length)}`],
      { stdio: 'pipe' },
    );
    expect(await changed()).toBe('["a","b"]\n');
  });

  it('asks for an image that several targets of a bake file use once', async () => {
    const target = (line: string) => ({ 'dockerfile-inline': `FROM ${log.host}/team/base:1\nLABEL a=${line}` });
    const file = { group: { default: { targets: ['a', 'b'] } }, target: { a: target('1'), b: target('2') } };
    writeFileSync(join(dir, 'shared.json'), JSON.stringify(file));
    await run('inputs', '--from', 'shared.json');
    log.log.length = 0;
    expect(await run('inputs', '--from', 'shared.json')).toMatchObject({ code: 0 });
    expect(log.log.map(({ method }) => method)).toEqual(['HEAD']);
  });

  it('says what to do about a base that only this machine has (I4)', async () => {
    writeFileSync(join(dir, 'local.Dockerfile'), `FROM ${log.host}/built/here:1\n`);
    const result = await run('key', '--build', '-f', 'local.Dockerfile', '.');
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toMatch(/local\.Dockerfile:1: FROM: .*built\/here:1/);
    expect(result.stderr).toContain('--build-context');
  });

  describe.skipIf(!needs('git'))('with a context in git', () => {
    let server: GitServer;
    beforeAll(async () => {
      const root = tempDir('git');
      initBare(join(root, 'r.git'));
      const files = {
        Dockerfile: 'FROM scratch\nCOPY src /app\n',
        '.dockerignore': 'src/b',
        'src/a': 'a',
        'src/b': 'b',
      };
      commit(join(root, 'r.git'), 'refs/heads/main', files);
      server = await serveGit(root);
    });
    afterAll(() => server.close());

    it('takes its files as those of a directory without an ignore file (C13)', async () => {
      const { key, inputs } = await inputsOf(`${server.origin}/r.git`);
      expect(inputs).toEqual([
        expect.objectContaining({ kind: 'git', name: 'context', ref: `${server.origin}/r.git`, paths: ['/src'] }),
      ]);
      expect(inputs[0]).not.toHaveProperty('ignoreFile');
      const { stdout } = await run('inputs', `${server.origin}/r.git`);
      expect(stdout).toMatch(/^of context, no ignore file\n {2}\/src {2}\(2 files, 2 B\)$/m);
      mkdirSync(join(dir, 'clone'), { mode: 0o755 });
      // Not at once: this process serves it.
      await promisify(execFile)('git', ['clone', '-q', `${server.origin}/r.git`, join(dir, 'clone')]);
      rmSync(join(dir, 'clone', '.dockerignore'));
      expect((await inputsOf('--modes', 'exec', 'clone')).key).toBe(key);
      cpSync(join(dir, 'clone'), join(dir, 'other'), { recursive: true });
      writeFileSync(join(dir, 'other', 'src', 'b'), 'c');
      expect((await inputsOf('--modes', 'exec', 'other')).key).not.toBe(key);
    });
  });
});
