/**
 * Where an image's files were written last: the next snapshot of the same image into another directory is cloned from
 * one of these that is unchanged. The store remembers the path and the digest of its sidecar; a directory of the user is
 * never more than a shortcut.
 */
import { lstatSync } from 'node:fs';
import type { EarlierTree } from '../../contract/ref.ts';
import type { RecordStore } from '../../contract/store.ts';
import { digestHex, sha256 } from '../../core/digest.ts';
import { isCtxsrcError } from '../../core/errors.ts';
import { isObject } from '../../core/is-object.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { Sidecar, SnapshotFacts } from '../sidecar/format.ts';
import { readOwnSidecar, sidecarPath } from '../sidecar/sidecar.ts';

const KIND = 'written';

/** Directories that are remembered: a job may remove the newest one and leave others. */
const MOST = 4;

/** A directory, and the SHA-256 of its sidecar in hex. */
interface WrittenDirectory {
  readonly dir: string;
  readonly sidecar: string;
}

/** Losses of every user but root, on any file system. Other losses may be due to that directory's file system. */
const WITHOUT_ROOT: readonly string[] = ['owner', 'device', 'capability', 'setuid'];

/**
 * Remembers that the directory contains these files.
 * @param sidecar SHA-256 of its sidecar, in hex
 */
export async function rememberTree(
  records: RecordStore,
  facts: SnapshotFacts,
  dir: string,
  sidecar: string,
): Promise<void> {
  const others = (await remembered(records, facts)).filter((one) => one.dir !== dir);
  await records.set(KIND, recordKey(facts), { written: [{ dir, sidecar }, ...others].slice(0, MOST) });
}

/** The directory that was last written with the same files; undefined if none can be used. */
export async function findEarlier(records: RecordStore, facts: SnapshotFacts): Promise<EarlierTree | undefined> {
  for (const one of await remembered(records, facts)) {
    const tree = await treeOf(one, facts);
    if (tree !== undefined) return tree;
  }
  return undefined;
}

async function remembered(records: RecordStore, facts: SnapshotFacts): Promise<WrittenDirectory[]> {
  const { written } = ((await records.get(KIND, recordKey(facts))) ?? {}) as { written?: unknown };
  if (!Array.isArray(written)) return [];
  const isOne = (one: unknown): one is WrittenDirectory =>
    isObject(one) && typeof one.dir === 'string' && typeof one.sidecar === 'string';
  return written.filter(isOne);
}

async function treeOf({ dir, sidecar: digest }: WrittenDirectory, facts: SnapshotFacts) {
  let sidecar: Sidecar;
  try {
    sidecar = await readOwnSidecar(sidecarPath(dir), digest);
  } catch (error) {
    if (isCtxsrcError(error)) return undefined;
    throw error;
  }
  if (!isTheOne(dir, sidecar, facts)) return undefined;
  const { files, bytes, losses, lossCounts, entries } = sidecar;
  // A microsecond more, because of rounding.
  const settled = Number(BigInt(sidecar.written) / 1_000n) / 1_000 + 0.001;
  const report = { files, bytes, losses, lossCounts, entries, via: 'copy' } as const;
  return { dir, settled, report, rows: entries.rows ?? [] } satisfies EarlierTree;
}

/** True if the sidecar describes the same files and the directory is the one that was written. */
function isTheOne(dir: string, sidecar: Sidecar, facts: SnapshotFacts): boolean {
  const { key, options, root, lossCounts } = sidecar;
  const uid = process.geteuid?.() ?? 0;
  const found = lstatSync(dir, { bigint: true, throwIfNoEntry: false });
  return (
    key === facts.key &&
    stableJson(options) === stableJson(facts.options) &&
    found?.isDirectory() === true &&
    String(found.ino) === root.inode &&
    root.uid === uid &&
    Object.keys(lossCounts).every((kind) => uid !== 0 && WITHOUT_ROOT.includes(kind))
  );
}

/** A record with a digest in it would protect its content from collection, so this key has none. */
function recordKey({ key, options }: SnapshotFacts): string {
  return digestHex(sha256(`${key}\n${stableJson(options)}`));
}
