/**
 * Where an image's files were written last: the next snapshot of the same into another directory is cloned from there,
 * while they are what they were. The store remembers the place and the digest of its sidecar; a directory of the user's
 * is never more than a shortcut.
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

/** What only root can keep, wherever it writes. Other losses may be the fault of that directory's file system. */
const WITHOUT_ROOT: readonly string[] = ['owner', 'device', 'capability', 'setuid'];

/** Remembers that the directory holds these files. @param sidecar SHA-256 of its sidecar, in hex */
export async function rememberTree(
  records: RecordStore,
  facts: SnapshotFacts,
  dir: string,
  sidecar: string,
): Promise<void> {
  await records.set(KIND, recordKey(facts), { dir, sidecar });
}

/** The directory that was written last with the same files; undefined when it cannot be used for another. */
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
  // The rounding of a time to a number may add a microsecond.
  const settled = Number(BigInt(sidecar.written) / 1_000n) / 1_000 + 0.001;
  return { dir, settled, report: { files, bytes, losses, lossCounts, entries, via: 'copy' }, rows: entries.rows ?? [] };
}

/** Whether the sidecar is of the same files, and lies beside the very directory that was written. */
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

/** A record that contains a digest would keep its content from being collected, so this one does not. */
function recordKey({ key, options }: SnapshotFacts): string {
  return digestHex(sha256(`${key}\n${stableJson(options)}`));
}
