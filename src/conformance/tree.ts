/** The entries of a tree: to check that nothing was written, and that two snapshots are equal or where they differ. */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { JobContext, SourceInstance } from '../contract/index.ts';
import { digestFile } from '../fs/file-digest.ts';

interface TreeEntry {
  /** Relative to the root, which is `.`. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
  readonly mode: number;
  /** Digest of a file, target of a link. */
  readonly content: string;
  /** Milliseconds. */
  readonly mtime: number;
}

/** A directory before what is in it, names in order. */
export type Tree = readonly TreeEntry[];

/** All entries below a path, and the path itself. */
export function readTree(path: string, shown = '.'): Tree {
  const stat = lstatSync(path);
  const entry = { path: shown, mode: stat.mode & 0o7777, mtime: stat.mtimeMs, content: '' };
  if (stat.isSymbolicLink()) return [{ ...entry, type: 'link', content: readlinkSync(path) }];
  if (stat.isFile()) return [{ ...entry, type: 'file', content: digestFile(path) }];
  if (!stat.isDirectory()) return [{ ...entry, type: 'other' }];
  const children = readdirSync(path).sort();
  return [
    { ...entry, type: 'directory' },
    ...children.flatMap((name) => readTree(join(path, name), `${shown}/${name}`)),
  ];
}

/**
 * The files of an instance's snapshot; undefined if there are none.
 * @param answered called when the source has returned its ref, whose files may not exist yet
 */
export async function snapshotTree(
  instance: SourceInstance,
  job: JobContext,
  answered?: () => void,
): Promise<Tree | undefined> {
  const ref = await instance.snapshot(job);
  answered?.();
  if (ref === null) return undefined;
  try {
    const mount = await ref.mount(job);
    try {
      // The root has the time of the directory that it is written to.
      return readTree(mount.path).map((entry) => (entry.path === '.' ? { ...entry, mtime: 0 } : entry));
    } finally {
      await mount.release();
    }
  } finally {
    await ref.release();
  }
}

/** The first difference between two trees, and how an author can avoid it; undefined if they are equal. */
export function treeDifference(a: Tree | undefined, b: Tree | undefined): string | undefined {
  if (a === undefined || b === undefined) return a === b ? undefined : 'one has no files';
  const [before, after] = [a, b].map((tree) => new Map(tree.map((entry) => [entry.path, entry])));
  for (const path of new Set([...before!.keys(), ...after!.keys()])) {
    const difference = entryDifference(before!.get(path), after!.get(path));
    if (difference !== undefined) return `${path} ${difference}`;
  }
  return undefined;
}

function entryDifference(a: TreeEntry | undefined, b: TreeEntry | undefined): string | undefined {
  if (a === undefined || b === undefined) return 'is in one of them only';
  if (a.type !== b.type) return `is a ${a.type} in one, a ${b.type} in the other`;
  if (a.content !== b.content) return 'has other content';
  if (a.mode !== b.mode) {
    return `has mode ${a.mode.toString(8)} in one, ${b.mode.toString(8)} in the other: set it with chmod, whatever the umask is`;
  }
  if (a.mtime !== b.mtime) {
    return `has another mtime (${new Date(a.mtime).toISOString()}, ${new Date(b.mtime).toISOString()}): set a fixed one with utimes, of directories after what is in them`;
  }
  return undefined;
}
