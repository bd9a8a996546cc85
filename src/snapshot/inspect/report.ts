/** What `inspect` knows of a source, typed: the terminal, `--json` and pages are made from it. */
import type { Digest } from '../../core/digest.ts';
import type { FolderSum } from '../../source/local/folder-sums.ts';

/** What is known of a source: `kind` says which report it is. */
export type InspectReport = ImageReport | DirectoryReport | SourceReport;

/** What is not known without a download is null. */
export interface ImageReport {
  /** An image. */
  readonly kind: 'image';
  /** The normalised reference. */
  readonly identifier: string;
  /** The platform asked for. */
  readonly platform: string;
  /** The one in the configuration. */
  readonly imagePlatform: string;
  /** The root: index, manifest, or of an image without manifests its configuration. */
  readonly digest: Digest;
  /** Media type of the root. */
  readonly mediaType: string;
  /** The reference with its root digest; absent where there is no such form. */
  readonly pinned?: string | undefined;
  /** The index; null if the root is no index. */
  readonly index: Digest | null;
  /** The manifest of the platform. */
  readonly manifest: Digest;
  /** Its configuration. */
  readonly config: Digest;
  /** The content key. */
  readonly key: string;
  /** As the configuration has it. */
  readonly created: string | null;
  /** Bytes of the layers as they are transferred. */
  readonly size: number;
  /** Bytes of the layers that are not on this machine. */
  readonly missing: number;
  /** Bytes of the layers as files. */
  readonly onDisk: number | null;
  /** The platforms of the index, by name. */
  readonly platforms: readonly string[];
  /** The images of the index. */
  readonly images: readonly IndexedImage[];
  /** Attestations of images that the index does not have. */
  readonly attestations: readonly Attestation[];
  /** The image that this one was built from. */
  readonly base: BaseImage | null;
  /** Base first. */
  readonly layers: readonly LayerReport[];
  /** Whether the configuration's history fits its layers. */
  readonly history: boolean;
  /** Steps after the last layer that made no files. */
  readonly steps: readonly HistoryStep[];
  /** What later layers hide. */
  readonly hidden: HiddenSums | null;
  /** The largest files of the final tree. */
  readonly largest: readonly AliveFile[] | null;
  /** Of the manifest. */
  readonly annotations?: Annotations | undefined;
  /** Of the descriptor in the index. */
  readonly descriptorAnnotations?: Annotations | undefined;
  /** Of the index. */
  readonly indexAnnotations?: Annotations | undefined;
  /** The configuration, as it is in the image. */
  readonly configuration: unknown;
}

/** Values by key. */
export type Annotations = Readonly<Record<string, string>>;

/** An image of an index. */
export interface IndexedImage {
  /** Of its manifest. */
  readonly digest: string;
  /** As the index has it. */
  readonly platform: string | null;
  /** It is the one that the report is about. */
  readonly chosen: boolean;
  /** Bytes of its layers. */
  readonly size: number | null;
  /** Of its descriptor. */
  readonly annotations?: Annotations | undefined;
  /** Those about it. */
  readonly attestations: readonly Attestation[];
}

/** A document about an image, in the same index. */
export interface Attestation {
  /** Of its manifest. */
  readonly digest: string;
  /** Bytes of its manifest. */
  readonly size: number;
  /** The image that it is about. */
  readonly subject?: string | undefined;
}

/** The image that another one was built from. */
export interface BaseImage {
  /** Its name. */
  readonly name: string | null;
  /** Its root digest. */
  readonly digest: string | null;
  /** How many layers are the base's. */
  readonly layers: number | null;
  /** What says so: an annotation, or an image in the store that has exactly these layers. */
  readonly by: 'annotation' | 'layers';
}

