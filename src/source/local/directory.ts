/** The directory that a path of the user leads to. */
import { realpathSync, statSync } from 'node:fs';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { ByteString } from '../../fs/byte-string.ts';
import { fileHint } from '../other-tools.ts';

/**
 * The directory without links.
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, `E_PERMISSION`
 */
export function resolveDirectory(path: string): ByteString {
  try {
    const root = realpathSync(path, 'latin1');
    if (statSync(Buffer.from(root, 'latin1')).isDirectory()) return root;
  } catch (error) {
    throw ioError(error, `cannot read the directory ${printable(path)}`);
  }
  throw new CtxsrcError('E_PATH_NOT_FOUND', `${printable(path)} is not a directory`, {
    hint: fileHint(path),
  });
}
