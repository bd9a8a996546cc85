/**
 * Where an image's files were last written: the next snapshot of the same image into another directory is cloned from
 * there, if it is unchanged. The store remembers the path and the digest of its sidecar; a directory of the user is
 * never more than a shortcut.
 */
import { lstatSync } from 'node:fs';
import type { EarlierTree } from '../../contract/ref.ts';
import type { RecordStore } from '../../contract/store.ts';
import { digestHex, sha256 } from '../../core/digest.ts';
import { isCtxsrcError } from '../../core/errors.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { Sidecar, SnapshotFacts } from '../sidecar/format.ts';
import { readOwnSidecar, sidecarPath } from '../sidecar/sidecar.ts';

const KIND = 'written';

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
  await records.set(KIND, recordKey(facts), { dir, sidecar });
}

/** The directory that was last written with the same files; undefined if it cannot be used. */
export async function findEarlier(records: RecordStore, facts: SnapshotFacts): Promise<EarlierTree | undefined> {
  const { dir, sidecar: digest } = ((await records.get(KIND, recordKey(facts))) ?? {}) as Record<string, unknown>;
  if (typeof dir !== 'string' || typeof digest !== 'string') return undefined;
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
  return { dir, settled, report: { files, bytes, losses, lossCounts, entries, via: 'copy' }, rows: entries.rows ?? [] };
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