/** A layer of an image. */
export interface LayerReport {
  /** From 1, the base. */
  readonly number: number;
  /** Of its blob. */
  readonly digest: Digest;
  /** Of its blob. */
  readonly mediaType: string;
  /** Bytes of its blob. */
  readonly size: number;
  /** Digest of the uncompressed archive. */
  readonly diffId: string;
  /** The blob is on this machine. */
  readonly here: boolean;
  /** It is one of the base's. */
  readonly base: boolean;
  /** Bytes of the files in it. */
  readonly onDisk: number | null;
  /** Number of the files in it. */
  readonly files: number | null;
  /** Bytes of them that this or a later layer hides. */
  readonly hidden: number | null;
  /** The step that made it. */
  readonly made: HistoryStep | null;
  /** The steps before it that made no files. */
  readonly steps: readonly HistoryStep[];
}

/** A step of the history: the instruction, and what comes after it. */
export interface HistoryStep {
  /** As `RUN`. */
  readonly instruction: string;
  /** What comes after it. */
  readonly text: string;
  /** As the history has it. */
  readonly created?: string | undefined;
  /** As the history has it. */
  readonly comment?: string | undefined;
}

/** What later layers hide: `alive` and `bytes` are the bytes of all layers. */
export interface HiddenSums {
  /** Bytes that are hidden. */
  readonly bytes: number;
  /** Number of files that are hidden. */
  readonly files: number;
  /** Bytes that are not. */
  readonly alive: number;
  /** Of layers of the base; null without a known number of them. */
  readonly base: { readonly bytes: number; readonly files: number } | null;
  /** Of layers above those of the base. */
  readonly own: { readonly bytes: number; readonly files: number } | null;
  /** The largest first. */
  readonly paths: readonly HiddenPath[];
}

/** A file of a layer that a later one hides. */
export interface HiddenPath {
  /** A byte string. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The layer that carries it, from 1. */
  readonly layer: number;
  /** The layer that hides it. */
  readonly by: number;
  /** `metadata`: by a file of the same content. */
  readonly how: 'replaced' | 'removed' | 'metadata';
}

/** A file of the final tree. */
export interface AliveFile {
  /** A byte string. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The layer that carries it, from 1. */
  readonly layer: number;
}

/** A directory. */
export interface DirectoryReport {
  /** A directory. */
  readonly kind: 'directory';
  /** The normalised reference. */
  readonly identifier: string;
  /** Null if something in it cannot be read. */
  readonly key: string | null;
  /** What the key does not cover, for instance `xattrs`. */
  readonly incomplete?: readonly string[] | undefined;
  /** Number of files that count. */
  readonly files: number;
  /** Number of directories that count. */
  readonly directories: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** The ignore file that holds. */
  readonly ignoreFile?: string | undefined;
  /** What is left out, by what left it out. */
  readonly ignored: { readonly count: number; readonly by: readonly IgnoredPaths[] };
  /** The largest files, in bytes. */
  readonly largest: readonly { readonly path: string; readonly size: number }[];
  /** They add up to the directory: each without the folders in it that are listed too. */
  readonly folders: readonly FolderSum[];
  /** What of the key depends on this machine, by property. */
  readonly machineDependent: Readonly<Record<string, { readonly count: number; readonly paths: readonly string[] }>>;
  /** What decides on the path that was asked for. */
  readonly why?: PathDecision | undefined;
}

/** What left paths out: an ignore file with its line, or a flag. */
export interface Decision {
  /** The ignore file, or the flag. */
  readonly by: string;
  /** From 1 on. */
  readonly line?: number | undefined;
  /** As it is written. */
  readonly pattern?: string | undefined;
}

/** Paths that one line or flag left out. */
export interface IgnoredPaths extends Decision {
  /** How many. */
  readonly count: number;
  /** The first of them. */
  readonly paths: readonly string[];
}

/** Whether a path counts, and why. */
export interface PathDecision extends Partial<Decision> {
  /** From the directory. */
  readonly path: string;
  /** It does not count. */
  readonly ignored: boolean;
}

/** Git, http, blobs, and sources from outside: the facts that they give. */
export interface SourceReport {
  /** Any other source. */
  readonly kind: 'source';
  /** The normalised reference. */
  readonly identifier: string;
  /** Root digest. */
  readonly digest: string;
  /** Content key. */
  readonly key: string;
  readonly [fact: string]: unknown;
}
