/**
 * The types of the OCI image-spec and distribution-spec that this program reads and writes. They stand in for
 * `oci-spec-ts`, which is not on the npm registry under that name. Field names are those of the specification.
 */
import type { Digest } from '../core/digest.ts';
import type { Platform as OciPlatform } from '../core/platform.ts';

export type { OciPlatform };

/** image-spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: OciPlatform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly artifactType?: string | undefined;
  readonly urls?: readonly string[] | undefined;
}

/** image-spec, manifest.md. */
export interface Manifest {
  readonly mediaType: string;
  readonly artifactType?: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** image-spec, image-index.md. */
export interface Index {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** The members of an image configuration (config.md) that decide keys and platform choice. */
export interface ImageConfig {
  readonly platform: OciPlatform;
  readonly rootfs: { readonly type: string; readonly diffIds: readonly string[] };
}

/** A decoded document together with its original bytes: digests are made of these, never of re-serialised JSON. */
export interface Raw<T> {
  readonly value: T;
  readonly bytes: Uint8Array;
}
