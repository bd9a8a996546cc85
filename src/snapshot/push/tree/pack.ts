/** Packs the files of any source as an image of one layer, ready to be pushed. */
import { join } from 'node:path';
import type { Loss, WriteReport } from '../../../contract/ref.ts';
import type { JobContext } from '../../../contract/session.ts';
import type { SourceEnv, SourceInstance } from '../../../contract/source.ts';
import { given } from '../../../core/check-options.ts';
import { type Digest, isDigest } from '../../../core/digest.ts';
import { CtxsrcError } from '../../../core/errors.ts';
import { Task, warnOrRefuse } from '../../../core/progress.ts';
import { isHashedXattr } from '../../../fs/entry/header.ts';
import { removeTree } from '../../../fs/write/remove-tree.ts';
import { FIXED_TIME, FORMAT, LAST_TIME } from '../../../layer/format/tar.ts';
import { allKeys } from '../../../source/resolve.ts';
import { writeLimits } from '../../write/write-snapshot.ts';
import type { PushPlan } from '../plan.ts';
import { annotationsOf } from './annotations.ts';
import { type Altered, filesInPlace, writtenFiles } from './entries.ts';
import { type FolderSize, FolderSizes } from './folders.ts';
import { gitIgnored } from './git-ignored.ts';
import { planTree } from './image.ts';
import { type Layer, type Look, type PackedEntry, writeLayer } from './layer.ts';
import { SecretFinder, type Suspect } from './secrets.ts';

export interface TreeOptions {
  /** The time of every file instead of the fixed one, in seconds since 1970. */
  readonly epoch?: number | undefined;
  /** Annotations that were asked for: `NAME=VALUE`, or the name of one whose value the source knows. */
  readonly annotations?: readonly string[] | undefined;
}

/** What a push says of files that it packed. */
export interface TreeFacts {
  /** The content key of a directory with these files. */
  readonly key: Digest;
  readonly format: number;
  readonly layer: { readonly digest: Digest; readonly size: number; readonly diffId: Digest };
  /** Entries of any kind. */
  readonly files: number;
  /** Bytes of content. */
  readonly bytes: number;
  /** The largest folders at the top, largest first. */
  readonly folders: readonly FolderSize[];
  /** Files that may be secret, at most a thousand. */
  readonly secrets: readonly Suspect[];
}

export interface PackedTree {
  readonly plan: PushPlan;
  readonly facts: TreeFacts;
  /** Removes the layer from this machine. */
  release(): Promise<void>;
}

export interface PackRequest {
  readonly instance: SourceInstance;
  readonly env: SourceEnv;
  readonly options: TreeOptions;
}

/**
 * Reads all files, and sends nothing.
 * @throws CtxsrcError `E_USAGE` for an annotation or time that cannot be, `E_UNSAFE` for files that no layer can hold,
 * `E_LOSSY` for what this user cannot write, `E_INCOMPLETE` under `--strict`, and errors of reading the source
 */
