import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/contract/index.ts';
import type { CtxsrcError } from '../../../src/core/errors.ts';
import { type Platform, parsePlatform } from '../../../src/core/platform.ts';
import { chooseEntry, type EntryRequest, layoutCandidates } from '../../../src/image/layout/entry.ts';
import { CONTAINERD_NAME, REF_NAME } from '../../../src/oci/annotations.ts';
import { MEDIA_TYPE } from '../../../src/oci/media-types.ts';
import type { Descriptor } from '../../../src/oci/types.ts';
import { source as ociLayout } from '../../../src/source/oci-layout/source.ts';
import { ctxsrc } from '../../support/cli.ts';
import { fakeJob } from '../../support/fake-ref.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { newEnv } from '../../support/source-env.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

function entry(hex: string, tag?: string, platform?: string, name?: string): Descriptor {
  const annotations = {
    ...(tag === undefined ? {} : { [REF_NAME]: tag }),
    ...(name === undefined ? {} : { [CONTAINERD_NAME]: name }),
  };
  return {
    mediaType: 'x',
    digest: `sha256:${hex.repeat(64)}`,
    size: 1,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  };
}

/** The first letter of the chosen digest, or the error. */
async function choose(
  entries: readonly Descriptor[],
  tag?: string,
  platform = 'linux/amd64',
  platformsOf: EntryRequest['platformsOf'] = async () => undefined,
): Promise<string | CtxsrcError> {
  const reference = (suffix: string) => `oci-layout://dir${suffix}`;
  const request = { tag, platform: parsePlatform(platform), where: 'the layout', reference, platformsOf };
  return chooseEntry(entries, request).then(
    (chosen) => chosen.entry.digest[7]!,
    (error: unknown) => error as CtxsrcError,
  );
}

describe('chooseEntry, by name', () => {
  it('takes the exact tag', async () => {
    const entries = [entry('a', 'v1.0'), entry('b', 'v1'), entry('c', 'docker.io/library/x:v1')];
    expect(await choose(entries, 'v1')).toBe('b');
    expect(await choose(entries, 'docker.io/library/x:v1')).toBe('c');
  });

  it('takes the name of containerd where no tag is that', async () => {
    const entries = [
      entry('a', '1.0', undefined, 'docker.io/library/a:1.0'),
      entry('b', '1.0', undefined, 'docker.io/library/b:1.0'),
      entry('c', 'docker.io/library/b:1.0'),
    ];
    expect(await choose(entries, 'docker.io/library/a:1.0')).toBe('a');
    expect(await choose(entries, 'docker.io/library/b:1.0')).toBe('c');
    expect(layoutCandidates(entries)).toEqual(['1.0', 'docker.io/library/a:1.0', 'docker.io/library/b:1.0']);
    const error = await choose(entries, '1.0');
    expect(error).toMatchObject({
      code: 'E_TAG_AMBIGUOUS',
      // The name of the second is the tag of another.
      details: { candidates: ['docker.io/library/a:1.0', `@${entries[1]!.digest}`] },
      hint: `name one of them: oci-layout://dir:docker.io/library/a:1.0 or oci-layout://dir@${entries[1]!.digest}`,
    });
  });

  it('takes latest when nothing is asked for, else the only image', async () => {
    expect(await choose([entry('a', 'v1'), entry('b', 'latest')])).toBe('b');
    expect(await choose([entry('a', 'v1')])).toBe('a');
    expect(await choose([entry('a')])).toBe('a');
    expect(await choose([entry('a', 'v1'), entry('a', 'v2'), entry('a')])).toBe('a');
  });

  it('accepts a tag twice on the same image, and refuses it on two', async () => {
    expect(await choose([entry('a', 't'), entry('a', 't')], 't')).toBe('a');
    const twice = [entry('a', 't'), entry('b', 't'), entry('c', 'u')];
    expect(await choose(twice, 't')).toMatchObject({
      code: 'E_TAG_AMBIGUOUS',
      exit: 2,
      details: { candidates: [`@${twice[0]!.digest}`, `@${twice[1]!.digest}`] },
    });
    const latest = [entry('a', 'latest'), entry('b', 'latest')];
    expect(await choose(latest)).toMatchObject({ code: 'E_TAG_AMBIGUOUS', message: expect.stringContaining('latest') });
  });

  it('lists the candidates when it cannot decide', async () => {
    const entries = [entry('a', 'v1'), entry('b')];
    const candidates = ['v1', `@${entries[1]!.digest}`];
    expect(layoutCandidates(entries)).toEqual(candidates);
    expect(await choose(entries)).toMatchObject({ code: 'E_TAG_AMBIGUOUS', details: { candidates } });
    expect(await choose(entries, 'v')).toMatchObject({ code: 'E_TAG_NOT_FOUND', exit: 3, details: { candidates } });
    expect(await choose([])).toMatchObject({ code: 'E_NOT_FOUND', exit: 3 });
  });

  it('refuses an entry whose digest is none', async () => {
    const bad = { ...entry('a'), digest: 'sha256:../../etc/passwd' } as Descriptor;
    expect(await choose([bad])).toMatchObject({ code: 'E_LAYOUT_INVALID', exit: 5 });
    const other = { ...bad, platform: parsePlatform('linux/amd64') };
    expect(await choose([entry('a', undefined, 'linux/arm64'), other])).toMatchObject({ code: 'E_LAYOUT_INVALID' });
  });
});

