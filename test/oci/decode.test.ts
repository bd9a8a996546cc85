import { describe, expect, it } from 'vitest';
import { decodeConfig, decodeIndex, decodeManifest, usable } from '../../src/oci/decode.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const json = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const descriptor = { mediaType: 'x/y', digest: DIGEST, size: 3 };
const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor, descriptor] };
const failure = (code: string, message: string | RegExp) =>
  expect.objectContaining({ code, exit: 5, message: expect.stringMatching(message) as string });

describe('decodeManifest', () => {
  const decode = (value: unknown, type: string = MEDIA_TYPE.ociManifest) =>
    decodeManifest(json(value), type, 'manifest X');

  it('keeps the bytes, and the type it was found by', () => {
    const bytes = json({ ...manifest, annotations: { a: 'b' }, unknown: [1] });
    const { value, bytes: kept } = decodeManifest(bytes, MEDIA_TYPE.dockerManifest, 'X');
    expect(kept).toBe(bytes);
    expect(value).toEqual({
      mediaType: MEDIA_TYPE.dockerManifest,
      config: descriptor,
      layers: [descriptor, descriptor],
      annotations: { a: 'b' },
    });
  });

  it('keeps what descriptors say', () => {
    const full = {
      ...descriptor,
      urls: ['u'],
      annotations: { k: 'v' },
      artifactType: 't/t',
      platform: { architecture: 'a', os: 'o', variant: 'v', 'os.version': '1', 'os.features': ['f'] },
    };
    expect(
      decode({ ...manifest, layers: [full, { ...full, platform: { os: '', variant: '' } }] }).value.layers,
    ).toEqual([full, { ...full, platform: { os: '', architecture: '' } }]);
  });

  it('takes absent and null layers for none', () => {
    expect(decode({ config: descriptor }).value.layers).toEqual([]);
    expect(decode({ config: descriptor, layers: null }).value.layers).toEqual([]);
  });

  it('survives names of members that JavaScript objects know', () => {
    const text = `{"config":${JSON.stringify({ ...descriptor })},"__proto__":{"layers":[1]},"annotations":{"__proto__":"x","constructor":"y"}}`;
    const { value } = decode(text);
    expect(value.layers).toEqual([]);
    expect(Object.entries(value.annotations ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it.each([
    ['{', 'unexpected end of JSON input'],
    [[], 'the document: expected an object, found an array'],
    [{ ...manifest, layers: [descriptor, { ...descriptor, size: '3' }] }, 'layers\\[1\\].size: expected an integer'],
    [{ ...manifest, layers: [{ ...descriptor, size: -1 }] }, 'layers\\[0\\] of manifest X.*negative'],
    [{ ...manifest, layers: [{ ...descriptor, digest: 'sha256:abc' }] }, 'layers\\[0\\] of manifest X.*digest'],
    [{ ...manifest, layers: [{ ...descriptor, digest: '../../etc/passwd' }] }, 'digest'],
    [{ ...manifest, config: { ...descriptor, digest: DIGEST.toUpperCase() } }, 'config of manifest X'],
    [{ layers: [] }, 'config of manifest X'],
    [{ ...manifest, config: 'x' }, 'config: expected an object'],
    [{ ...manifest, annotations: { a: 1 } }, 'annotations.a: expected a string'],
    [{ ...manifest, manifests: null }, 'an index where a manifest'],
    [{ ...manifest, mediaType: MEDIA_TYPE.dockerIndex }, 'an index where a manifest'],
  ])('refuses %j', (value, message) => {
    expect(() => decode(value)).toThrow(failure('E_MANIFEST_INVALID', message));
  });

  it('refuses schema 1, whatever it is said to be', () => {
    expect(() => decode({ schemaVersion: 1, fsLayers: [] })).toThrow(failure('E_SCHEMA1', 'manifest X'));
    expect(() => decode(manifest, MEDIA_TYPE.dockerSchema1Signed)).toThrow(failure('E_SCHEMA1', 'manifest X'));
    expect(() => decodeIndex(json({ fsLayers: null }), MEDIA_TYPE.ociIndex, 'X')).toThrow(failure('E_SCHEMA1', 'X'));
  });

  it('lets a document say the type of the other family', () => {
    expect(decode({ ...manifest, mediaType: MEDIA_TYPE.dockerManifest }).value.mediaType).toBe(MEDIA_TYPE.ociManifest);
    expect(decode({ ...manifest, mediaType: 'whatever' }).value.layers).toHaveLength(2);
  });
});

describe('decodeIndex', () => {
  const decode = (value: unknown) => decodeIndex(json(value), MEDIA_TYPE.ociIndex, 'index X');

  it('leaves entries unchecked until they are used', () => {
    const [entry] = decode({ manifests: [{ mediaType: 'm', digest: 'nonsense', size: -5 }] }).value.manifests;
    expect(entry).toEqual({ mediaType: 'm', digest: 'nonsense', size: -5 });
    expect(() => usable(entry!, 'manifests[0]')).toThrow(failure('E_MANIFEST_INVALID', 'manifests'));
  });

  it.each([{ config: null }, { layers: [] }, { manifests: [], mediaType: MEDIA_TYPE.ociManifest }])(
    'refuses the manifest %j',
    (value) => {
      expect(() => decode(value)).toThrow(failure('E_MANIFEST_INVALID', 'a manifest where an index'));
    },
  );

  it('takes null for an empty index', () => {
    expect(decode('null').value.manifests).toEqual([]);
  });
});

describe('decodeConfig', () => {
  const decode = (value: unknown) => decodeConfig(json(value), 'config X').value;

  it('reads the platform and the diff IDs, as they are', () => {
    const value = {
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
      rootfs: { type: 'layers', diff_ids: ['a', null] },
    };
    expect(decode(value)).toEqual({
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      rootfs: { type: 'layers', diffIds: ['a', ''] },
    });
    expect(decode({})).toEqual({ platform: { os: '', architecture: '' }, rootfs: { type: '', diffIds: [] } });
  });

  it.each([
    [{ created: 'yesterday' }, 'created: expected an RFC 3339 time'],
    [{ created: 5 }, 'created'],
    [{ config: { Env: 'A=B' } }, 'config.Env: expected an array'],
    [{ config: { ExposedPorts: { '80/tcp': 1 } } }, 'config.ExposedPorts.80/tcp: expected an object'],
    [{ history: [{ empty_layer: 'yes' }] }, 'history\\[0\\].empty_layer: expected a boolean'],
    [{ rootfs: { diff_ids: [1] } }, 'rootfs.diff_ids\\[0\\]: expected a string'],
    [{ 'os.features': 'a' }, 'os.features: expected an array'],
    ['{}{}', 'after the document'],
  ])('refuses %j', (value, message) => {
    expect(() => decode(value)).toThrow(failure('E_IMAGE_CONFIG_INVALID', message));
  });

  it('accepts nulls everywhere', () => {
    const value = {
      created: null,
      config: { Env: null, Labels: null, Volumes: { a: null } },
      rootfs: null,
      history: [null],
    };
    expect(decode(value).rootfs.diffIds).toEqual([]);
  });
});
