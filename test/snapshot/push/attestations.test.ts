/** What lies beside an image goes along with it, byte for byte, or is counted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { type PushOptions, push } from '../../../src/library/push.ts';
import { MEDIA_TYPE } from '../../../src/oci/media-types.ts';
import type { Descriptor } from '../../../src/oci/types.ts';
import type { PushResult } from '../../../src/snapshot/push/push.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { PushRegistry, problem, send } from '../../support/push-registry.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const EMPTY = 'application/vnd.oci.empty.v1+json';
const COSIGN = 'application/vnd.dev.cosign.simplesigning.v1+json';
const tagFor = ({ digest }: Descriptor, suffix = ''): string => `${digest.replace(':', '-')}${suffix}`;

interface Signed {
  readonly builder: LayoutBuilder;
  readonly index: Descriptor;
  readonly image: Descriptor;
  /** BuildKit's attestation, an entry of the index. */
  readonly attestation: Descriptor;
  /** About the image, and about that. */
  readonly sbom: Descriptor;
  readonly sbomSignature: Descriptor;
  /** cosign's, about the image. */
  readonly signature: Descriptor;
}

/** An artifact about something. Its white space is odd, so that JSON that was written anew has another digest. */
function artifact(builder: LayoutBuilder, name: string, subject?: Descriptor): Descriptor {
  const artifactType = `application/vnd.test.${name}`;
  const { mediaType, digest, size } = subject ?? { mediaType: '', digest: '', size: 0 };
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType,
    config: builder.blob('{}', EMPTY),
    layers: [builder.blob(`the ${name}`, subject === undefined ? COSIGN : `${artifactType}+json`)],
    ...(subject === undefined ? {} : { subject: { mediaType, digest, size } }),
  };
  return { ...builder.blob(JSON.stringify(document, null, ' \t'), MEDIA_TYPE.ociManifest), artifactType };
}

function signed(): Signed {
  const builder = new LayoutBuilder();
  const platform = { architecture: 'amd64', os: 'linux' };
  const image = builder.image({ layers: [builder.layer(tar([{ name: 'a', content: 'a' }]))], platform });
  const attestation: Descriptor = {
    ...artifact(builder, 'provenance'),
    platform: { architecture: 'unknown', os: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image.digest,
    },
  };
  const index = builder.index([image, attestation]);
  const sbom = artifact(builder, 'sbom', image);
  const sbomSignature = artifact(builder, 'signature', sbom);
  const signature = artifact(builder, 'cosign');
  builder.tag(index, 'app').tag(sbom).tag(sbomSignature).tag(signature, tagFor(image, '.sig'));
  return { builder, index, image, attestation, sbom, sbomSignature, signature };
}