describe('chooseEntry, by platform', () => {
  const flat = [
    entry('a', undefined, 'linux/amd64'),
    entry('b', undefined, 'linux/arm64'),
    entry('c', undefined, 'linux/386'),
    entry('d', undefined, 'linux/arm/v6'),
  ];

  it('chooses among images without a name, and among those of one name, as in an index', async () => {
    for (const tag of [undefined, 'v1', 'latest']) {
      const entries = flat.map((each) => (tag === undefined ? each : { ...each, annotations: { [REF_NAME]: tag } }));
      for (const [platform, chosen] of [
        ['linux/amd64', 'a'],
        ['linux/amd64/v3', 'a'],
        ['linux/arm64', 'b'],
        ['linux/386', 'c'],
        ['linux/arm/v7', 'd'],
      ] as const) {
        expect(await choose(entries, tag === 'latest' ? undefined : tag, platform), `${tag} ${platform}`).toBe(chosen);
      }
      expect(await choose(entries, tag, 'linux/s390x')).toMatchObject({
        code: 'E_PLATFORM_NOT_FOUND',
        exit: 7,
        details: { candidates: ['linux/amd64', 'linux/arm64', 'linux/386', 'linux/arm/v6'] },
      });
    }
  });

  it('takes the only one of the platform whatever its name is, and says what two of one are', async () => {
    const [a, b] = [entry('a', 'x', 'linux/amd64'), entry('b', 'y', 'linux/arm64')];
    expect(await choose([a, b])).toBe('a');
    const error = await choose([a, b, entry('c', 'z', 'linux/amd64', 'reg/z:1')]);
    expect(error).toMatchObject({ code: 'E_TAG_AMBIGUOUS', details: { candidates: ['x', 'y', 'z'] } });
    expect(String(error)).toContain(`x linux/amd64 @${a.digest}, y linux/arm64 @${b.digest}, z reg/z:1 linux/amd64 @`);
  });

  it('passes over what lies beside images', async () => {
    const attestation = { ...entry('b'), platform: { os: 'unknown', architecture: 'unknown' } };
    const signature = { ...entry('c'), artifactType: 'application/x' };
    // The only image there, though it is for another platform.
    expect(await choose([attestation, signature, entry('a', undefined, 'linux/arm64')])).toBe('a');
    expect(await choose([attestation])).toBe('b');
    // What lists referrers says the type of an image's configuration there.
    const listed = { ...entry('d', undefined, 'linux/amd64'), artifactType: MEDIA_TYPE.ociConfig };
    expect(await choose([listed, entry('a', undefined, 'linux/arm64')], undefined, 'linux/amd64')).toBe('d');
  });

  it('takes the only image among artifacts, whatever it is for, and says that there is none', async () => {
    const ask = async ({ digest }: Descriptor) => (digest[7] === 'a' ? [parsePlatform('linux/arm64')] : []);
    expect(await choose([entry('b'), entry('a'), entry('c')], undefined, 'linux/amd64', ask)).toBe('a');
    expect(await choose([entry('b', 't'), entry('a', 't')], 't', 'linux/amd64', ask)).toBe('a');
    expect(await choose([entry('b'), entry('c', 'sig')], undefined, 'linux/amd64', ask)).toMatchObject({
      code: 'E_NOT_AN_IMAGE',
      message: expect.stringContaining('2 artifacts') as string,
      hint: expect.stringContaining(`oci-layout://dir@sha256:bb`) as string,
    });
  });

  it('asks the image what it is for where the entry does not say, and does not guess', async () => {
    const asked: string[] = [];
    const answers: Record<string, readonly Platform[] | undefined> = {
      a: [parsePlatform('linux/arm64'), parsePlatform('linux/riscv64')],
      b: [parsePlatform('linux/amd64')],
      c: [],
      d: undefined,
    };
    const ask = async ({ digest }: Descriptor) => {
      asked.push(digest[7]!);
      return answers[digest[7]!];
    };
    const [a, b, c, d] = [entry('a'), entry('b'), entry('c'), entry('d')] as const;
    expect(await choose([a, b, c], undefined, 'linux/riscv64', ask)).toBe('a');
    expect(await choose([a, b, c], undefined, 'linux/amd64', ask)).toBe('b');
    expect(asked).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(await choose([b, d], undefined, 'linux/amd64', ask)).toMatchObject({ code: 'E_TAG_AMBIGUOUS' });
    expect(await choose([a, c, d], undefined, 'linux/amd64', ask)).toBe('d');
    expect(await choose([b], undefined, 'linux/s390x', ask)).toBe('b');
  });

  it('does not look into hundreds of images', async () => {
    const many = Array.from(
      { length: 300 },
      (_, i): Descriptor => ({ ...entry('0'), digest: `sha256:${`${i}`.padStart(64, '0')}` }),
    );
    let asked = 0;
    const error = await choose(many, undefined, 'linux/amd64', async () => {
      asked += 1;
      return undefined;
    });
    expect(error).toMatchObject({ code: 'E_TAG_AMBIGUOUS' });
    expect([asked, String(error).length < 3000]).toEqual([0, true]);
  });
});

