/**
 * Writes a source's files into the user's directory: all of them or none. The tree is made beside the target and
 * replaces it when it is complete (see `staging.ts`); after a failure or an abort the target is unchanged.
 *
 * Only the sidecar is synced to the disk: a snapshot can be made again, and after a power loss the quick check finds
 * wrong sizes and `verify` wrong bytes.
 */
import { chmod, lstat, mkdir, utimes } from 'node:fs/promises';
import type { ImmutableRef, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import type { RecordStore } from '../../contract/store.ts';
import { CtxsrcError, isCtxsrcError, localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { stableJson } from '../../core/stable-json.ts';
import { ownerChoice } from '../../fs/write/metadata.ts';
import type { Sidecar, SnapshotFacts } from '../sidecar/format.ts';
import { readSidecar, sidecarPath, writeSidecar } from '../sidecar/sidecar.ts';
import { isIntact } from '../verify/verify.ts';
import { heartbeat, newStaging, type Staging } from './beside.ts';
import { findEarlier, rememberTree } from './earlier.ts';
import { noteUnfinished } from './leftovers.ts';
import { commit, discard, exclusively, recover } from './staging.ts';
import { createParents, type Protected, removeParents, resolveTarget, stateOf } from './target.ts';

export interface MaterializeRequest extends Protected {
  /** Null for a source that is legitimately empty: the result is an empty directory. */
  readonly ref: ImmutableRef | null;
  /** As the user wrote it. */
  readonly target: string;
  /** The facts of the source for the sidecar; the options of writing are added here. */
  readonly facts: SnapshotFacts;
  readonly options: WriteOptions;
  /** Replace an existing target. */
  readonly force: boolean;
  /** Refuse any loss. */
  readonly strict: boolean;
  /** Where to remember the directory for the next snapshot of the same image, and to look for an earlier one. */
  readonly records?: RecordStore | undefined;
  /** Hashes the written tree, if the key does not describe its content; undefined if it cannot be told. */
  readonly contentHash?:
    | ((job: JobContext, dir: string, shown: string, report: WriteReport) => Promise<string | undefined>)
    | undefined;
}

export interface Materialized {
  /** `unchanged`: the same snapshot was there, intact. */
  readonly status: 'written' | 'unchanged';
  /** Absolute path of the directory. */
  readonly dir: string;
  readonly sidecar: Sidecar;
  /** How the files were made; absent if nothing was written. */
  readonly via?: WriteReport['via'] | undefined;
}

/** The mode of a snapshot's root: as BuildKit makes it, whatever the umask. */
const ROOT_MODE = 0o755;

const NOTHING: WriteReport = { files: 0, bytes: 0, losses: [], lossCounts: {}, entries: [], via: 'copy' };

/**
 * Makes the target a snapshot. Leftovers of dead runs at the same target are handled first.
 * @throws CtxsrcError `E_TARGET_EXISTS`, `E_TARGET_IN_SOURCE`, `E_LOSSY` (with `strict`), `E_DISK_FULL` and errors of
 * `ref.writeTo`; the target and its parents are then unchanged
 */
export async function materialize(job: JobContext, request: MaterializeRequest): Promise<Materialized> {
  const dir = resolveTarget(request.target, request);
  const facts = { ...request.facts, options: effectiveOptions(request) };
  const existing = await findExisting(job, dir, facts);
  if (existing !== undefined) return unchanged(dir, existing, request);

  if (!request.force && stateOf(dir) === 'occupied') throw occupied(dir);
  const parents = await createParents(dir);
  const run = newStaging(dir);
  const noteFinished = await noteUnfinished(request.records, run);
  try {
    const { sidecar, via, digest } = await write(job, run, request, facts);
    if (await commit(job, run, request.force)) {
      // For a directory on this machine, an earlier snapshot saves no reading.
      if (facts.layers.length > 0 && request.records !== undefined) {
        await rememberTree(request.records, facts, dir, digest).catch(() => undefined);
      }
      return { status: 'written', dir, sidecar, via };
    }
  } catch (error) {
    await removeParents(parents);
    throw error;
  } finally {
    await noteFinished();
  }
  // Another run was faster; if it wrote the same snapshot, the work is done.
  const theirs = await findExisting(job, dir, facts);
  if (theirs === undefined) throw occupied(dir);
  return unchanged(dir, theirs, request);
}

/** Makes the tree and its sidecar under the names of this run; after a failure none of them is left. */
async function write(
  job: JobContext,
  run: Staging,
  request: MaterializeRequest,
  facts: SnapshotFacts,
): Promise<{ sidecar: Sidecar; via: WriteReport['via']; digest: string }> {
  try {
    job.signal.throwIfAborted();
    await mkdir(run.tree, { mode: ROOT_MODE });
    const report = await writeFiles(job, run.tree, request, facts);
    if (request.strict) refuseLosses(run.target, report.lossCounts);
    const tree = await request.contentHash?.(job, run.tree, run.target, report);
    const { epoch } = request.options;
    if (epoch !== undefined && epoch < Date.now() / 1000) await utimes(run.tree, epoch, epoch);
    // The last change of any file: its time on the file system is the time when the tree was complete.
    await chmod(run.tree, ROOT_MODE);
    const root = await lstat(run.tree, { bigint: true });
    const { files, bytes, losses, lossCounts, entries, via } = report;
    const sidecar: Sidecar = {
      ...facts,
      ...(tree === undefined ? {} : { tree }),
      written: String(root.ctimeNs),
      root: { mode: ROOT_MODE, uid: Number(root.uid), gid: Number(root.gid), inode: String(root.ino) },
      files,
      bytes,
      losses,
      lossCounts,
      entries,
    };
    const digest = await writeSidecar(run.json, sidecar);
    job.signal.throwIfAborted();
    return { sidecar, via, digest };
  } catch (error) {
    await discard(job, run);
    const isSystemCall = (error as NodeJS.ErrnoException).syscall !== undefined;
    throw isSystemCall ? localError(error, `cannot write ${printable(run.target)}`) : error;
  }
}

async function writeFiles(
  job: JobContext,
  dir: string,
  { ref, options, records }: MaterializeRequest,
  facts: SnapshotFacts,
): Promise<WriteReport> {
  if (ref === null) return NOTHING;
  const beat = heartbeat(dir);
  try {
    const earlier = records === undefined ? undefined : () => findEarlier(records, facts);
    return await ref.writeTo(job, dir, { ...options, earlier });
  } finally {
    beat.stop();
  }
}

/** The sidecar of an intact snapshot of the same content and options at the target. */
async function findExisting(job: JobContext, dir: string, facts: SnapshotFacts): Promise<Sidecar | undefined> {
  const busy = await recover(job, dir);
  if (stateOf(dir) === 'absent') return undefined;
  let sidecar = await sidecarOf(dir);
  // A run may have put its tree in place but not yet its sidecar.
  if (sidecar === undefined && busy) sidecar = await exclusively(newStaging(dir), () => sidecarOf(dir), job.signal);
  if (sidecar === undefined || sidecar.key !== facts.key || stableJson(sidecar.options) !== stableJson(facts.options)) {
    return undefined;
  }
  return (await isIntact(dir, sidecar, job)) ? sidecar : undefined;
}

async function sidecarOf(dir: string): Promise<Sidecar | undefined> {
  try {
    return await readSidecar(dir);
  } catch (error) {
    if (isCtxsrcError(error, 'E_PATH_NOT_FOUND') || isCtxsrcError(error, 'E_SIDECAR_INVALID')) return undefined;
    throw error;
  }
}

function unchanged(dir: string, sidecar: Sidecar, { strict, contentHash }: MaterializeRequest): Materialized {
  if (strict) refuseLosses(dir, sidecar.lossCounts);
  if (strict && contentHash !== undefined && sidecar.tree === undefined) {
    const message = `${printable(dir)} was written without a check of the content key that the image names`;
    throw new CtxsrcError('E_UNSAFE', message, { hint: 'add --force to write it anew' });
  }
  return { status: 'unchanged', dir, sidecar };
}

function refuseLosses(dir: string, lossCounts: Readonly<Record<string, number>>): void {
  const kinds = Object.entries(lossCounts).filter(([, number]) => number > 0);
  if (kinds.length === 0) return;
  throw new CtxsrcError(
    'E_LOSSY',
    `${printable(dir)} cannot hold everything of the source: ${kinds.map(([kind, n]) => `${kind} (${n})`).join(', ')}`,
    {
      hint: `${lossHint(Object.fromEntries(kinds))}, or leave --strict out`,
      details: { losses: Object.fromEntries(kinds) },
    },
  );
}

function lossHint(lost: Readonly<Record<string, number>>): string {
  if (process.geteuid?.() === 0) {
    return lost.setuid === undefined ? 'write where the file system keeps them' : 'keep owners: --owner preserve';
  }
  const root = 'run as root, who can keep owners, devices and capabilities';
  return lost.owner === undefined ? root : `${root}, take the files as yours: --owner current`;
}

function occupied(dir: string): CtxsrcError {
  return new CtxsrcError('E_TARGET_EXISTS', `the target ${printable(dir)} exists and is not this snapshot`, {
    hint: `add --force to replace it and ${printable(sidecarPath(dir))}, or name another directory`,
  });
}

/** The options that changed the files, for the sidecar: with other values the same key gives other files. */
function effectiveOptions({ facts, options }: MaterializeRequest): Readonly<Record<string, unknown>> {
  const owner = ownerChoice(options.owner);
  const { subpath, include, exclude } = options.filter ?? {};
  const all = { ...facts.options, owner, subpath, include, exclude, epoch: options.epoch };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
