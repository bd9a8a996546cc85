/** One side of `ctxsrc diff`: a reference, a directory, or a directory that a snapshot was written to. */
import { existsSync } from 'node:fs';
import type { JobContext, Store } from '../../contract/index.ts';
import { printable } from '../../core/printable.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { unseen } from '../../source/incomplete.ts';
import { publicAttributes } from '../../source/public-attributes.ts';
import { allKeys, type Resolved } from '../../source/resolve.ts';
import { openFiles } from '../list/source-files.ts';
import type { Sidecar } from '../sidecar/format.ts';
import { readSidecar, sidecarPath } from '../sidecar/sidecar.ts';
import { isIntact } from '../verify/verify.ts';
import type { ComparedTree } from './disk-side.ts';
import type { Facts } from './facts.ts';
import { withIndexFacts } from './index-facts.ts';
import { listedTree } from './listed-side.ts';
import type { ComparableTree } from './trees.ts';

/** A tree that stays in place until it is released; undefined if it is empty. */
export interface OpenTree {
  readonly tree: ComparableTree | undefined;
  release(): Promise<void>;
}

/** What opening the files of a reference needs. */
export interface OpenOptions {
  readonly store: Store;
  readonly limits?: ReadLimits | undefined;
}

export interface DiffSide {
  /** The reference as it was typed, without secrets. */
  readonly name: string;
  /** Where one image is compared for two platforms: this one, which is in the name, too. */
  readonly platform?: string | undefined;
  readonly kind: 'reference' | 'directory' | 'snapshot';
  /** The content key; for a snapshot, the key in its sidecar. */
  key(job: JobContext): Promise<{
    readonly key: string;
    readonly definition?: string;
    readonly incomplete: readonly string[];
  }>;
  /** The options that selected the content, by name. */
  readonly options: Facts;
  /** The facts that need no files; undefined for a plain directory, which has only files. */
  facts(job: JobContext): Promise<Facts | undefined>;
  /** The files: those of an image as its layers list them; those of other references are brought into the store. */
  open(job: JobContext, options: OpenOptions): Promise<OpenTree>;
  /** False for a snapshot that was changed after it was written. */
  isIntact(job: JobContext): Promise<boolean>;
}

/**
 * Finds the kind of a side. A directory with a sidecar beside it is a snapshot.
 * @param platform what tells it from the other side, which is the same reference
 */
export async function diffSide(one: Resolved, platform?: string): Promise<DiffSide> {
  const name = shownReference(one.ref.text);
  return { ...(await sideOf(one)), name: platform === undefined ? name : `${name} ${platform}`, platform };
}

async function sideOf(one: Resolved): Promise<Omit<DiffSide, 'name' | 'platform'>> {
  const { instance, identifier } = one;
  if (instance.files === undefined) return referenceSide(one);
  const { localPath } = identifier;
  if (localPath === undefined || !existsSync(sidecarPath(localPath))) return directorySide(one);
  return snapshotSide(localPath, await readSidecar(localPath));
}

async function keyOf({ instance }: Resolved, job: JobContext): ReturnType<DiffSide['key']> {
  const keys = await allKeys(instance, job);
  return { key: keys.at(-1)!.key, definition: keys[0]!.key, incomplete: unseen(keys) };
}

function referenceSide(one: Resolved): Omit<DiffSide, 'name' | 'platform'> {
  const { instance, identifier } = one;
  return {
    kind: 'reference',
    key: (job) => keyOf(one, job),
    options: publicAttributes(one.source, identifier.attributes),
    async facts(job) {
      const detailed = instance.image !== undefined;
      if (instance.describe !== undefined) return withIndexFacts(await instance.describe(job, { detailed }));
      return { digest: (await instance.cacheKey(job, 0)).pin };
    },
    async open(job, { store, limits }) {
      if (instance.image !== undefined) {
        const files = await openFiles(job, { instance, store, limits });
        try {
          const layers = (await instance.describe?.(job))?.layers;
          const diffIds = Array.isArray(layers) ? (layers as readonly Facts[]).map(({ diffId }) => diffId) : [];
          return { tree: await listedTree(job, files, diffIds), release: () => files.release() };
        } catch (error) {
          await files.release();
          throw error;
        }
      }
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

function directorySide(one: Resolved): Omit<DiffSide, 'name' | 'platform'> {
  return {
    kind: 'directory',
    key: (job) => keyOf(one, job),
    options: publicAttributes(one.source, one.identifier.attributes),
    facts: async () => undefined,
    open: async (job) => ({ ...NOTHING, tree: { ...(await one.instance.files!(job)), keepsOwners: false } }),
    isIntact: async () => true,
  };
}

function snapshotSide(dir: string, sidecar: Sidecar): Omit<DiffSide, 'name' | 'platform'> {
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
