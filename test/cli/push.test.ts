/** `ctxsrc push` as it is typed: into layouts and registries, what other tools make of it, and what is refused. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { expectFailure } from '../support/cli-expect.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { pushAtOnce } from '../support/push-rounds.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const hello = `oci-layout://${join(packageRoot, 'fixtures', 'layouts', 'hello')}`;
const everything = `oci-layout://${join(packageRoot, 'fixtures', 'layouts', 'everything')}`;
const marker = '{"imageLayoutVersion":"1.0.0"}';
const amd64 = ['--platform', 'linux/amd64'];

async function ok(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const result = await ctxsrc(args);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

interface IndexFile {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[];
}

function indexOf(layout: string): IndexFile {
  return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as IndexFile;
}

function tagsOf(layout: string): (string | undefined)[] {
  return indexOf(layout).manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
}

describe('push into a layout', () => {
  it('writes the image as it is, keeps what is there, and moves a tag', async () => {
    const layout = join(tempDir('push'), 'deep', 'layout');
    const { stdout } = await ok(['push', hello, `oci-layout://${layout}:a`]);
    const [, digest] = /@(sha256:[0-9a-f]{64})\n$/.exec(stdout)!;
    expect(stdout).toBe(`oci-layout://${layout}:a@${digest}\n`);
    expect((await ok(['digest', `oci-layout://${layout}:a`])).stdout).toBe(`${digest}\n`);
    expect((await ok(['key', `oci-layout://${layout}:a`])).stdout).toBe((await ok(['key', hello])).stdout);
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as object;
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ ...index, unknown: { kept: true } }));
    await ok(['push', '--all-platforms', everything, `oci-layout://${layout}`]);
    expect(tagsOf(layout)).toEqual(['a', 'latest']);
    await ok(['push', '--all-platforms', everything, `oci-layout://${layout}:a`]);
    expect(tagsOf(layout)).toEqual(['latest', 'a']);
    expect(indexOf(layout)).toMatchObject({ unknown: { kept: true } });
    expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('says that an index has another digest, and what stays behind', async () => {
    const layout = join(tempDir('push'), 'layout');
    const { stdout, stderr } = await ok(['push', ...amd64, everything, `oci-layout://${layout}`]);
    expect(stderr).toMatch(/one platform is pushed, sha256:\w+; the index sha256:\w+ stays behind/);
    expect(stderr).toContain('--all-platforms');
    const { stdout: json } = await ok(['push', '--json', ...amd64, everything, `oci-layout://${layout}`]);
    const { pushed } = JSON.parse(json) as { pushed: Record<string, unknown> };
    expect(pushed).toMatchObject({ reference: stdout.trim(), moved: false, sent: 0, dryRun: false });
    expect(pushed.index).toMatch(/^sha256:/);
    expect(pushed.index).not.toBe(pushed.digest);
  });

  it('--dry-run writes nothing', async () => {
    const layout = join(tempDir('push'), 'layout');
    const output = join(tempDir('output'), 'output');
    const args = ['push', '--dry-run', '--github-output', hello, `oci-layout://${layout}:a`];
    const { code, stdout, stderr } = await ctxsrc(args, { env: { GITHUB_OUTPUT: output } });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^(send {2}sha256:\w{64} (layer|configuration|manifest), .*\n)+oci-layout:\/\/.*\n$/);
    expect(stderr).toContain('nothing was');
    expect(existsSync(layout)).toBe(false);
    expect(existsSync(output)).toBe(false);
  });

  it('--dry-run says that a tag moves where it stands for two digests', async () => {
    const layout = join(tempDir('push'), 'layout');
    await ok(['push', hello, `oci-layout://${layout}:a`]);
    const { manifests, ...rest } = indexOf(layout);
    const twice = [...manifests, { ...manifests[0], digest: digestOf('another') }];
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ ...rest, manifests: twice }));
    for (const flags of [['--dry-run'], []]) {
      const { stdout } = await ok(['push', '--json', ...flags, hello, `oci-layout://${layout}:a`]);
      expect(JSON.parse(stdout)).toMatchObject({ pushed: { moved: true } });
    }
    expect(tagsOf(layout)).toEqual(['a']);
  });

  it('replaces a blob with wrong bytes, and trusts none', async () => {
    const layout = join(tempDir('push'), 'layout');
    await ok(['push', hello, `oci-layout://${layout}:a`]);
    const blobs = join(layout, 'blobs', 'sha256');
    for (const name of readdirSync(blobs)) {
      const bytes = readFileSync(join(blobs, name));
      writeFileSync(join(blobs, name), name < '8' ? bytes.subarray(1) : Buffer.alloc(bytes.length));
    }
    await ok(['push', hello, `oci-layout://${layout}:b`]);
    for (const name of readdirSync(blobs)) expect(digestOf(readFileSync(join(blobs, name)))).toBe(`sha256:${name}`);
  });

  it('a wrong blob of the source is exit 5, and the tag does not appear', async () => {
    const builder = new LayoutBuilder();
    const layer = builder.layer(tar([{ name: 'a', content: 'a' }]));
    const source = builder.tag(builder.image({ layers: [layer] }), 'x').write(tempDir('source'));
    const file = join(source, 'blobs', layer.descriptor.digest.replace(':', '/'));
    writeFileSync(file, Buffer.alloc(layer.descriptor.size));
    const layout = join(tempDir('push'), 'layout');
    await expectFailure(['push', `oci-layout://${source}:x`, `oci-layout://${layout}`], {
      code: 'E_DIGEST_MISMATCH',
      message: new RegExp(layer.descriptor.digest),
    });
    expect(existsSync(join(layout, 'index.json'))).toBe(false);
    expect(readdirSync(layout).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  // The long run is in test/soak.
  it('eight processes at once, some killed on the way: eight names', { timeout: 120_000 }, async () => {
    const { source, layout } = await pushAtOnce('short');
    // As one that was killed while it waited leaves it.
    writeFileSync(join(layout, '.index.json~w~gone'), '');
    await ok(['push', `oci-layout://${source}:image-0`, `oci-layout://${layout}:image-0`]);
    expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it.skipIf(!needs('umoci', 'skopeo'))('umoci and skopeo read it', async () => {
    const dir = tempDir('push');
    await ok(['push', '--all-platforms', everything, `oci-layout://${dir}/layout:a`]);
    await ok(['push', ...amd64, everything, `oci-layout://${dir}/layout:b`]);
    execFileSync('skopeo', ['inspect', '--raw', `oci:${dir}/layout:a`], { stdio: 'pipe' });
    execFileSync('umoci', ['unpack', '--rootless', '--image', `${dir}/layout:b`, join(dir, 'bundle')], {
      stdio: 'pipe',
    });
    expect(readdirSync(join(dir, 'bundle', 'rootfs')).length).toBeGreaterThan(0);
  });
});

describe('what push refuses', () => {
  it('flags that mean nothing, places that are none, and wrong names', async () => {
    const dir = tempDir('push');
    const to = `oci-layout://${dir}/layout`;
    await expectFailure(['push', '--all-platforms', dir, to], { code: 'E_USAGE', message: /no image/ });
    await expectFailure(['push', '--mtime', 'epoch', dir, to], { code: 'E_USAGE', message: /SOURCE_DATE_EPOCH/ });
    await expectFailure(['push', '--annotation', 'a.b=c', hello, to], { code: 'E_USAGE', message: /for an image/ });
    for (const name of ['dev.ctxsrc.pin=x', 'plain=x', 'org.example.nothing']) {
      await expectFailure(['push', '--annotation', name, dir, to], { code: 'E_USAGE', message: /the annotation "/ });
    }
    await expectFailure(['push', hello, dir], { code: 'E_USAGE', message: /no place to push to/ });
    await expectFailure(['push', hello, 'docker-image://h.example/App:1'], {
      code: 'E_REFERENCE',
      message: /lower case/,
    });
    await expectFailure(['push', hello, 'docker-image://h.example/app:1+2'], { code: 'E_REFERENCE', message: /./ });
    const pinned = `docker-image://h.example/app@${digestOf('')}`;
    await expectFailure(['push', hello, pinned], { code: 'E_USAGE', message: /names a digest/ });
    await expectFailure(['push', '--layer-limit', '1', hello, to], { code: 'E_USAGE', message: /layer limit/ });
    await expectFailure(['push', '--offline', hello, 'docker-image://h.example/app:1'], {
      code: 'E_OFFLINE',
      message: /h\.example/,
    });
  });

  it.each([
    ['something else', { mine: '' }, 'E_TARGET_EXISTS', /is no OCI layout/],
    ['a layout of another version', { 'oci-layout': '{"imageLayoutVersion":"2.0.0"}' }, 'E_LAYOUT_INVALID', /2\.0\.0/],
    ['a layout without a list', { 'index.json': '{}', 'oci-layout': marker }, 'E_LAYOUT_INVALID', /no list/],
  ] as const)('a directory that holds %s, in a dry run too', async (_, files, code, message) => {
    const dir = tempDir('push');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    for (const flags of [['--dry-run'], []]) {
      await expectFailure(['push', ...flags, hello, `oci-layout://${dir}`], { code, message });
    }
    expect(readdirSync(dir).sort()).toEqual(Object.keys(files));
  });
});

describe.skipIf(!needs('docker-registry', 'skopeo'))('push into docker-registry', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry.stop());

  it('is what skopeo and this program read; other repositories mount it', async () => {
    const { stdout } = await ok(['push', '--all-platforms', everything, `docker-image://${registry.host}/team/app:1`]);
    const { stdout: digest } = await ok(['digest', everything]);
    expect(stdout).toBe(`docker-image://${registry.host}/team/app:1@${digest}`);
    expect((await ok(['digest', `docker-image://${registry.host}/team/app:1`])).stdout).toBe(digest);
    const raw = execFileSync('skopeo', [
      'inspect',
      '--raw',
      '--tls-verify=false',
      `docker://${registry.host}/team/app:1`,
    ]);
    expect(`${digestOf(raw)}\n`).toBe(digest);
    const copy = join(tempDir('copy'), 'copy');
    execFileSync(
      'skopeo',
      [
        '--insecure-policy',
        'copy',
        '--all',
        '--src-tls-verify=false',
        `docker://${registry.host}/team/app:1`,
        `oci:${copy}:x`,
      ],
      { stdio: 'pipe' },
    );
    const from = stdout.trim();
    const { stderr } = await ok([
      'push',
      '-v',
      '--all-platforms',
      from,
      `docker-image://${registry.host}/team/other:1`,
    ]);
    expect(stderr).toMatch(/POST .*uploads\/ 201/);
    expect(stderr).not.toMatch(/PUT .*\/blobs\//);
  });

  it('auth --push says what is asked for, and tries it', async () => {
    const { stdout } = await ok(['auth', '--push', 'team/app', '--test', registry.host]);
    expect(stdout).toContain('  for pushing, a token is asked for with the scope repository:team/app:pull,push\n');
    expect(stdout).toContain('  tested: the registry lets an upload begin\n');
    const json = JSON.parse((await ok(['auth', '--json', '--push', 'team/app', registry.host])).stdout) as object;
    expect(json).toMatchObject({ push: { repository: 'team/app', scope: 'repository:team/app:pull,push' } });
    await expectFailure(['auth', '--push', 'Team/App', registry.host], { code: 'E_REFERENCE', message: /lower case/ });
  });

  it('a docker archive and an OCI archive, too', async () => {
    const dir = tempDir('archives');
    const { stdout: exported } = await ok(['export', hello, '-o', `type=oci,dest=${dir}/oci.tar`]);
    const { stdout } = await ok(['push', `oci-archive://${dir}/oci.tar`, `docker-image://${registry.host}/archive:1`]);
    expect(stdout).toBe(`docker-image://${registry.host}/archive:1@${exported}`);
    const source = `oci:${hello.replace('oci-layout://', '')}`;
    execFileSync('skopeo', ['--insecure-policy', 'copy', source, `docker-archive:${dir}/docker.tar:x:1`], {
      stdio: 'pipe',
    });
    await ok(['push', `docker-archive://${dir}/docker.tar`, `docker-image://${registry.host}/archive:2`]);
    const { stdout: key } = await ok(['key', hello]);
    expect((await ok(['key', `docker-image://${registry.host}/archive:2`])).stdout).toBe(key);
  });
});