describe('a layout with artifacts beside an image', () => {
  const STATEMENT = 'application/vnd.in-toto+json';
  const manifest = (built: LayoutBuilder, config: string, layer: string) =>
    built.json(
      {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociManifest,
        config: built.json({ architecture: '', os: '', rootfs: { type: 'layers', diff_ids: [] } }, config),
        layers: [built.blob(layer, layer)],
      },
      MEDIA_TYPE.ociManifest,
    );
  const ARTIFACTS: readonly (readonly [string, (built: LayoutBuilder) => Descriptor])[] = [
    // As `cosign save` lists it.
    [
      'a signature',
      (built) => manifest(built, MEDIA_TYPE.ociConfig, 'application/vnd.dev.cosign.simplesigning.v1+json'),
    ],
    ['an attestation', (built) => manifest(built, MEDIA_TYPE.ociConfig, STATEMENT)],
    ['an SBOM', (built) => manifest(built, MEDIA_TYPE.ociConfig, 'application/spdx+json')],
    [
      'a Helm chart',
      (built) =>
        manifest(
          built,
          'application/vnd.cncf.helm.config.v1+json',
          'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
        ),
    ],
    ['a build cache', (built) => built.index([built.json({}, 'application/vnd.buildkit.cacheconfig.v0')])],
    [
      'an index of referrers',
      (built) => built.index([{ ...manifest(built, MEDIA_TYPE.ociConfig, STATEMENT), artifactType: STATEMENT }]),
    ],
  ];
  const image = (built: LayoutBuilder, architecture: string) => {
    const layer = built.layer(tar([{ name: architecture }]));
    built.tag(built.image({ layers: [layer], platform: { os: 'linux', architecture } }));
    return layer.diffId;
  };
  const key = async (built: LayoutBuilder) => {
    const dir = built.write(join(tempDir('layout'), 'layout'));
    const id = ociLayout.identify({ scheme: 'oci-layout', rest: dir, text: dir }, {});
    return (await ociLayout.resolve(id, newEnv(new MemoryStore())).cacheKey(fakeJob(), 1)).key;
  };

  it.each(ARTIFACTS)('%s', async (_, artifact) => {
    for (const architecture of ['amd64', 'arm64']) {
      const built = new LayoutBuilder();
      built.tag(artifact(built));
      const diffId = image(built, architecture);
      expect(await key(built)).toBe(diffId);
    }
  });

  it('an encrypted image is one that could have been meant', async () => {
    const built = new LayoutBuilder();
    image(built, 'amd64');
    const layer = built.layer(tar([{ name: 'secret' }]));
    const descriptor = { ...layer.descriptor, mediaType: `${MEDIA_TYPE.ociLayerGzip}+encrypted` };
    built.tag(built.image({ layers: [{ ...layer, descriptor }] }));
    await expect(key(built)).rejects.toMatchObject({ code: 'E_TAG_AMBIGUOUS' });
  });
});

