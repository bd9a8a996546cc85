/** What `inspect` knows of a source, typed: the terminal, `--json` and pages are made from it. */
import type { Digest } from '../../core/digest.ts';

export type InspectReport = ImageReport | DirectoryReport | SourceReport;

/** What is not known without a download is null. */
export interface ImageReport {
  readonly kind: 'image';
  readonly identifier: string;
  /** The platform asked for, and the one in the configuration. */
  readonly platform: string;
  readonly imagePlatform: string;
  /** The root: index, manifest, or of an image without manifests its configuration. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly pinned?: string | undefined;
  readonly index: Digest | null;
  readonly manifest: Digest;
  readonly config: Digest;
  /** The content key. */
  readonly key: string;
  /** As the configuration has it. */
  readonly created: string | null;
  /** Bytes of the layers as they are transferred; how many of them are not on this machine; as files. */
  readonly size: number;
  readonly missing: number;
  readonly onDisk: number | null;
  /** The platforms of the index, by name, and its images. */
  readonly platforms: readonly string[];
  readonly images: readonly IndexedImage[];
  /** Attestations of images that the index does not have. */
  readonly attestations: readonly Attestation[];
  readonly base: BaseImage | null;
  /** Base first. */
  readonly layers: readonly LayerReport[];
  /** Whether the configuration's history fits its layers. */
  readonly history: boolean;
  /** Steps after the last layer that made no files. */
  readonly steps: readonly HistoryStep[];
  readonly hidden: HiddenSums | null;
  /** The largest files of the final tree. */
  readonly largest: readonly AliveFile[] | null;
  /** Of the manifest, of its descriptor, and of the index. */
  readonly annotations?: Annotations | undefined;
  readonly descriptorAnnotations?: Annotations | undefined;
  readonly indexAnnotations?: Annotations | undefined;
  readonly configuration: unknown;
}

export type Annotations = Readonly<Record<string, string>>;

export interface IndexedImage {
  readonly digest: string;
  readonly platform: string | null;
  /** It is the one that the report is about. */
  readonly chosen: boolean;
  /** Bytes of its layers. */
  readonly size: number | null;
  readonly annotations?: Annotations | undefined;
  readonly attestations: readonly Attestation[];
}

export interface Attestation {
  readonly digest: string;
  readonly size: number;
  /** The image that it is about. */
  readonly subject?: string | undefined;
}

export interface BaseImage {
  readonly name: string | null;
  readonly digest: string | null;
  /** How many layers are the base's. */
  readonly layers: number | null;
  /** What says so: an annotation, or an image in the store that has exactly these layers. */
  readonly by: 'annotation' | 'layers';
}

export interface LayerReport {
  /** From 1, the base. */
  readonly number: number;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly diffId: string;
  /** The blob is on this machine. */
  readonly here: boolean;
  /** It is one of the base's. */
  readonly base: boolean;
  /** Bytes and number of the files in it. */
  readonly onDisk: number | null;
  readonly files: number | null;
  /** Bytes of them that this or a later layer hides. */
  readonly hidden: number | null;
  readonly made: HistoryStep | null;
  /** The steps before it that made no files. */
  readonly steps: readonly HistoryStep[];
}

/** A step of the history: the instruction, and what comes after it. */
export interface HistoryStep {
  readonly instruction: string;
  readonly text: string;
  readonly created?: string | undefined;
  readonly comment?: string | undefined;
}

/** `alive` and `bytes` are the bytes of all layers. */
export interface HiddenSums {
  readonly bytes: number;
  readonly files: number;
  readonly alive: number;
  /** The same by whose layers carry them; null without a known number of base layers. */
  readonly base: { readonly bytes: number; readonly files: number } | null;
  readonly own: { readonly bytes: number; readonly files: number } | null;
  /** The largest first. */
  readonly paths: readonly HiddenPath[];
}

export interface HiddenPath {
  /** A byte string. */
  readonly path: string;
  readonly size: number;
  /** The layer that carries it, and the one that hides it. */
  readonly layer: number;
  readonly by: number;
  /** `metadata`: by a file of the same content. */
  readonly how: 'replaced' | 'removed' | 'metadata';
}

interface AliveFile {
  /** A byte string. */
  readonly path: string;
  readonly size: number;
  readonly layer: number;
}

export interface DirectoryReport {
  readonly kind: 'directory';
  readonly identifier: string;
  /** Null if something in it cannot be read. */
  readonly key: string | null;
  readonly incomplete?: readonly string[] | undefined;
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly ignoreFile?: string | undefined;
  readonly ignored: { readonly count: number; readonly by: readonly IgnoredPaths[] };
  readonly largest: readonly { readonly path: string; readonly size: number }[];
  /** They add up to the directory: each without the folders in it that are listed too. */
  readonly folders: readonly FolderSum[];
  readonly machineDependent: Readonly<Record<string, { readonly count: number; readonly paths: readonly string[] }>>;
  readonly why?: PathDecision | undefined;
}

interface FolderSum {
  /** Empty for the directory itself. */
  readonly path: string;
  readonly bytes: number;
  readonly files: number;
}

/** What left paths out: an ignore file with its line, or a flag. */
interface Decision {
  readonly by: string;
  readonly line?: number | undefined;
  readonly pattern?: string | undefined;
}

interface IgnoredPaths extends Decision {
  readonly count: number;
  /** The first of them. */
  readonly paths: readonly string[];
}

export interface PathDecision extends Partial<Decision> {
  readonly path: string;
  readonly ignored: boolean;
}

/** Git, http, blobs, and sources from outside: the facts that they give. */
export interface SourceReport {
  readonly kind: 'source';
  readonly identifier: string;
  readonly digest: string;
  readonly key: string;
  readonly [fact: string]: unknown;
}