export async function packTree(job: JobContext, { instance, env, options }: PackRequest): Promise<PackedTree> {
  const { epoch: time = FIXED_TIME } = options;
  if (time > LAST_TIME) {
    throw new CtxsrcError('E_USAGE', `the time ${time} is later than an archive can say`, {
      hint: 'SOURCE_DATE_EPOCH is in seconds',
    });
  }
  const keys = await allKeys(instance, job);
  const { pin, key, incomplete = [] } = keys.at(-1)!;
  const asked = options.annotations ?? [];
  // To describe a directory means to walk it once more.
  const facts = asked.some((text) => !text.includes('=')) ? await instance.describe?.(job) : undefined;
  const annotations = annotationsOf(asked, { pin, ...facts });
  if (incomplete.length > 0) {
    const text = `${incomplete.join(', ')} could not be read: the layer lacks them, and another machine may make another one`;
    warnOrRefuse(job, 'E_INCOMPLETE', text, 'install the optional package koffi');
  }
  const dir = await env.store.tempDir();
  const release = (): Promise<void> => removeTree(dir);
  try {
    const altered: Altered = { links: 0, sockets: 0 };
    const folders = new FolderSizes();
    const inPlace = await instance.files?.(job);
    const ignored = inPlace === undefined ? new Set<string>() : await gitIgnored(job, inPlace.root);
    const secrets = new SecretFinder(ignored);
    const look: Look = {
      entry(entry) {
        folders.entry(entry);
        secrets.entry(entry);
      },
      content: (bytes, last) => secrets.content(bytes, last),
    };
    const file = join(dir, 'layer');
    const pack = (entries: Iterable<PackedEntry | undefined>): Promise<Layer> =>
      Task.run(job, 'export', 'layer', (task) =>
        writeLayer({ signal: job.signal, task }, entries, file, { time, look }),
      );
    const layer = await packFiles(job, { instance, env }, altered, pack);
    if (instance.files !== undefined && isDigest(key) && layer.key !== key) {
      throw new CtxsrcError('E_IO', 'the directory changed while it was packed', {
        hint: 'wait until nothing writes to it, then push again',
      });
    }
    noteAltered(job, altered);
    secrets.tell(job);
    const { digest, size, diffId, files, bytes } = layer;
    const facts: TreeFacts = {
      key: layer.key,
      format: FORMAT,
      layer: { digest, size, diffId },
      files,
      bytes,
      folders: folders.largest(),
      secrets: secrets.found,
    };
    return { plan: planTree(layer, file, { time, annotations }), facts, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function packFiles(
  job: JobContext,
  { instance, env }: Omit<PackRequest, 'options'>,
  altered: Altered,
  pack: (entries: Iterable<PackedEntry | undefined>) => Promise<Layer>,
): Promise<Layer> {
  if (instance.files !== undefined) return pack(filesInPlace(await instance.files(job), altered));
  const ref = await instance.snapshot(job);
  if (ref === null) return pack([]);
  const written = await env.store.tempDir();
  try {
    const limits = writeLimits(given(env.limits ?? {}));
    const report = await ref.writeTo(job, written, { owner: 'auto', mode: 'auto', limits });
    refuseLosses(report);
    return await pack(writtenFiles(written, report, altered));
  } finally {
    await removeTree(written);
    await ref.release();
  }
}

/** A layer of this kind has no owners and times of its own. */
const NO_LOSS: ReadonlySet<string> = new Set(['owner', 'mtime']);

/** A user without the right to write an entry would make another layer of the same content than root. */
function refuseLosses({ losses, lossCounts }: WriteReport): void {
  const isInNoLayer = ({ kind, detail }: Loss): boolean => kind === 'xattr' && !isHashedXattr(detail);
  // Of too many losses to be listed nobody knows which are in no layer: they count.
  const inNoLayer = losses.filter(isInNoLayer).length;
  const lost = Object.entries(lossCounts)
    .map(([kind, n]): [string, number] => [kind, kind === 'xattr' ? n - inNoLayer : n])
    .filter(([kind, n]) => n > 0 && !NO_LOSS.has(kind));
  if (lost.length === 0) return;
  const what = lost.map(([kind, n]) => `${kind} (${n})`).join(', ');
  const path = losses.find((loss) => loss.kind === lost[0]![0] && !isInNoLayer(loss))?.path ?? '';
  throw new CtxsrcError('E_LOSSY', `the layer would lack what this user cannot write: ${what}, first ${path}`, {
    hint: 'push as root',
  });
}

function noteAltered(job: JobContext, { links, sockets }: Altered): void {
  const note = (text: string): void => job.progress.emit({ type: 'message', level: 'note', text });
  if (links > 0) note(`hard links that are files of their own in the layer: ${links}`);
  if (sockets > 0) note(`sockets that are empty files in the layer: ${sockets}`);
}
