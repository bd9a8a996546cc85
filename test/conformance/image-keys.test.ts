import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes, Source, SourceInstance } from '../../src/contract/index.ts';
import type { Digest } from '../../src/core/digest.ts';
import { encodeGoJson } from '../../src/core/go/json-encode.ts';
import { formatPlatformAll, normalizePlatform, type Platform, parsePlatform } from '../../src/core/platform.ts';
import { solverDigest } from '../../src/core/solver-digest.ts';
import { imageInstance } from '../../src/image/instance.ts';
import { parseNormalizedReference } from '../../src/oci/reference.ts';
import { source as dockerImage } from '../../src/source/docker-image/source.ts';
import { layoutProvider } from '../../src/source/layout-provider.ts';
import { source as ociLayout } from '../../src/source/oci-layout/source.ts';
import { registryProvider } from '../../src/source/registry-provider.ts';
import { fakeJob } from '../support/fake-ref.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { TestRegistry } from '../support/registry.ts';
import { newEnv } from '../support/source-env.ts';
import { tempDir } from '../support/temp.ts';
import { countCases, vectors } from './vectors.ts';

interface Input {
  readonly attrs: Readonly<Record<string, string>> | null;
  readonly ociAttrs?: Readonly<Record<string, string>> | null;
  readonly blobs: readonly { readonly mediaType: string; readonly digest: Digest; readonly text: string }[];
  readonly reference: string;
  readonly ociReference?: string;
  readonly rootContentType: string;
  readonly rootDigest: Digest;
  readonly platform: {
    readonly os: string;
    readonly architecture: string;
    readonly variant: string;
    readonly osVersion: string;
    readonly osFeatures: readonly string[] | null;
  } | null;
}

interface ExpectedKey {
  readonly index: number;
  readonly error?: string;
  readonly key: string;
  readonly pin: string;
  readonly done: boolean;
  readonly cacheOptsLayerDigests: readonly string[] | null;
  readonly solverCacheMapDigest: string;
  readonly keyPreimage?: string;
}

interface Expected {
  readonly identifierString?: string;
  readonly identifierError?: string;
  readonly keys?: readonly ExpectedKey[];
}

/** BuildKit's attributes under the names they have here. ctxsrc has no resolve mode: it always asks, as `pull` does. */
const NAMES: Readonly<Record<string, string>> = {
  'image.layerlimit': 'layer-limit',
  'oci.layerlimit': 'layer-limit',
  'image.checksum': 'checksum',
};

function attributesOf(given: Input['attrs']): Attributes {
  const mapped = Object.entries(given ?? {}).flatMap(([name, value]) => {
    if (name === 'image.resolvemode' && /^(pull|)$/.test(value)) return [];
    if (name === 'image.recordtype' && value === 'internal') return [];
    return [[NAMES[name] ?? name, value]];
  });
  return Object.fromEntries(mapped) as Attributes;
}

function platformOf(platform: Input['platform']): Platform {
  if (platform === null) return { os: 'linux', architecture: 'amd64' };
  const { os, architecture, variant, osVersion, osFeatures } = platform;
  return {
    architecture,
    os,
    ...(variant === '' ? {} : { variant }),
    ...(osVersion === '' ? {} : { 'os.version': osVersion }),
    ...(osFeatures === null || osFeatures.length === 0 ? {} : { 'os.features': osFeatures }),
  };
}

const file = vectors<Input, Readonly<Partial<Record<'docker-image' | 'oci-layout', Expected>>>>('image-keys');

