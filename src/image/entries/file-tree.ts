/** Files that can be listed and read, wherever they are. */
import type { JobContext } from '../../contract/session.ts';
import type { EntryTree } from './entry-tree.ts';
import type { Inode } from './inode.ts';

export interface FileTree {
  /**
   * Answers a question about the tree. `answer` throws `LowerLayersNeeded` while what is known of it does not tell; it
   * is then asked again.
   */
  ask<T>(job: JobContext, answer: (tree: EntryTree) => T): Promise<T>;
  /** Makes the whole tree known: the next question is about all of it. */
  readAll(job: JobContext): Promise<void>;
  /** The content of a file. Nothing is given before all of it is verified. */
  read(job: JobContext, inode: Inode): AsyncGenerator<Uint8Array>;
  /** The content of several files, which have to fit into memory: each layer is read once. */
  readSeveral(job: JobContext, inodes: readonly Inode[]): Promise<ReadonlyMap<Inode, Buffer>>;
  release(): Promise<void>;
}
