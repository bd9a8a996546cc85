/** Compares the extended attributes of an entry with those that its sidecar has. */
import type { Xattrs } from '../../contract/entry.ts';
import type { Native } from '../../fs/native/native.ts';

/** Attributes that the system or an administrator adds to any file; they are not content. */
const FOREIGN_XATTRS = /^(?:system\.|security\.(?:selinux|ima|evm|apparmor|smack)|com\.apple\.)/i;

/** Differences, for people, and whether an attribute could not be read. */
interface XattrComparison {
  readonly differences: readonly string[];
  readonly incomplete: boolean;
}

/** @throws errors of the system */
export function compareXattrs(
  native: Native | undefined,
  path: string | Buffer,
  was: Xattrs = new Map(),
): XattrComparison {
  if (native === undefined) return { differences: [], incomplete: was.size > 0 };
  const names = native.listXattrs(path).filter((name) => !FOREIGN_XATTRS.test(name));
  const differences = names.filter((name) => !was.has(name)).map((name) => `${name} was not there`);
  let incomplete = false;
  for (const [name, value] of was) {
    const is = native.getXattr(path, name);
    if (is === undefined && name.startsWith('trusted.') && process.getuid?.() !== 0) incomplete = true;
    else if (is === undefined) differences.push(`${name} is gone`);
    else if (is.toString('latin1') !== value) differences.push(`${name} has another value`);
  }
  return { differences, incomplete };
}