describe('image-keys.json', () => {
  const counted = countCases(file);
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await TestRegistry.start();
  });
  afterAll(() => registry.stop());

  async function checkKeys(instance: SourceInstance, wanted: readonly ExpectedKey[]): Promise<void> {
    const job = fakeJob();
    for (const { index, error, ...expected } of wanted) {
      if (error !== undefined) {
        await expect(instance.cacheKey(job, index), error).rejects.toMatchObject({ name: 'CtxsrcError' });
        continue;
      }
      const { key, pin, done, opts, preimage } = await instance.cacheKey(job, index);
      expect({
        key,
        pin,
        done,
        cacheOptsLayerDigests: [...opts.keys()].sort(),
        solverCacheMapDigest: solverDigest(key),
        ...(preimage === undefined ? {} : { keyPreimage: preimage }),
      }).toEqual({
        ...expected,
        ...(preimage === undefined ? {} : { keyPreimage: wanted[0]!.keyPreimage }),
        cacheOptsLayerDigests: [...(expected.cacheOptsLayerDigests ?? [])].sort(),
      });
      if (index === 0) expect(preimage).toBe(expected.keyPreimage);
    }
  }

  function identify(source: Source, rest: string, attributes: Attributes) {
    const scheme = source.schemes[0]!;
    return source.identify({ scheme, rest, text: `${scheme}://${rest}` }, attributes);
  }

  function serve(input: Input): string {
    const [repository, reference] = input.reference.slice(input.reference.indexOf('/') + 1).split(/[:@](.*)/s) as [
      string,
      string,
    ];
    const manifests = new Map<string, { mediaType: string; bytes: Buffer }>();
    for (const { mediaType, digest, text } of input.blobs) {
      registry.blobs.set(digest, Buffer.from(text));
      manifests.set(digest, { mediaType, bytes: Buffer.from(text) });
    }
    const root = { mediaType: input.rootContentType, bytes: manifests.get(input.rootDigest)!.bytes };
    manifests.set(input.rootDigest, root).set(reference, root);
    registry.manifests.set(repository, manifests);
    return input.reference.replace(/^[^/]*/, registry.host);
  }

  function layout(input: Input): string {
    const dir = tempDir('layout');
    mkdirSync(join(dir, 'blobs', 'sha256'), { recursive: true });
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(join(dir, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
    for (const { digest, text } of input.blobs) writeFileSync(join(dir, 'blobs', digest.replace(':', '/')), text);
    return dir;
  }

  it.each(file.cases)('$name', async ({ input, expect: wanted }) => {
    counted();
    expect(Object.keys(wanted).length).toBeGreaterThan(0);
    const platform = platformOf(input.platform);
    const canonical = formatPlatformAll(platform);
    /** BuildKit normalises the platform before its source sees it; some cases show what happens when it does not. */
    const isCanonical =
      platform.os !== '' &&
      /^[\x20-\x7e]*$/.test(canonical) &&
      encodeGoJson({ ...normalizePlatform(parsePlatform(canonical)) }) === encodeGoJson({ ...platform });
    const limit = (attributes: Attributes) => {
      const value = attributes['layer-limit'];
      return value === undefined ? undefined : Number(value);
    };

    for (const [source, expected, attributes, rest] of [
      [dockerImage, wanted['docker-image'], attributesOf(input.attrs), serve(input)],
      [
        ociLayout,
        wanted['oci-layout'],
        attributesOf(input.ociAttrs ?? null),
        `${layout(input)}@${input.ociReference?.split('@')[1]}`,
      ],
    ] as const) {
      if (expected === undefined) continue;
      if (expected.identifierError !== undefined) {
        expect(() => identify(source, rest, attributes), expected.identifierError).toThrow(
          expect.objectContaining({ name: 'CtxsrcError', exit: 2 }),
        );
        continue;
      }
      const id = identify(source, rest, attributes);
      const provider =
        source === dockerImage
          ? registryProvider(parseNormalizedReference(rest), newEnv(new MemoryStore()))
          : undefined;
      if (provider !== undefined) {
        expect(String(id).replace(registry.host, '127.0.0.1:18555')).toBe(expected.identifierString);
      }
      const [path = '', digest] = rest.split('@') as [string, Digest];
      await checkKeys(
        imageInstance({
          identifier: id,
          env: newEnv(new MemoryStore()),
          provider: provider ?? layoutProvider({ path, tag: undefined, digest }, platform),
          platform,
          platformAsked: true,
          layerLimit: limit(id.attributes),
          checksum: id.attributes.checksum as Digest | undefined,
        }),
        expected.keys!,
      );
      if (isCanonical) {
        const named = identify(source, rest, { ...attributes, platform: canonical });
        await checkKeys(source.resolve(named, newEnv(new MemoryStore())), expected.keys!);
      }
    }
  });
});
