/** What differs between two sources, as data. */
import type { SourceComparison } from './diff.ts';
import type { FactDifference } from './facts.ts';
import type { LayerComparison } from './layers.ts';
import type { FilePatch } from './patch.ts';
import type { PathDifference, PathType } from './path-difference.ts';
import type { SettingChange } from './settings.ts';

export interface DiffReport {
  /** The answer in one line, with `→` between the names. */
  readonly sentence: string;
  /** Both names, the second one shorter if it begins as the first one. */
  readonly names: readonly [string, string];
  readonly comparison: SourceComparison;
  /** Undefined unless both are images. */
  readonly layers: LayerComparison | undefined;
  /** Of the configuration, the history and the annotations of images: what was asked for. */
  readonly settings: readonly SettingChange[];
  readonly facts: readonly FactDifference[];
  /** Undefined if files were not compared. */
  readonly files: FileCounts | undefined;
  /** By path, in the order of a walk; empty if `changes` was not asked for. */
  readonly changes: readonly PathChange[];
  readonly patches: readonly FilePatch[];
  readonly growth: Growth | undefined;
}

/** Bytes of one and the other: of layers to fetch, or of files. */
export interface Growth {
  readonly of: 'layers' | 'files';
  readonly from: number;
  readonly to: number;
}

/** Numbers of paths: of folders by themselves. */
export interface FileCounts {
  readonly added: number;
  readonly changed: number;
  readonly gone: number;
  /** Other mode, owner or attributes, and the same content. */
  readonly metadata: number;
  readonly folders: number;
  readonly bytes: { readonly added: number; readonly gone: number };
  /** Paths of images with another time. */
  readonly times: number;
  /** Differences that were not asked for. */
  readonly leftOut: number;
}

/** `m` is another mode, owner or attribute, and the same content. */
export type ChangeLetter = 'A' | 'M' | 'D' | 'm';

/** All that differs at one path. */
export interface PathChange {
  readonly letter: ChangeLetter;
  /** As in `PathDifference`. */
  readonly path: string;
  readonly pathBytes?: true | undefined;
  readonly type: PathType;
  readonly bytes: { readonly added: number; readonly gone: number };
  readonly layer?: number | undefined;
  readonly differences: readonly PathDifference[];
}
