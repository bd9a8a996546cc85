/** Lists a tree entry by entry, for comparison with what another program made of the same image. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type BigIntStats, chmodSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { needs, which } from './needs.ts';

export interface TreeEntry {
  /** Relative, `/` between components, one character a byte (latin-1); `''` is the root itself. */
  readonly path: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';
  /** Permission bits, octal, with setuid, setgid and sticky. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Of a file: its length. */
  readonly size?: number;
  /** Nanoseconds since the epoch. */
  readonly mtime: string;
  /** Of a file: sha256, hex. */
  readonly sha256?: string;
  /** Of a symlink: its text, one character a byte. */
  readonly target?: string;
  /** Of a device: `major:minor`. */
  readonly device?: string;
  /** The first path (in this order) of the same inode, when it has several. */
  readonly linkOf?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

export interface TreeOptions {
  /** Read extended attributes with getfattr (values in hex); without that program they are left out, which counts as a skip. */
  readonly xattrs?: boolean | undefined;
  /** The root itself is left out unless asked for. */
  readonly root?: boolean | undefined;
  /** Leave out members that two trees may differ in, for instance `mtime` or `uid`. */
  readonly omit?: readonly (keyof TreeEntry)[] | undefined;
}

/** All entries below `dir`: a directory before its content, names in byte order. Follows no link. */
export function listTree(dir: string, options: TreeOptions = {}): TreeEntry[] {
  const xattrs = options.xattrs === true && needs('getfattr') ? readXattrs(dir) : undefined;
  const inodes = new Map<string, string>();
  const entries: TreeEntry[] = [];
  const visit = (full: Buffer, path: string): void => {
    const stat = lstatSync(full, { bigint: true });
    if (path !== '' || options.root === true) {
      const entry: TreeEntry = { ...describe(full, path, stat, inodes), ...xattrsOf(xattrs, path) };
      for (const member of options.omit ?? []) delete (entry as Partial<Record<keyof TreeEntry, unknown>>)[member];
      entries.push(entry);
    }
    if (!stat.isDirectory()) return;
    const names = whenReadable(full, 0o500, () => readdirSync(full, { encoding: 'buffer' })).sort(Buffer.compare);
    const children = (): void => {
      for (const name of names) {
        visit(Buffer.concat([full, Buffer.from('/'), name]), path + (path === '' ? '' : '/') + name.toString('latin1'));
      }
    };
    whenReadable(full, 0o700, children);
  };
  visit(Buffer.from(dir), '');
  return entries;
}

/** The tree as text, a line an entry: what a failed comparison is easiest to read in. */
export function treeText(dir: string, options: TreeOptions = {}): string {
  return listTree(dir, options)
    .map((entry) => JSON.stringify(entry))
    .join('\n');
}

function describe(full: Buffer, path: string, stat: BigIntStats, inodes: Map<string, string>): TreeEntry {
  const type = typeOf(stat);
  const inode = `${stat.dev}:${stat.ino}`;
  const first = inodes.get(inode);
  const linked = type !== 'dir' && stat.nlink > 1n;
  if (linked && first === undefined) inodes.set(inode, path);
  return {
    path,
    type,
    mode: (stat.mode & 0o7777n).toString(8).padStart(4, '0'),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: String(stat.mtimeNs),
    ...(type === 'file' ? { size: Number(stat.size), sha256: sha256File(full) } : {}),
    ...(type === 'symlink' ? { target: readlinkSync(full, { encoding: 'buffer' }).toString('latin1') } : {}),
    ...(type === 'char' || type === 'block' ? { device: deviceText(stat.rdev) } : {}),
    ...(linked && first !== undefined ? { linkOf: first } : {}),
  };
}

function typeOf(stat: BigIntStats): TreeEntry['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'socket';
}

/** Linux packs device numbers as glibc's `makedev` does. */
function deviceText(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/** Reads what its mode hides from its owner, a normal user, by lifting the mode for that moment. */
function whenReadable<T>(full: Buffer, needed: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
  }
  const mode = lstatSync(full).mode & 0o7777;
  chmodSync(full, mode | needed);
  try {
    return read();
  } finally {
    chmodSync(full, mode);
  }
}

function sha256File(full: Buffer): string {
  return createHash('sha256')
    .update(whenReadable(full, 0o400, () => readFileSync(full)))
    .digest('hex');
}

function xattrsOf(all: Map<string, Record<string, string>> | undefined, path: string): Pick<TreeEntry, 'xattrs'> {
  const xattrs = all?.get(path);
  return xattrs === undefined ? {} : { xattrs };
}

/** Extended attributes by path, names sorted. */
function readXattrs(dir: string): Map<string, Record<string, string>> {
  const output = execFileSync(which('getfattr')!, ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: dir,
    encoding: 'latin1',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const all = new Map<string, Record<string, string>>();
  for (const paragraph of output.split('\n\n')) {
    const [head, ...lines] = paragraph.split('\n').filter((line) => line !== '');
    const path = /^# file: (.*)$/.exec(head ?? '')?.[1];
    if (path === undefined) continue;
    const pairs = lines.map((line) => [unquote(line.slice(0, line.indexOf('='))), line.slice(line.indexOf('=') + 1)]);
    all.set(unquote(path).replace(/^\.\/?/, ''), Object.fromEntries(pairs.sort((a, b) => (a[0]! < b[0]! ? -1 : 1))));
  }
  return all;
}

/** getfattr writes bytes outside ASCII, and the backslash, as `\ooo`. */
function unquote(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
