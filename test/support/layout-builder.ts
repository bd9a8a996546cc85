/** Builds OCI image layouts blob by blob, right or wrong. The same calls always give the same bytes. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import type { Digest } from '../../src/core/digest.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import type { Descriptor, OciPlatform } from '../../src/oci/types.ts';

export type LayerCompression = 'none' | 'gzip' | 'zstd';

export interface BuiltLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

export interface ImageOptions {
  readonly layers: readonly BuiltLayer[];
  readonly platform?: OciPlatform | undefined;
  /** `docker` writes Docker's media types. */
  readonly family?: 'oci' | 'docker' | undefined;
  /** The `config` member of the image configuration (Env, Cmd, …). */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /** Instead of the layers' own. */
  readonly diffIds?: readonly string[] | undefined;
  /** Bytes of the configuration blob, instead of a right one. */
  readonly configBytes?: string | Uint8Array | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** `sha256:` and the digest of the bytes. */
export function digestOf(data: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

export class LayoutBuilder {
  /** Bytes by digest. A test may put a wrong value under a right name. */
  readonly blobs = new Map<string, Buffer>();
  /** What `index.json` lists. */
  readonly manifests: Descriptor[] = [];

  /** Adds a blob and returns its descriptor. */
  blob(data: string | Uint8Array, mediaType: string): Descriptor {
    const bytes = Buffer.from(data as string);
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** Adds a JSON document. */
  json(value: unknown, mediaType: string): Descriptor {
    return this.blob(JSON.stringify(value), mediaType);
  }

  /** Adds a layer from an uncompressed archive. Compressed bytes are the same on every machine (nothing is squeezed). */
  layer(archive: Uint8Array, compression: LayerCompression = 'gzip', family: 'oci' | 'docker' = 'oci'): BuiltLayer {
    const data =
      compression === 'gzip' ? gzipStored(archive) : compression === 'zstd' ? zstdRaw(archive) : Buffer.from(archive);
    return { descriptor: this.blob(data, layerType(compression, family)), diffId: digestOf(archive) };
  }

  /** Adds configuration and manifest of an image; the descriptor carries the platform when one is given. */
  image(options: ImageOptions): Descriptor {
    const docker = options.family === 'docker';
    const platform = options.platform ?? { architecture: 'amd64', os: 'linux' };
    const configType = docker ? MEDIA_TYPE.dockerConfig : MEDIA_TYPE.ociConfig;
    const config = {
      created: '2023-11-14T22:13:20Z',
      ...platform,
      config: options.config ?? {},
      rootfs: { type: 'layers', diff_ids: options.diffIds ?? options.layers.map((layer) => layer.diffId) },
    };
    const manifestType = docker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.ociManifest;
    const descriptor = this.json(
      {
        schemaVersion: 2,
        mediaType: manifestType,
        config:
          options.configBytes === undefined
            ? this.json(config, configType)
            : this.blob(options.configBytes, configType),
        layers: options.layers.map((layer) => layer.descriptor),
        ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
      },
      manifestType,
    );
    return options.platform === undefined ? descriptor : { ...descriptor, platform: options.platform };
  }

  /** Adds an index of these descriptors. */
  index(manifests: readonly Descriptor[], family: 'oci' | 'docker' = 'oci'): Descriptor {
    const mediaType = family === 'docker' ? MEDIA_TYPE.dockerIndex : MEDIA_TYPE.ociIndex;
    return this.json({ schemaVersion: 2, mediaType, manifests }, mediaType);
  }

  /** Lists the descriptor in `index.json`, under the tag when one is given. */
  tag(descriptor: Descriptor, name?: string): this {
    const { platform: _, ...bare } = descriptor;
    this.manifests.push(
      name === undefined ? bare : { ...bare, annotations: { 'org.opencontainers.image.ref.name': name } },
    );
    return this;
  }

  /** The layout's files by path, in path order. */
  files(): Map<string, Buffer> {
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: this.manifests };
    const files = new Map<string, Buffer>([
      ['index.json', Buffer.from(JSON.stringify(index))],
      ['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ]);
    for (const digest of [...this.blobs.keys()].sort()) {
      files.set(`blobs/${digest.replace(':', '/')}`, this.blobs.get(digest)!);
    }
    return files;
  }

  /** Writes the layout into a directory and returns it. */
  write(dir: string): string {
    mkdirSync(join(dir, 'blobs', 'sha256'), { recursive: true });
    for (const [path, data] of this.files()) {
      mkdirSync(join(dir, path, '..'), { recursive: true });
      writeFileSync(join(dir, path), data);
    }
    return dir;
  }
}

/** The media type of a layer. Docker has none for zstd; the OCI one is used in its images too. */
export function layerType(compression: LayerCompression, family: 'oci' | 'docker' = 'oci'): string {
  if (compression === 'zstd') return MEDIA_TYPE.ociLayerZstd;
  if (family === 'docker') return compression === 'gzip' ? MEDIA_TYPE.dockerLayerGzip : MEDIA_TYPE.dockerLayerTar;
  return compression === 'gzip' ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.ociLayerTar;
}

/** A gzip member of stored blocks (RFC 1952, RFC 1951 3.2.4): zlib's own output differs between its versions. */
export function gzipStored(data: Uint8Array): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])];
  for (let at = 0; at === 0 || at < data.length; at += 65_535) {
    const piece = data.subarray(at, at + 65_535);
    const head = Buffer.alloc(5);
    head[0] = at + 65_535 >= data.length ? 1 : 0;
    head.writeUInt16LE(piece.length, 1);
    head.writeUInt16LE(~piece.length & 0xffff, 3);
    parts.push(head, piece);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(data), 0);
  tail.writeUInt32LE(data.length % 2 ** 32, 4);
  return Buffer.concat([...parts, tail]);
}

/** gzip by zlib, for tests where size matters and bytes do not. */
export function gzip(data: Uint8Array, level = 6): Buffer {
  return gzipSync(data, { level });
}

/** A zstd frame of raw blocks (RFC 8878 3.1.1): one segment, its size declared, no checksum. */
export function zstdRaw(data: Uint8Array): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32LE(0xfd2fb528, 0);
  head[4] = 0b1110_0000; // content size in 8 bytes, single segment
  head.writeBigUInt64LE(BigInt(data.length), 5);
  const parts: Uint8Array[] = [head];
  const max = 128 * 1024;
  for (let at = 0; at === 0 || at < data.length; at += max) {
    const piece = data.subarray(at, at + max);
    const block = Buffer.alloc(3);
    block.writeUIntLE((piece.length << 3) | (at + max >= data.length ? 1 : 0), 0, 3);
    parts.push(block, piece);
  }
  return Buffer.concat(parts);
}
