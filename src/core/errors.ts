/**
 * The closed set of failures. Every error a user can meet is a `CtxsrcError` whose code is in this table; anything
 * else that reaches the command line is a defect of ctxsrc (exit 1). The exit code is part of the contract: scripts
 * decide by it, never by the text.
 */
import { getSystemErrorMap } from 'node:util';

/** What each exit code means, for help, manual and documentation. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'a defect of ctxsrc',
  2: 'usage: a flag or reference is wrong, or a tag is ambiguous',
  3: 'not found: source, tag, path or blob, or missing with --offline',
  4: 'credentials or TLS trust',
  5: 'integrity: digest, size, diff ID, malformed image or archive, a snapshot that differs',
  6: 'drift: lock file or --checksum',
  7: 'no such platform',
  8: 'refused: unsafe, over a limit, or lossy or incomplete under --strict',
  9: 'the target exists and is something else, or a tag does not move',
  74: 'local I/O: disk full, permission',
  75: 'temporary: network, server, stalled, lock held too long',
  76: 'rate limit that does not clear in time',
  129: 'the terminal was closed (SIGHUP)',
  130: 'interrupted (SIGINT)',
  131: 'told to quit (SIGQUIT)',
  143: 'terminated (SIGTERM)',
};

/** Exit code of each error code. The names are a contract, too: they are in the JSON of errors. */
export const ERROR_EXITS = {
  E_INTERNAL: 1,
  E_USAGE: 2,
  E_REFERENCE: 2,
  E_SCHEME_UNKNOWN: 2,
  E_ATTRIBUTE: 2,
  E_DIGEST_INVALID: 2,
  E_PLATFORM_INVALID: 2,
  E_PATTERN: 2,
  E_DOCKERFILE: 2,
  E_TAG_AMBIGUOUS: 2,
  E_LAYER_LIMIT: 2,
  E_NOT_PINNABLE: 2,
  E_TARGET_IN_SOURCE: 2,
  E_CONFIG: 2,
  E_SOURCE_MODULE: 2,
  E_NOT_FOUND: 3,
  E_TAG_NOT_FOUND: 3,
  E_BLOB_NOT_FOUND: 3,
  E_PATH_NOT_FOUND: 3,
  E_OFFLINE: 3,
  E_UNAUTHORIZED: 4,
  E_FORBIDDEN: 4,
  E_CREDENTIALS: 4,
  E_TLS: 4,
  E_DIGEST_MISMATCH: 5,
  E_SIZE_MISMATCH: 5,
  E_DIFF_ID_MISMATCH: 5,
  E_MANIFEST_INVALID: 5,
  E_IMAGE_CONFIG_INVALID: 5,
  E_NOT_AN_IMAGE: 5,
  E_LAYOUT_INVALID: 5,
  E_SCHEMA1: 5,
  E_ARCHIVE_INVALID: 5,
  E_CONTENT_INVALID: 5,
  /** The protocol was broken by a registry, or by any other server: of git, or of a file. The name is older than those. */
  E_REGISTRY_PROTOCOL: 5,
  E_STORE_CORRUPT: 5,
  E_SIDECAR_INVALID: 5,
  E_TREE_DIFFERS: 5,
  E_DRIFT: 6,
  E_CHECKSUM_MISMATCH: 6,
  E_PLATFORM_NOT_FOUND: 7,
  E_UNSAFE: 8,
  E_LIMIT: 8,
  E_STORE_VERSION: 8,
  E_LOSSY: 8,
  E_INCOMPLETE: 8,
  E_DOUBTFUL: 8,
  E_TARGET_EXISTS: 9,
  E_IO: 74,
  E_DISK_FULL: 74,
  E_PERMISSION: 74,
  E_NETWORK: 75,
  E_SERVER: 75,
  E_STALLED: 75,
  E_LOCK_TIMEOUT: 75,
  E_RATE_LIMIT: 76,
  E_HANGUP: 129,
  E_INTERRUPTED: 130,
  E_QUIT: 131,
  E_TERMINATED: 143,
} as const;

/** The names of all failures. */
export type ErrorCode = keyof typeof ERROR_EXITS;

export interface ErrorOptions {
  /** What to type or check next, one line without a full stop needed. */
  hint?: string | undefined;
  cause?: unknown;
  /** The reference as the user wrote it; the command line fills it in when the thrower does not know it. */
  ref?: string | undefined;
  /** Machine-readable facts for the JSON form, for instance `{ candidates: [...] }` or `{ retryAfter: 30 }`. Never a secret. */
  details?: Record<string, unknown> | undefined;
}

const BRAND = Symbol.for('ctxsrc.error');

