/** The trees of the conformance vectors: as data, and built on disk. */
import { chmodSync, constants, lchownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { ByteString } from '../../src/fs/byte-string.ts';
import { loadNative } from '../../src/fs/native/native.ts';

export interface VectorEntry {
  readonly path?: string;
  readonly path_b64?: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'fifo' | 'char' | 'block' | 'socket';
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly content?: string;
  readonly linkname?: string;
  readonly xattrs_b64?: Readonly<Record<string, string>>;
  readonly devmajor?: number;
  readonly devminor?: number;
  readonly mtime?: string | number;
}

/** The path of something in a vector, one character a byte. */
export function vectorPath(item: {
  readonly path?: string | undefined;
  readonly path_b64?: string | undefined;
}): ByteString {
  const bytes = item.path_b64 === undefined ? Buffer.from(item.path ?? '') : Buffer.from(item.path_b64, 'base64');
  return bytes.toString('latin1');
}

/** Builds the tree below an existing directory. Sockets stay open until `close` is called. */
export async function buildTree(dir: string, entries: readonly VectorEntry[]): Promise<{ close(): void }> {
  const servers: Server[] = [];
  for (const entry of entries) {
    const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(vectorPath(entry), 'latin1')]);
    if (entry.type === 'socket') servers.push(await listen(path.toString()));
    else create(path, entry, dir);
    if (entry.type !== 'hardlink') finish(path, entry);
  }
  return {
    close() {
      for (const server of servers) server.close();
    },
  };
}

function create(path: Buffer, entry: VectorEntry, dir: string): void {
  const native = loadNative();
  const mode = Number.parseInt(entry.mode, 8) & 0o777;
  const device = entry.type === 'char' ? constants.S_IFCHR : constants.S_IFBLK;
  if (entry.type === 'file') writeFileSync(path, entry.content ?? '');
  else if (entry.type === 'dir') mkdirSync(path, { recursive: true });
  else if (entry.type === 'symlink') symlinkSync(entry.linkname!, path);
  else if (entry.type === 'hardlink') linkSync(`${dir}/${entry.linkname}`, path);
  else if (entry.type === 'fifo') native!.mknod(path, constants.S_IFIFO | mode, 0, 0);
  else native!.mknod(path, device | mode, entry.devmajor ?? 0, entry.devminor ?? 0);
}

/** Owner, then mode (a change of owner drops setuid), then extended attributes. */
function finish(path: Buffer, entry: VectorEntry): void {
  if (process.getuid?.() === 0) lchownSync(path, entry.uid, entry.gid);
  if (entry.type !== 'symlink') chmodSync(path, Number.parseInt(entry.mode, 8));
  for (const [name, value] of Object.entries(entry.xattrs_b64 ?? {})) {
    loadNative()!.setXattr(path, name, Buffer.from(value, 'base64'));
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(path, () => resolve(server));
  });
}
