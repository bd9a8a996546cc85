/**
 * Creation below a directory without ever following a link that was planted there. On Linux a child is addressed below
 * its parent's open descriptor (`/proc/self/fd/N/name`): whatever is renamed or exchanged meanwhile, the call lands in
 * the directory that was opened, or fails. Elsewhere every component is looked at when its directory is opened, which
 * an attacker with write access to the directory itself could race; an archive cannot.
 *
 * Names are bytes, kept as latin-1 strings. Calls on a path that `at` gives must not follow its last component.
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { bytesOfText, fsPath, textOfBytes } from '../byte-string.ts';

/** An open directory. */
export interface OpenDirectory {
  /** Valid in all threads of the process. */
  readonly fd: number;
  /** The path to put before a child's name, as a byte string; ends in a slash. */
  readonly prefix: string;
}

const OPEN = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Opens the root, which must be a directory and not a link.
 * @throws CtxsrcError `E_UNSAFE`, or the error of `ioError`
 */
export function openRoot(path: string): OpenDirectory {
  return open(bytesOfText(path));
}

/**
 * Opens a directory inside an open one.
 * @throws CtxsrcError `E_UNSAFE` if it is not a directory (any more)
 */
export function openChild(parent: OpenDirectory, name: string): OpenDirectory {
  checkName(name);
  return open(parent.prefix + name);
}

export function closeDirectory(directory: OpenDirectory): void {
  closeSync(directory.fd);
}

/**
 * The path of a child for one call.
 * @throws CtxsrcError `E_UNSAFE` if it is not the name of a child
 */
export function at(directory: OpenDirectory, name: string): string | Buffer {
  checkName(name);
  return fsPath(directory.prefix + name);
}

/** Creates a file that did not exist and opens it for writing. The umask cuts `mode`. Fails with the system's own error. */
export function createFile(directory: OpenDirectory, name: string, mode: number): number {
  return openSync(at(directory, name), CREATE, mode);
}

function open(path: string): OpenDirectory {
  const shown = (): string => printable(textOfBytes(path));
  try {
    const fd = openSync(fsPath(path), OPEN);
    return { fd, prefix: hasDescriptorPaths() ? `/proc/self/fd/${fd}/` : `${path}/` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ELOOP' && code !== 'ENOTDIR') {
      throw ioError(error, `cannot open ${shown()}`);
    }
  }
  throw new CtxsrcError('E_UNSAFE', `${shown()} is not the directory it should be`, {
    hint: 'something else writes there at the same time',
  });
}

let descriptorPaths: boolean | undefined;

/** False on systems other than Linux and where /proc is not mounted. */
function hasDescriptorPaths(): boolean {
  descriptorPaths ??= process.platform === 'linux' && existsSync('/proc/self/fd');
  return descriptorPaths;
}

function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new CtxsrcError('E_UNSAFE', `${JSON.stringify(name)} is not the name of a file`);
  }
}
