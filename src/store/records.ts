/**
 * Records: small JSON files `records/<kind>/<sha256 of the key>.json` with their key and value. They only save work: an
 * unreadable record counts as missing, and its content can be found out again.
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RecordStore } from '../contract/store.ts';
import { digestHex, sha256 } from '../core/digest.ts';
import { jsonObject } from '../core/is-object.ts';
import { makeDirectory } from '../fs/write/make-directory.ts';
import { removeFile } from '../fs/write/remove-file.ts';
import { storeError } from './failures.ts';
import type { StoreDirectory } from './layout.ts';
import { touch } from './process-identity.ts';

export class FileRecordStore implements RecordStore {
  readonly #directory: StoreDirectory;

  constructor(directory: StoreDirectory) {
    this.#directory = directory;
  }

  async get(kind: string, key: string): Promise<unknown> {
    const path = this.#path(kind, key);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch {
      return undefined;
    }
    const record = parseRecord(text);
    if (record === undefined || record.key !== key) return undefined;
    // The mtime of a record is the time of its last use.
    await touch(path);
    return record.value;
  }

  /**
   * Does nothing if the store is not writable.
   * @throws E_DISK_FULL, E_IO
   */
  async set(kind: string, key: string, value: unknown): Promise<void> {
    const path = this.#path(kind, key);
    const text = `${JSON.stringify({ key, value })}\n`;
    await this.#directory.keep(() =>
      this.#directory.replaceFile(path, text).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        makeDirectory(dirname(path));
        await this.#directory.replaceFile(path, text);
      }),
    );
  }

  async delete(kind: string, key: string): Promise<void> {
    try {
      await removeFile(this.#path(kind, key));
    } catch (error) {
      throw storeError(error, `cannot remove the record of ${key} from the cache`);
    }
  }

  #path(kind: string, key: string): string {
    return this.#directory.path('records', kind, `${digestHex(sha256(key))}.json`);
  }
}

/** A record's key and value; undefined if the text is not a record. */
export function parseRecord(text: string): { key: string; value: unknown } | undefined {
  const record = jsonObject(text);
  return typeof record?.key === 'string' && 'value' in record ? { key: record.key, value: record.value } : undefined;
}
