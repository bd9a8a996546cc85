/** What differs between two sources, as data. */
import type { SourceComparison } from './diff.ts';
import type { FactDifference } from './facts.ts';
import type { LayerComparison } from './layers.ts';
import type { FilePatch } from './patch.ts';
import type { PathDifference, PathType } from './path-difference.ts';
import type { SettingChange } from './settings.ts';

/** What differs between two sources. */
export interface DiffReport {
  /** The answer in one line, with `→` between the names. */
  readonly sentence: string;
  /** Both names, the second one shorter if it begins as the first one. */
  readonly names: readonly [string, string];
  /** The verdict, and the keys of both sides. */
  readonly comparison: SourceComparison;
  /** Undefined unless both are images. */
  readonly layers: LayerComparison | undefined;
  /** Of the configuration, the history and the annotations of images: what was asked for. */
  readonly settings: readonly SettingChange[];
  /** What differs that is known without files. */
  readonly facts: readonly FactDifference[];
  /** Differences that were not asked for: of paths, layers, settings and facts. */
  readonly leftOut: number;
  /** Undefined if files were not compared. */
  readonly files: FileCounts | undefined;
  /** By path, in the order of a walk; empty if `changes` was not asked for. */
  readonly changes: readonly PathChange[];
  /** Patches of text files, where they were asked for. */
  readonly patches: readonly FilePatch[];
  /** How much the second is larger; undefined where sizes are not known. */
  readonly growth: Growth | undefined;
}

/** Bytes of one and the other: of layers to fetch, or of files. */
export interface Growth {
  /** What was counted. */
  readonly of: 'layers' | 'files';
  /** Bytes of the first. */
  readonly from: number;
  /** Bytes of the second. */
  readonly to: number;
}

/** Numbers of paths: of folders by themselves. */
export interface FileCounts {
  /** Only on the second side. */
  readonly added: number;
  /** Of other content or type. */
  readonly changed: number;
  /** Only on the first side. */
  readonly gone: number;
  /** Other mode, owner or attributes, and the same content. */
  readonly metadata: number;
  /** Of the others, folders. */
  readonly folders: number;
  /** Bytes that came, and that went. */
  readonly bytes: { readonly added: number; readonly gone: number };
  /** Paths of images with another time. */
  readonly times: number;
  /** Differences of paths that were not asked for. */
  readonly leftOut: number;
}

/** `m` is another mode, owner or attribute, and the same content. */
export type ChangeLetter = 'A' | 'M' | 'D' | 'm';

/** All that differs at one path. */
export interface PathChange {
  /** What kind of change it is. */
  readonly letter: ChangeLetter;
  /** As in `PathDifference`. */
  readonly path: string;
  /** The path is a byte string. */
  readonly pathBytes?: true | undefined;
  /** What the path is, on the second side if it has it. */
  readonly type: PathType;
  /** Bytes that came, and that went. */
  readonly bytes: { readonly added: number; readonly gone: number };
  /** The layer of an image that wrote what is there now, or what is gone; the base is 1. */
  readonly layer?: number | undefined;
  /** Each of them. */
  readonly differences: readonly PathDifference[];
}
