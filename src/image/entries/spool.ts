/** Content that is kept back until it is verified: in memory, or if it is large in a file of the store. */
import { closeSync, createReadStream, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../../contract/store.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { writeAllSync } from '../../fs/write/write-all.ts';

/** Bytes of content that are kept in memory. */
const IN_MEMORY = 8 << 20;
const READ_SIZE = 512 << 10;

export interface Spool {
  write(chunk: Buffer, offset: number): void;
  read(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** @param size of the whole; what is not written of it are zeros */
export async function openSpool(store: Store, size: number): Promise<Spool> {
  return size <= IN_MEMORY ? memorySpool(size) : fileSpool(await store.tempDir(), size);
}

function memorySpool(size: number): Spool {
  const memory = Buffer.alloc(size);
  return {
    write: (chunk, offset) => void chunk.copy(memory, offset),
    read: async function* () {
      if (size > 0) yield memory;
    },
    close: async () => undefined,
  };
}

function fileSpool(dir: string, size: number): Spool {
  const path = join(dir, 'content');
  const fd = openSync(path, 'wx', 0o600);
  ftruncateSync(fd, size);
  return {
    write: (chunk, offset) => writeAllSync(fd, chunk, offset),
    read: () => createReadStream(path, { highWaterMark: READ_SIZE }),
    close: async () => {
      closeSync(fd);
      await removeTree(dir);
    },
  };
}