/** A failure with a stable code, one sentence that says what happened to what, and a hint that says what to type next. */
export class CtxsrcError extends Error {
  /** The stable name of the failure. */
  readonly code: ErrorCode;
  /** What to type next. */
  readonly hint: string | undefined;
  /** Facts for programs, by name. */
  readonly details: Record<string, unknown> | undefined;
  /** The reference that it is about, without secrets. */
  ref: string | undefined;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CtxsrcError';
    this.code = code;
    this.hint = options.hint;
    this.ref = options.ref;
    this.details = options.details;
  }

  /** The same failure, told with more: what is not given stays, `details` are added, and the cause is this error. */
  with(more: Pick<ErrorOptions, 'hint' | 'details'> & { readonly message?: string }): CtxsrcError {
    return new CtxsrcError(this.code, more.message ?? this.message, {
      hint: more.hint ?? this.hint,
      ref: this.ref,
      details: more.details === undefined ? this.details : { ...this.details, ...more.details },
      cause: this,
    });
  }

  /** The exit code of this error. */
  get exit(): number {
    return ERROR_EXITS[this.code];
  }
}

/**
 * True for a CtxsrcError, with the given code when one is named. A source from outside may bring a copy of this package:
 * its errors count too.
 * @param error anything that was thrown
 * @param code the only code that counts; all when absent
 */
export function isCtxsrcError(error: unknown, code?: ErrorCode): error is CtxsrcError {
  const ours =
    error instanceof CtxsrcError ||
    (error instanceof Error && BRAND in error && Object.hasOwn(ERROR_EXITS, (error as CtxsrcError).code));
  return ours && (code === undefined || (error as CtxsrcError).code === code);
}

/** True for the error an aborted operation ends with, whoever threw it. */
export function isAbort(error: unknown): boolean {
  if (isCtxsrcError(error)) return error.exit > 128;
  return (
    error instanceof Error && (error.name === 'AbortError' || (error as NodeJS.ErrnoException).code === 'ABORT_ERR')
  );
}

/**
 * Turns a failed file-system call on something that the user named into a typed error: exit 3 when it does not exist,
 * otherwise as `localError`. An error that is already typed, or an abort, is returned unchanged.
 * @param error what the call threw
 * @param what the operation and its object, for instance `cannot read ./app/file`
 * @param hint what to type or check next, instead of the usual hint
 */
export function ioError(error: unknown, what: string, hint?: string): Error {
  if (error instanceof CtxsrcError || isAbort(error)) return error as Error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return localError(error, what, hint);
  return new CtxsrcError('E_PATH_NOT_FOUND', `${what}: no such file or directory`, {
    cause: error,
    hint: hint ?? 'check the path: a relative one begins in the current directory',
  });
}

/**
 * Turns a failed file-system call on something of our own (the cache, an output file) into a typed error of exit 74,
 * also when the file does not exist. An error that is already typed, or an abort, is returned unchanged.
 * @param hint instead of the usual hint
 */
export function localError(error: unknown, what: string, hint?: string): Error {
  if (error instanceof CtxsrcError || isAbort(error)) return error as Error;
  const failure = (code: ErrorCode, why: string, usual?: string): CtxsrcError =>
    new CtxsrcError(code, `${what}: ${why}`, { cause: error, hint: hint ?? usual });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case 'ENOENT':
      return failure('E_IO', 'no such file or directory');
    case 'ENOTDIR':
      return failure('E_IO', 'not a directory');
    case 'ENOSPC':
    case 'EDQUOT':
      return failure(
        'E_DISK_FULL',
        code === 'EDQUOT' ? 'disk quota exceeded' : 'no space left on the device',
        'free some space, or choose another place with --cache-dir or another target directory',
      );
    case 'EACCES':
    case 'EPERM':
      return failure(
        'E_PERMISSION',
        'permission denied',
        'check the owner and mode of the path, or run as a user who may',
      );
    case 'EROFS':
      return failure('E_PERMISSION', 'read-only file system', 'choose another place, or make the file system writable');
    case 'EMFILE':
    case 'ENFILE':
      return failure('E_IO', 'too many open files', 'raise the limit (ulimit -n)');
    case 'EFBIG':
      return failure('E_IO', 'file too large', 'raise the limit (ulimit -f)');
    default:
      return failure('E_IO', reasonOf(error));
  }
}

/** The system's reason, without the call and the paths, which the message already names. */
function reasonOf(error: unknown): string {
  const errno = (error as NodeJS.ErrnoException | undefined)?.errno;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return known ?? (error instanceof Error ? error.message : String(error));
}
