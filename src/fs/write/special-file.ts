/** Makes devices and fifos, which not every user and file system may have. */
import type { ByteString } from '../byte-string.ts';
import { TYPE_BITS } from '../entry/tree-entry.ts';
import type { NativePath } from '../native/c-values.ts';
import { loadNative } from '../native/native.ts';
import type { LossSink } from './losses.ts';
import { isForbidden } from './metadata.ts';

export type SpecialType = 'char' | 'block' | 'fifo';

/**
 * @param mode permission bits, which the umask cuts
 * @param device `major:minor` of a device
 * @returns false if it is not allowed here, or the native calls are missing
 * @throws other errors of the system
 */
export function makeSpecialFile(path: NativePath, type: SpecialType, mode: number, device = '0:0'): boolean {
  const native = loadNative();
  if (native === undefined) return false;
  const [major = 0, minor = 0] = device.split(':').map(Number);
  try {
    native.mknod(path, TYPE_BITS[type] | mode, major, minor);
    return true;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return false;
  }
}

/** Records that it could not be made. */
export function addSpecialLoss(losses: LossSink, path: ByteString, type: SpecialType, device = ''): void {
  if (type === 'fifo') losses.add('fifo', path, 'fifo');
  else losses.add('device', path, `${type} ${device}`);
}