describe('a layout with several platforms beside each other', () => {
  const built = new LayoutBuilder();
  const layerOf = (name: string) => built.layer(tar([{ name, content: name }]));
  const [amd, arm, other] = [layerOf('amd'), layerOf('arm'), layerOf('other')];
  const flat = [
    built.image({ layers: [amd], platform: { os: 'linux', architecture: 'amd64' } }),
    built.image({ layers: [arm], platform: { os: 'linux', architecture: 'arm64' } }),
  ];
  // As some tools write it: only the configurations say what the images are for.
  for (const descriptor of flat) built.tag(descriptor);
  const rest = built.write(join(tempDir('layout'), 'layout'));
  const open = (attributes: Attributes, path = rest) => {
    const id = ociLayout.identify({ scheme: 'oci-layout', rest: path, text: `oci-layout://${path}` }, attributes);
    return ociLayout.resolve(id, newEnv(new MemoryStore(), { offline: true }));
  };

  it('is chosen from by --platform, and shows what there is', async () => {
    const key = async (platform: string) => (await open({ platform }).cacheKey(fakeJob(), 1)).key;
    expect([await key('linux/amd64'), await key('linux/arm64')]).toEqual([amd.diffId, arm.diffId]);
    const job = fakeJob();
    expect(await open({ platform: 'linux/arm64' }).describe!(job)).toMatchObject({
      digest: flat[1]!.digest,
      platforms: ['linux/amd64', 'linux/arm64'],
    });
    expect(job.events.filter((event) => event.type === 'message' && event.level === 'warning')).toEqual([]);
    await expect(key('linux/s390x')).rejects.toMatchObject({
      code: 'E_PLATFORM_NOT_FOUND',
      hint: expect.stringContaining('--platform linux/amd64') as string,
    });
  });

  it('what the hint of a doubt says is what works', async () => {
    const twice = new LayoutBuilder();
    const [x, y] = [amd, other].map((layer) => {
      for (const [digest, bytes] of built.blobs) twice.blobs.set(digest, bytes);
      return twice.image({ layers: [layer], platform: { os: 'linux', architecture: 'amd64' } });
    }) as [Descriptor, Descriptor];
    const named = (descriptor: Descriptor, name: string) => {
      twice.tag(descriptor, '1.0');
      const { annotations, ...bare } = twice.manifests.pop()!;
      twice.manifests.push({ ...bare, annotations: { ...annotations, [CONTAINERD_NAME]: name } });
    };
    named(x, 'docker.io/library/x:1.0');
    named(y, 'docker.io/library/y:1.0');
    const dir = twice.write(join(tempDir('layout'), 'layout'));
    const failed = await ctxsrc(['key', '--platform', 'linux/amd64', `oci-layout://${dir}:1.0`]);
    expect(failed.code, failed.stderr).toBe(2);
    const ways = /them: (\S+) or (\S+)$/m.exec(failed.stderr)!.slice(1, 3);
    expect(ways).toEqual([
      `oci-layout://${dir}:docker.io/library/x:1.0`,
      `oci-layout://${dir}:docker.io/library/y:1.0`,
    ]);
    const keys = await ctxsrc(['key', '--platform', 'linux/amd64', ...ways]);
    expect(keys.stdout).toBe(`${amd.diffId}\n${other.diffId}\n`);
  });
});
