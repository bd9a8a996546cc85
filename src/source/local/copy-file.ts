/** Copies the content of one file and hashes it twice: alone for the report, and with its header for the key. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { ioError } from '../../core/errors.ts';
import type { ByteString } from '../../fs/byte-string.ts';
import { isUnchanged, type TreeEntry } from '../../fs/entry/tree-entry.ts';
import { writeAllSync } from '../../fs/write/write-all.ts';

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const CHUNK = 1 << 20;

let scratch: Buffer | undefined;

/** Hex digests: of header and content, and of the content alone. */
export interface CopiedFile {
  readonly digest: string;
  readonly content: string;
}

/**
 * Copies `from` into the new file `to` (undefined: only hashes it), one piece per step, so that the caller can pause or
 * stop. The result is undefined if the source changed.
 * @throws CtxsrcError `E_PERMISSION`, `E_DISK_FULL`, `E_IO`
 */
export function* copyFile(
  from: string | Buffer,
  to: string | Buffer | undefined,
  seen: TreeEntry,
  header: ByteString,
): Generator<undefined, CopiedFile | undefined> {
  let input: number | undefined;
  let output: number | undefined;
  try {
    input = openSync(from, READ);
    output = to === undefined ? undefined : openSync(to, 'wx', 0o600);
    const whole = createHash('sha256').update(header, 'latin1');
    const content = createHash('sha256');
    scratch ??= Buffer.allocUnsafeSlow(CHUNK);
    for (let read = readSync(input, scratch); read > 0; read = readSync(input, scratch)) {
      const chunk = scratch.subarray(0, read);
      whole.update(chunk);
      content.update(chunk);
      if (output !== undefined) writeAllSync(output, chunk);
      yield;
    }
    if (!isUnchanged(fstatSync(input), seen)) return undefined;
    return { digest: whole.digest('hex'), content: content.digest('hex') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (input === undefined && (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO')) return undefined;
    throw ioError(error, `cannot ${input === undefined ? 'read' : 'copy'} ${from}`);
  } finally {
    if (input !== undefined) closeSync(input);
    if (output !== undefined) closeSync(output);
  }
}