describe('push --attestations', () => {
  let registry: PushRegistry;
  let events: ProgressEvent[];
  let world: Signed;
  let layout: string;

  beforeEach(async () => {
    registry = await PushRegistry.start();
    events = [];
    world = signed();
    layout = `oci-layout://${world.builder.write(tempDir('signed'))}`;
  });
  afterEach(() => registry.stop());

  const at = (name: string): string => `docker-image://${registry.host}/${name}:1`;
  const notes = (): string =>
    events.flatMap((event) => (event.type === 'message' && event.level !== 'verbose' ? [event.text] : [])).join('\n');

  function run(from: string, to: string, options: PushOptions = {}): Promise<PushResult> {
    events = [];
    return push(from, to, {
      allPlatforms: true,
      attestations: true,
      cacheDir: tempDir('cache'),
      network: { retry: 0 },
      attributes: { platform: 'linux/amd64' },
      onProgress: (event) => events.push(event),
      ...options,
    });
  }

  function expectThere(name: string, ...descriptors: readonly Descriptor[]): void {
    for (const { digest } of descriptors) {
      expect(registry.manifestsOf(name).get(digest)).toEqual(world.builder.blobs.get(digest));
    }
  }

  const entriesOf = (path: string): readonly Descriptor[] =>
    (JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as { manifests: Descriptor[] }).manifests;
  const listOf = (name: string, tag: string): readonly string[] =>
    (JSON.parse(registry.manifestsOf(name).get(tag)!.toString()) as { manifests: Descriptor[] }).manifests.map(
      ({ digest }) => digest,
    );

  it('from a layout into a registry that lists referrers, and from there into a layout', async () => {
    registry.listsReferrers = true;
    const result = await run(`${layout}:app`, at('app'));
    const { index, image, attestation, sbom, sbomSignature, signature } = world;
    expect(result).toMatchObject({ digest: index.digest, moved: true, attestations: 0, beside: 0 });
    expectThere('app', index, image, attestation, sbom, sbomSignature, signature);
    expect(registry.manifestsOf('app').get(tagFor(image, '.sig'))).toEqual(world.builder.blobs.get(signature.digest));
    expect(registry.manifestsOf('app').has(tagFor(image))).toBe(false);
    expect(registry.log.at(-1)).toMatchObject({ method: 'PUT', url: '/v2/app/manifests/1' });
    expect(notes()).toContain('3 signatures and other companions beside the image go along');

    const copy = join(tempDir('copy'), 'layout');
    await run(at('app'), `oci-layout://${copy}:app`);
    const rows = entriesOf(copy).map(({ digest, annotations }) => [
      digest,
      annotations?.['org.opencontainers.image.ref.name'],
    ]);
    expect(new Map(rows as [string, string][])).toEqual(
      new Map([
        [sbom.digest, undefined],
        [sbomSignature.digest, undefined],
        [signature.digest, tagFor(image, '.sig')],
        [index.digest, 'app'],
      ]),
    );
    expect(rows.length).toBe(4);
    expect(entriesOf(copy).find(({ digest }) => digest === sbom.digest)?.artifactType).toBe(sbom.artifactType);
    // Once more it is the same, and nothing is there twice.
    expect(await run(at('app'), `oci-layout://${copy}:app`)).toMatchObject({ moved: false, sent: 0 });
    expect(entriesOf(copy).length).toBe(4);
  });

  it('into a registry that lists none: the tag has the list, with what it listed before; and so it is copied on', async () => {
    const { image, sbom, sbomSignature } = world;
    const other = artifact(world.builder, 'other', image);
    const before = world.builder.index([other]);
    for (const { digest } of [other]) registry.manifestsOf('app').set(digest, world.builder.blobs.get(digest)!);
    registry.manifestsOf('app').set(tagFor(image), world.builder.blobs.get(before.digest)!);
    registry.manifestsOf('app').set(before.digest, world.builder.blobs.get(before.digest)!);
    await run(`${layout}:app`, at('app'));
    expectThere('app', sbom, sbomSignature);
    expect(listOf('app', tagFor(image))).toEqual([other.digest, sbom.digest]);
    expect(listOf('app', tagFor(sbom))).toEqual([sbomSignature.digest]);
    registry.blobsOf('app').set(world.builder.blob('the other', '').digest, Buffer.from('the other'));

    await run(at('app'), at('mirror'));
    expectThere('mirror', sbom, sbomSignature, other);
    for (const tag of [tagFor(image), tagFor(sbom), tagFor(image, '.sig')]) {
      expect(registry.manifestsOf('mirror').get(tag)).toEqual(registry.manifestsOf('app').get(tag));
    }
    // The image is there and its signature is new.
    registry.manifestsOf('mirror').delete(tagFor(image, '.sig'));
    expect(await run(at('app'), at('mirror'))).toMatchObject({ moved: false });
    expect(registry.manifestsOf('mirror').has(tagFor(image, '.sig'))).toBe(true);
  });

  it.each([
    ['an empty list', () => ({ status: 200, body: JSON.stringify({ schemaVersion: 2, manifests: [] }) })],
    ['a page', () => ({ status: 200, body: '<html>welcome</html>' })],
    ['401', () => problem(401, 'UNAUTHORIZED')],
    ['405', () => problem(405, 'UNSUPPORTED')],
  ])('a registry that answers with %s where it has no list is asked for the tags', async (_, answer) => {
    await run(`${layout}:app`, at('app'));
    registry.rule = ({ url }, response) => url.includes('/referrers/') && send(response, answer());
    await run(at('app'), at('mirror'));
    expectThere('mirror', world.sbom, world.sbomSignature, world.signature);
  });

  it.each([
    ['refused', () => problem(404, 'NOT_FOUND'), 'E_NOT_FOUND'],
    ['no list', () => ({ status: 200, body: '<html>welcome</html>' }), 'E_MANIFEST_INVALID'],
    ['followed by more without end', undefined, 'E_LIMIT'],
  ])('a list whose later pages are %s does not pass for a whole one', async (_, later, code) => {
    await run(`${layout}:app`, at('app'));
    const body = JSON.stringify({ schemaVersion: 2, manifests: [] });
    registry.rule = ({ url }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://registry.test');
      if (!pathname.includes('/referrers/')) return undefined;
      const page = Number(searchParams.get('page'));
      const first = { status: 200, body, headers: { link: `<${pathname}?page=${page + 1}>; rel="next"` } };
      return send(response, page > 0 && later !== undefined ? later() : first);
    };
    await expect(run(at('app'), at('mirror'))).rejects.toMatchObject({ code });
    expect(registry.manifestsOf('mirror').size).toBe(0);
    expect((await run(at('app'), at('mirror'), { attestations: false })).beside).toBeUndefined();
  });

  it("signatures at the destination stay, unless the source's tag has them too", async () => {
    await run(`${layout}:app`, at('app'));
    const tag = tagFor(world.image, '.sig');
    const mine = registry.manifestsOf('app').get(tag)!;
    const { layers } = JSON.parse(mine.toString()) as { layers: Descriptor[] };
    // Signatures of one image by two people have one payload.
    const another = { ...layers[0], annotations: { 'dev.cosignproject.cosign/signature': 'of another' } };
    const of = (document: object): Buffer => Buffer.from(JSON.stringify(document));
    const theirs = [of({ layers: [another] }), of({ layers: [...layers, another] }), of({ fsLayers: [another] })];
    for (const [there, expected] of [
      [of({ layers: [] }), mine],
      ...theirs.map((one) => [one, one] as const),
    ] as const) {
      registry.manifestsOf('app').set(tag, there);
      registry.manifestsOf('app').set(world.builder.blob(there, '').digest, there);
      await run(`${layout}:app`, at('app'));
      expect(registry.manifestsOf('app').get(tag)).toEqual(expected);
      const told = there === theirs[0] || there === theirs[2];
      expect(notes().includes(`the tag ${tag} stays`)).toBe(told);
    }
  });

  it('of one platform the attestation in the index goes along, under a tag of its own', async () => {
    const { image, attestation, sbom } = world;
    const result = await run(`${layout}:app`, at('app'), { allPlatforms: false });
    expect(result).toMatchObject({ digest: image.digest, attestations: 0 });
    expectThere('app', image, attestation, sbom);
    const tag = `ctxsrc-${attestation.digest.slice('sha256:'.length)}`;
    expect(registry.manifestsOf('app').get(tag)).toEqual(world.builder.blobs.get(attestation.digest));
    expect(notes()).not.toContain('attestation in it');
  });

  it('without the flag they stay, and are counted; a push that does nothing asks nothing', async () => {
    const options = { allPlatforms: false, attestations: false };
    const result = await run(`${layout}:app`, at('app'), options);
    expect(result).toMatchObject({ attestations: 1, beside: 2 });
    expect(notes()).toMatch(/with 1 attestation in it\n2 signatures and other companions beside the image stay behind/);
    await run(`${layout}:app`, at('source'));
    expect(await run(at('source'), at('target'), options)).toMatchObject({ beside: 2 });
    expectThere('target', world.image);
    expect(registry.manifestsOf('target').size).toBe(2);
    registry.log.length = 0;
    expect((await run(at('source'), at('target'), options)).beside).toBeUndefined();
    expect(registry.count('GET', /referrers/)).toBe(0);
  });

  it('that they cannot be counted is no failure; that they cannot be read is one', async () => {
    await run(`${layout}:app`, at('app'));
    registry.rule = ({ url }, response) => /\.sig$/.test(url) && send(response, problem(500, 'UNKNOWN'));
    expect((await run(at('app'), at('mirror'), { attestations: false })).beside).toBeUndefined();
    await expect(run(at('app'), at('other'))).rejects.toMatchObject({ code: 'E_SERVER' });
    expect(registry.manifestsOf('other').size).toBe(0);
  });

  it('means nothing for files', async () => {
    const error = run(tempDir('files'), at('app'), { allPlatforms: false, attributes: {} });
    await expect(error).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('--attestations') });
  });
});
