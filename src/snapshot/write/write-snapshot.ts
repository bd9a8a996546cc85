/** From an instance to a directory: keys, content, target. Shared by `ctxsrc snapshot` and the library's `snapshot`. */
import type {
  CacheKeyResult,
  Identifier,
  JobContext,
  Source,
  SourceInstance,
  Store,
  WriteFilter,
  WriteLimits,
  WriteOptions,
} from '../../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_FILES, maxRatio } from '../../core/read-limits.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { solverDigest } from '../../core/solver-digest.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { publicAttributes } from '../../source/public-attributes.ts';
import { holdToKey } from '../held-files.ts';
import { treeKey } from '../tree-key.ts';
import { type Materialized, type MaterializeRequest, materialize } from './materialize.ts';

/** The default limits of writing: generous for an image, small for a bomb. */
export function writeLimits(given: Partial<WriteLimits>): WriteLimits {
  const ratio = maxRatio(given.maxBytes);
  return { maxBytes: DEFAULT_MAX_BYTES, maxFiles: DEFAULT_MAX_FILES, maxRatio: ratio, ...given };
}

export interface SnapshotRequest {
  /** As the user wrote it. */
  readonly reference: string;
  readonly source: Source;
  readonly identifier: Identifier;
  readonly instance: SourceInstance;
  /** All keys of the instance, the last one its content key. */
  readonly keys: readonly CacheKeyResult[];
  readonly store: Store;
  readonly target: string;
  readonly options: WriteOptions;
  readonly force: boolean;
  readonly strict: boolean;
}

/**
 * Writes the content of a source to the target. A filter that is part of the source's identity (include and exclude of
 * a directory) must not be in `options.filter`.
 */
export async function writeSnapshot(job: JobContext, request: SnapshotRequest): Promise<Materialized> {
  const { source, identifier, instance, keys, options } = request;
  const content = keys.at(-1)!;
  const ref = await instance.snapshot(job);
  try {
    const isPart = hasFilter(options.filter);
    const named = isPart && !request.strict ? undefined : await treeKey(job, instance);
    // A part has another key than the whole.
    if (isPart && named !== undefined)
      await holdToKey(job, ref, { wanted: named, what: shownReference(request.reference), hint: NOT_AS_PUSHED });
    return await materialize(job, {
      ref,
      target: request.target,
      facts: {
        reference: shownReference(request.reference),
        identifier: shownReference(identifier.toString()),
        key: content.key,
        pin: content.pin,
        keys: keys.map(({ key, pin, done }, index) => ({ index, key, pin, done, solver: solverDigest(key) })),
        options: { attributes: publicAttributes(source, identifier.attributes) },
        layers: [...content.opts.values()].map(({ descriptor, diffId }) => ({
          digest: descriptor.digest,
          size: descriptor.size,
          mediaType: descriptor.mediaType,
          ...(diffId === undefined ? {} : { diffId }),
        })),
      },
      options,
      force: request.force,
      strict: request.strict,
      localSource: identifier.localPath,
      storeRoot: request.store.root,
      records: request.store.records,
      contentHash: isPart ? hashOfTree : named === undefined ? undefined : checkedHash(named, request.strict),
    });
  } finally {
    await ref?.release();
  }
}

const hasFilter = (filter: WriteFilter | undefined): boolean =>
  filter !== undefined && Object.values(filter).some((value) => value !== undefined);

/** As the content key of a directory: `ctxsrc key --no-ignore-file DIR` prints the same. */
async function hashOfTree(job: JobContext, dir: string, shown: string): Promise<string> {
  return `sha256:${(await hashed(job, dir, shown)).digest}`;
}

/**
 * Holds what was written to the content key that the image says its files have. An image can be such that this cannot
 * be done, which is refused with `strict`.
 */
function checkedHash(wanted: string, strict: boolean): MaterializeRequest['contentHash'] {
  return async (job, dir, shown, { lossCounts }) => {
    const lost = Object.keys(lossCounts).filter((kind) => !UNKEYED_LOSSES.has(kind));
    // A user may write files that the same user may not read.
    const { found, incomplete } = await hashed(job, dir, shown).then(
      ({ digest, incomplete }) => ({ found: `sha256:${digest}`, incomplete }),
      (error: unknown) => {
        if (!isCtxsrcError(error, 'E_PERMISSION')) throw error;
        return { found: undefined, incomplete: [error.message] };
      },
    );
    if (found === wanted) return found;
    if (lost.length > 0 || incomplete.length > 0) {
      const text = `the content key ${wanted} that the image names was not checked, for ${[...lost, ...incomplete].join(', ')}`;
      if (strict) {
        throw new CtxsrcError('E_UNSAFE', text, {
          hint: 'write it as a user who may read all of its files, or leave --strict out',
        });
      }
      job.progress.emit({ type: 'message', level: 'note', text });
      return undefined;
    }
    const message = `the files of the image have the content key ${found}, and its annotation says ${wanted}`;
    throw new CtxsrcError('E_DIGEST_MISMATCH', message, {
      hint: NOT_AS_PUSHED,
    });
  };
}

const NOT_AS_PUSHED = 'the image was not made by ctxsrc push, or was changed since: push its source anew';

/** The content key of a directory has neither owners nor times. */
const UNKEYED_LOSSES: ReadonlySet<string> = new Set(['owner', 'mtime']);

async function hashed(job: JobContext, dir: string, shown: string) {
  const { hashTree } = await import('../../fs/hash/hash-tree.ts');
  return hashTree(bytesOfText(dir), { signal: job.signal, progress: job.progress, label: shown });
}
