/** One side of `ctxsrc diff`: a reference, a directory, or a directory that a snapshot was written to. */
import { existsSync } from 'node:fs';
import type { CacheKeyResult, JobContext } from '../../contract/index.ts';
import { printable } from '../../core/printable.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { publicAttributes } from '../../source/public-attributes.ts';
import { allKeys, type Resolved } from '../../source/resolve.ts';
import type { Sidecar } from '../sidecar/format.ts';
import { readSidecar, sidecarPath } from '../sidecar/sidecar.ts';
import { isIntact } from '../verify/verify.ts';
import type { ComparedTree } from './compared-side.ts';
import type { Facts } from './facts.ts';

/** A tree that stays in place until it is released; undefined if it is empty. */
export interface OpenTree {
  readonly tree: ComparedTree | undefined;
  release(): Promise<void>;
}

export interface DiffSide {
  readonly kind: 'reference' | 'directory' | 'snapshot';
  /** The content key; for a snapshot, the key in its sidecar. */
  key(job: JobContext): Promise<{ readonly key: string; readonly incomplete: readonly string[] }>;
  /** The options that selected the content, by name. */
  readonly options: Facts;
  /** The facts that need no files; undefined for a plain directory, which has only files. */
  facts(job: JobContext): Promise<Facts | undefined>;
  /** The files; those of a reference are brought into the store first. */
  open(job: JobContext): Promise<OpenTree>;
  /** False for a snapshot that was changed after it was written. */
  isIntact(job: JobContext): Promise<boolean>;
}

/** Finds the kind of a side. A directory with a sidecar beside it is a snapshot. */
export async function diffSide(one: Resolved): Promise<DiffSide> {
  const { instance, identifier } = one;
  if (instance.files === undefined) return referenceSide(one);
  const { localPath } = identifier;
  if (localPath === undefined || !existsSync(sidecarPath(localPath))) return directorySide(one);
  return snapshotSide(localPath, await readSidecar(localPath));
}

async function keyOf({ instance }: Resolved, job: JobContext): ReturnType<DiffSide['key']> {
  const keys: readonly CacheKeyResult[] = await allKeys(instance, job);
  return { key: keys.at(-1)!.key, incomplete: [...new Set(keys.flatMap((result) => result.incomplete ?? []))] };
}

function referenceSide(one: Resolved): DiffSide {
  const { instance, identifier } = one;
  return {
    kind: 'reference',
    key: (job) => keyOf(one, job),
    options: publicAttributes(one.source, identifier.attributes),
    async facts(job) {
      if (instance.describe !== undefined) return instance.describe(job);
      return { digest: (await instance.cacheKey(job, 0)).pin };
    },
    async open(job) {
      const ref = await instance.snapshot(job);
      if (ref === null) return NOTHING;
      try {
        const mount = await ref.mount(job);
        const tree = whole(mount.path, process.getuid?.() === 0, 'exact');
        return {
          tree,
          release: async () => {
            await mount.release();
            await ref.release();
          },
        };
      } catch (error) {
        await ref.release();
        throw error;
      }
    },
    isIntact: async () => true,
  };
}

function directorySide(one: Resolved): DiffSide {
  return {
    kind: 'directory',
    key: (job) => keyOf(one, job),
    options: publicAttributes(one.source, one.identifier.attributes),
    facts: async () => undefined,
    open: async (job) => ({ ...NOTHING, tree: { ...(await one.instance.files!(job)), keepsOwners: false } }),
    isIntact: async () => true,
  };
}

function snapshotSide(dir: string, sidecar: Sidecar): DiffSide {
  const attributes = (sidecar.options.attributes ?? {}) as Facts;
  const isImage = sidecar.layers.length > 0;
  return {
    kind: 'snapshot',
    key: async () => ({ key: sidecar.key, incomplete: [] }),
    options: attributes,
    facts: async () => ({ digest: sidecar.pin, ...(isImage ? { layers: sidecar.layers } : {}) }),
    async open(job) {
      const { losses, lossCounts } = sidecar;
      if (losses.length > 0) {
        const text = `${printable(dir)} was written without ${Object.keys(lossCounts).join(', ')}: these differ from its source`;
        job.progress.emit({ type: 'message', level: 'note', text });
      }
      const modes = attributes.modes === 'exec' ? 'exec' : 'exact';
      return { ...NOTHING, tree: whole(dir, isImage && sidecar.options.owner !== 'current', modes) };
    },
    isIntact: (job) => isIntact(dir, sidecar, job),
  };
}

const NOTHING: OpenTree = { tree: undefined, release: async () => undefined };

/** A directory that counts as a whole. */
function whole(path: string, keepsOwners: boolean, modes: ComparedTree['modes']): ComparedTree {
  return { root: bytesOfText(path), modes, keepsOwners, excludedBy: () => '' };
}
