import { describe, expect, it } from 'vitest';
import { digestLike } from '../../src/core/digest.ts';
import { parsePlatform } from '../../src/core/platform.ts';
import type { ContentProvider } from '../../src/image/provider.ts';
import { selectImage } from '../../src/image/select.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import type { Descriptor, OciPlatform } from '../../src/oci/types.ts';
import { fakeJob } from '../support/fake-ref.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';

const AMD64 = { architecture: 'amd64', os: 'linux' };
const ARM64 = { architecture: 'arm64', os: 'linux' };

function providerOf(layout: LayoutBuilder): ContentProvider & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    storeName: 'test',
    phase: 'copy',
    resolve: () => Promise.reject(new Error('not asked')),
    layer: () => Promise.reject(new Error('layers are not needed')),
    document: async (_job, { digest }) => {
      asked.push(digest);
      return layout.blobs.get(digest)!;
    },
  };
}

function select(layout: LayoutBuilder, root: Descriptor, platform = 'linux/amd64') {
  return selectImage(fakeJob(), providerOf(layout), root, parsePlatform(platform));
}

const codeOf = (code: string, exit: number) => expect.objectContaining({ code, exit }) as Error;

describe('selectImage', () => {
  function build(): {
    layout: LayoutBuilder;
    image: (name: string, platform?: OciPlatform, config?: OciPlatform) => Descriptor;
  } {
    const layout = new LayoutBuilder();
    const image = (name: string, platform?: OciPlatform, config?: OciPlatform) => {
      const layer = layout.layer(tar([{ name, content: name }]));
      const descriptor = layout.image({ layers: [layer], platform: config ?? platform ?? AMD64 });
      return { ...descriptor, platform };
    };
    return { layout, image };
  }

  it('takes a manifest whatever its platform is', async () => {
    const { layout, image } = build();
    const root = image('x', ARM64);
    expect((await select(layout, root)).manifest.descriptor.digest).toBe(root.digest);
  });

  it('prefers an entry with a platform, then the better, then the earlier', async () => {
    const { layout, image } = build();
    const [bare, v386, first, second] = [
      image('0'),
      image('1', { ...AMD64, architecture: '386' }),
      image('2', AMD64),
      image('3', AMD64),
    ];
    const root = layout.index([bare, v386, first, second]);
    const selected = await select(layout, root);
    expect(selected.manifest.descriptor.digest).toBe(first.digest);
    expect(selected.offered).toHaveLength(4);
    expect(selected.indexes.map(({ descriptor }) => descriptor.digest)).toEqual([root.digest]);
  });

  it('tries an entry without a platform by its configuration, and no other after it', async () => {
    const { layout, image } = build();
    const wrong = image('w', undefined, ARM64);
    const right = image('r', undefined, AMD64);
    expect((await select(layout, layout.index([right, wrong]))).manifest.descriptor.digest).toBe(right.digest);
    await expect(select(layout, layout.index([wrong, right]))).rejects.toMatchObject({
      code: 'E_PLATFORM_NOT_FOUND',
      exit: 7,
      details: { platform: 'linux/amd64', candidates: ['linux/arm64'] },
    });
  });

  it('goes into indexes in indexes', async () => {
    const { layout, image } = build();
    const wanted = image('x', AMD64);
    let root = layout.index([image('y', ARM64), wanted]);
    for (let depth = 0; depth < 20; depth += 1)
      root = layout.index([{ ...root, platform: depth % 2 ? AMD64 : undefined }]);
    const selected = await select(layout, root);
    expect(selected.manifest.descriptor.digest).toBe(wanted.digest);
    expect(selected.indexes).toHaveLength(21);
  });

  it('does not go on for ever', async () => {
    const { layout, image } = build();
    let root = image('x', AMD64);
    for (let depth = 0; depth < 100; depth += 1) root = layout.index([root]);
    await expect(select(layout, root)).rejects.toThrow(codeOf('E_LIMIT', 8));
  });

  it('lists what there is when nothing fits', async () => {
    const { layout, image } = build();
    const unknown = image('u', { architecture: 'unknown', os: 'unknown' });
    const root = layout.index([image('a', ARM64), image('b', { ...ARM64, variant: 'v9' }), unknown]);
    const error = await select(layout, root, 'linux/s390x').catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'E_PLATFORM_NOT_FOUND',
      hint: expect.stringContaining('--platform linux/arm64') as string,
      details: { candidates: ['linux/arm64', 'linux/arm64/v9'] },
    });
    expect(String(error)).toContain('linux/arm64, linux/arm64/v9');
    await expect(select(layout, layout.index([]))).rejects.toThrow('it is empty');
  });

  it('keeps a message short though an index is long', async () => {
    const { layout } = build();
    const entry = layout.json({}, MEDIA_TYPE.ociManifest);
    const entries = Array.from({ length: 5000 }, (_, i) => ({
      ...entry,
      platform: { os: 'x', architecture: `a${i}` },
    }));
    const error = (await select(layout, layout.index(entries)).catch((e: unknown) => e)) as Error;
    expect(error.message.length).toBeLessThan(500);
    expect(error).toMatchObject({ details: { candidates: { length: 5000 } } });
  });

  it('ignores wrong entries that are not chosen, and refuses one that is', async () => {
    const { layout, image } = build();
    const bad = {
      mediaType: MEDIA_TYPE.ociManifest,
      digest: 'blake3:xyz',
      size: -1,
      platform: ARM64,
    } as unknown as Descriptor;
    const root = layout.index([bad, image('x', AMD64)]);
    await expect(select(layout, root)).resolves.toBeDefined();
    await expect(select(layout, root, 'linux/arm64')).rejects.toThrow(codeOf('E_MANIFEST_INVALID', 5));
  });

  it('refuses an entry that is neither manifest nor index, and artifacts', async () => {
    const { layout, image } = build();
    const layer = { ...layout.blob('x', MEDIA_TYPE.ociLayerGzip), platform: AMD64 };
    await expect(select(layout, layout.index([layer]))).rejects.toThrow(codeOf('E_NOT_AN_IMAGE', 5));
    const artifact = layout.json(
      { config: layout.blob('{}', 'application/vnd.oci.empty.v1+json'), layers: [] },
      MEDIA_TYPE.ociManifest,
    );
    await expect(select(layout, artifact)).rejects.toThrow(codeOf('E_NOT_AN_IMAGE', 5));
    const schema1 = layout.json({ fsLayers: [] }, MEDIA_TYPE.dockerSchema1);
    await expect(select(layout, schema1)).rejects.toThrow(codeOf('E_SCHEMA1', 5));
    expect(image('x').digest).toBeDefined();
  });

  it('verifies every document before it reads it', async () => {
    const { layout, image } = build();
    const entry = image('x', AMD64);
    const root = layout.index([entry]);
    const bytes = layout.blobs.get(entry.digest)!;
    layout.blobs.set(entry.digest, Buffer.from(bytes.toString().replace('2', '3')));
    await expect(select(layout, root)).rejects.toThrow(codeOf('E_DIGEST_MISMATCH', 5));
    layout.blobs.set(entry.digest, Buffer.concat([bytes, Buffer.from(' ')]));
    await expect(select(layout, root)).rejects.toThrow(codeOf('E_SIZE_MISMATCH', 5));
  });

  it('asks for nothing that is declared too large', async () => {
    const { layout } = build();
    const provider = providerOf(layout);
    const huge = { ...layout.json({}, MEDIA_TYPE.ociManifest), size: 5 * 1024 * 1024 };
    await expect(selectImage(fakeJob(), provider, huge, AMD64)).rejects.toThrow(codeOf('E_LIMIT', 8));
    expect(provider.asked).toEqual([]);
  });

  it('works with other digest algorithms', async () => {
    const { layout, image } = build();
    const entry = image('x', AMD64);
    const bytes = layout.blobs.get(entry.digest)!;
    const digest = digestLike(`sha512:${'0'.repeat(128)}`, bytes);
    layout.blobs.set(digest, bytes);
    const root = layout.index([{ ...entry, digest }]);
    expect((await select(layout, root)).manifest.descriptor.digest).toBe(digest);
  });
});
