/** How failed system calls on the store's files are told, and what they say of the store. */
import { CtxsrcError, localError } from '../core/errors.ts';

/**
 * A failed system call as an error with a hint where else the cache can be; any other failure is returned unchanged.
 */
export function storeError(error: unknown, what: string): Error {
  const failed = error as NodeJS.ErrnoException | undefined;
  if (failed?.syscall !== undefined) return localError(error, what, hintFor(failed.code));
  return error instanceof Error ? error : new Error(String(error));
}

/**
 * True if the system says that the file does not exist. No other failure shows that something is missing or ownerless:
 * an item that could not be opened for lack of file descriptors is intact.
 */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Undefined for the error that something does not exist; any other is thrown. */
export function orAbsent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

/** The usual hint for want of descriptors, which another directory does not mend. */
function hintFor(code: string | undefined): string | undefined {
  if (code === 'EMFILE' || code === 'ENFILE') return undefined;
  const elsewhere = 'choose another directory with --cache-dir or CTXSRC_CACHE_DIR';
  if (code === 'ENOSPC' || code === 'EDQUOT') return `make room (ctxsrc cache prune --all), or ${elsewhere}`;
  return `${elsewhere}, or mend this one`;
}

/** True if the failure means that the store is not writable at all, as in a read-only home directory. */
export function isUnwritable(error: unknown): boolean {
  if (!(error instanceof CtxsrcError)) return false;
  const cause = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  return ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(cause);
}
