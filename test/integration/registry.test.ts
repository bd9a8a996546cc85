/** Images in Debian's docker-registry, put there by skopeo: with and without a password, and what is asked of a server. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc, packageRoot } from '../support/cli.ts';
import { layoutRef } from '../support/cli-expect.ts';
import { type DockerRegistry, REGISTRY_USER, startDockerRegistry } from '../support/docker-registry.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

const isRoot = process.getuid?.() === 0;
const amd64 = ['--platform', 'linux/amd64'];

async function ok(args: readonly string[], options: Parameters<typeof ctxsrc>[1] = {}): Promise<string> {
  const result = await ctxsrc(args, options);
  expect(result.code, result.stderr).toBe(0);
  return result.stdout;
}

describe.skipIf(!needs('docker-registry', 'skopeo')).each([false, true])('docker-registry, password: %s', (auth) => {
  let registry: DockerRegistry;
  let home: string;
  const env = (): Record<string, string> => ({ DOCKER_CONFIG: home });

  beforeAll(async () => {
    registry = await startDockerRegistry({ auth });
    home = cliHome();
    const { username, password } = REGISTRY_USER;
    if (auth) {
      const encoded = Buffer.from(`${username}:${password}`).toString('base64');
      writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth: encoded } } }));
    }
    const creds = auth ? ['--dest-creds', `${username}:${password}`] : [];
    for (const [name, flags] of [
      ['everything:latest', ['--all']],
      ['everything:zstd', []],
      ['hello:latest', []],
    ] as const) {
      const source = `oci:${join(packageRoot, 'fixtures', 'layouts', name)}`;
      const target = `docker://${registry.host}/team/${name}`;
      execFileSync(
        'skopeo',
        [
          '--insecure-policy',
          'copy',
          '--dest-tls-verify=false',
          '--preserve-digests',
          ...creds,
          ...flags,
          source,
          target,
        ],
        { stdio: 'pipe' },
      );
    }
  });
  afterAll(() => registry?.stop());

  it('has the digests and keys of the layout', async () => {
    for (const tag of ['latest', 'zstd']) {
      const ref = `docker-image://${registry.host}/team/everything:${tag}`;
      const layout = layoutRef('everything', tag);
      expect(await ok(['digest', ref], { env: env() })).toBe(await ok(['digest', layout]));
      expect(await ok(['key', '--all', ref, ...amd64], { env: env() })).toBe(
        await ok(['key', '--all', layout, ...amd64]),
      );
    }
  });

  it('gives a pinned reference that means the same', async () => {
    const ref = `docker-image://${registry.host}/team/hello:latest`;
    const pinned = (await ok(['digest', '--pinned', ref], { env: env() })).trimEnd();
    expect(pinned).toMatch(/team\/hello:latest@sha256:[0-9a-f]{64}$/);
    expect(await ok(['key', pinned], { env: env() })).toBe(await ok(['key', ref], { env: env() }));
  });

  it('gives the files that the layout gives', async () => {
    const parent = tempDir('target');
    const ref = `docker-image://${registry.host}/team/everything:latest`;
    const cold = cliHome();
    const key = await ok(['snapshot', ref, join(parent, 'registry'), ...amd64], { env: env(), home: cold });
    expect(key).toBe(await ok(['snapshot', layoutRef('everything', 'amd64'), join(parent, 'layout')]));
    const tree = (name: string): unknown =>
      listTree(join(parent, name), { xattrs: isRoot }).filter(({ path }) => !/^without(?:\/a)?$/.test(path));
    expect(tree('registry')).toEqual(tree('layout'));
    const pinned = (await ok(['digest', '--pinned', ref], { env: env() })).trimEnd();
    await ok(['snapshot', pinned, join(parent, 'warm'), ...amd64, '--offline'], { env: env(), home: cold });
    expect(tree('warm')).toEqual(tree('layout'));
  });

  it.runIf(auth)('refuses those it does not know', async () => {
    const ref = `docker-image://${registry.host}/team/hello:latest`;
    expect(await ctxsrc(['digest', ref])).toMatchObject({ code: 4, stdout: '' });
    const [host] = [registry.host];
    const { username, password } = REGISTRY_USER;
    const right = { CTXSRC_REGISTRY: host, CTXSRC_USERNAME: username, CTXSRC_PASSWORD: password };
    expect(await ok(['digest', ref], { env: right })).toBe(await ok(['digest', layoutRef('hello')]));
    expect(await ctxsrc(['digest', ref], { env: { ...right, CTXSRC_PASSWORD: 'wrong' } })).toMatchObject({
      code: 4,
      stdout: '',
    });
  });

  it('does not have what it does not have', async () => {
    const missing = await ctxsrc(['digest', `docker-image://${registry.host}/team/hello:nope`], { env: env() });
    expect(missing, missing.stderr).toMatchObject({ code: 3, stdout: '' });
    const nobody = await ctxsrc(['digest', `docker-image://${registry.host}/nobody/nothing`], { env: env() });
    expect(nobody, nobody.stderr).toMatchObject({ code: 3, stdout: '' });
  });
});

describe('what is asked of a registry', () => {
  const layout = new LayoutBuilder();
  const layers = ['a', 'b', 'c'].map((name) => layout.layer(tar([{ name, content: name.repeat(3000) }])));
  const image = layout.image({ layers });
  let registry: TestRegistry;
  let ref: string;

  beforeAll(async () => {
    registry = await TestRegistry.start();
    registry.push(layout, 'some/image', 'tag', image);
    ref = `docker-image://${registry.host}/some/image:tag`;
  });
  afterAll(() => registry.stop());

  async function requests(args: readonly string[], home: string): Promise<string[]> {
    registry.log.length = 0;
    await ok(args, { home });
    return registry.log
      .filter(({ url }) => url !== '/v2/')
      .map(({ method, url }) => `${method} ${url.replace('/v2/some/image/', '')}`);
  }

  it('digest: one HEAD', async () => {
    expect(await requests(['digest', ref], cliHome())).toEqual(['HEAD manifests/tag']);
  });

  it('key: HEAD, manifest and configuration, never a layer; the second time HEAD alone', async () => {
    const home = cliHome();
    const config = (JSON.parse(layout.blobs.get(image.digest)!.toString()) as { config: { digest: string } }).config
      .digest;
    expect(await requests(['key', ref], home)).toEqual([
      'HEAD manifests/tag',
      `GET manifests/${image.digest}`,
      `GET blobs/${config}`,
    ]);
    expect(await requests(['key', ref], home)).toEqual(['HEAD manifests/tag']);
  });

  it('snapshot: each layer once; the second time none', async () => {
    const home = cliHome();
    const parent = tempDir('target');
    const cold = await requests(['snapshot', ref, join(parent, 'one')], home);
    for (const { descriptor } of layers) {
      expect(cold.filter((line) => line === `GET blobs/${descriptor.digest}`)).toHaveLength(1);
    }
    expect(await requests(['snapshot', ref, join(parent, 'two')], home)).toEqual(['HEAD manifests/tag']);
    expect(listTree(join(parent, 'two'))).toEqual(listTree(join(parent, 'one')));
  });

  it('the same layer of several references at once is asked for once', async () => {
    const home = cliHome();
    registry.log.length = 0;
    const parent = tempDir('target');
    const runs = await Promise.all(
      ['one', 'two', 'three'].map((name) => ctxsrc(['snapshot', ref, join(parent, name)], { home })),
    );
    expect(
      runs.map(({ code }) => code),
      runs.map(({ stderr }) => stderr).join(''),
    ).toEqual([0, 0, 0]);
    for (const { descriptor } of layers) expect(registry.count('GET', new RegExp(descriptor.digest))).toBe(1);
  });
});
