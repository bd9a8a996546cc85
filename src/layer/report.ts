/**
 * What was written, as JSON lines in buffers: they cross to another thread without a copy, and take a tenth of the
 * memory that a hundred thousand objects would.
 */
import type { Loss, WriteReport, WrittenEntry } from '../contract/ref.ts';
import { utf8Text } from './byte-names.ts';
import type { DigestTable } from './digest-table.ts';
import { type Directory, type Leaf, leafOf, type Metadata, sortedChildren } from './tree.ts';

/** A report as it crosses between threads. */
export interface PackedReport {
  readonly files: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
  readonly lossCounts: Readonly<Record<string, number>>;
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
}

const CHUNK_CHARACTERS = 256 << 10;

/** Lists the tree below `root`, in the order `WriteReport.entries` has. */
export function packEntries(root: Directory, digests: DigestTable): Pick<PackedReport, 'files' | 'bytes' | 'chunks'> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const encoder = new TextEncoder();
  const firstPaths = new Map<Leaf, string>();
  const linked = linkedLeaves(root);
  let text = '';
  let files = 0;
  let bytes = 0;
  const add = (line: string): void => {
    files += 1;
    text += line;
    if (text.length < CHUNK_CHARACTERS) return;
    chunks.push(encoder.encode(text));
    text = '';
  };
  const walk = (directory: Directory, prefix: string): void => {
    for (const [name, node] of sortedChildren(directory)) {
      const path = prefix + name;
      if (node.kind === 'dir') {
        add(line(path, 'dir', node.meta, 0));
        walk(node, `${path}/`);
        continue;
      }
      const leaf = leafOf(node);
      if (leaf.missing) continue;
      const first = firstPaths.get(leaf);
      if (first !== undefined) {
        add(line(path, 'hardlink', leaf.meta, leaf.size, undefined, first));
        continue;
      }
      if (linked.has(leaf)) firstPaths.set(leaf, path);
      bytes += leaf.size;
      const digest = leaf.digest === -1 ? undefined : digests.hex(leaf.digest);
      add(line(path, leaf.type, leaf.meta, leaf.size, digest, leaf.type === 'file' ? undefined : leaf.target));
    }
  };
  walk(root, '');
  if (text !== '') chunks.push(encoder.encode(text));
  return { files, bytes, chunks };
}

/** Leaves that have, or had, more than one name. */
function linkedLeaves(root: Directory): Set<Leaf> {
  const result = new Set<Leaf>();
  const walk = (directory: Directory): void => {
    for (const node of directory.children.values()) {
      if (node.kind === 'dir') walk(node);
      else if (node.kind === 'link') result.add(node.leaf);
    }
  };
  walk(root);
  return result;
}

function line(
  path: string,
  type: WrittenEntry['type'],
  meta: Metadata,
  size: number,
  digest?: string,
  target?: string,
): string {
  const plain = utf8Text(path);
  let json = `{"path":${JSON.stringify(plain ?? path)}`;
  if (plain === undefined) json += ',"pathBytes":true';
  json += `,"type":"${type}","mode":${meta.mode},"uid":${meta.uid},"gid":${meta.gid},"size":${size},"mtime":"${nanoseconds(meta)}"`;
  if (digest !== undefined) json += `,"digest":"sha256:${digest}"`;
  if (target !== undefined && target !== '') {
    const plainTarget = utf8Text(target);
    json += `,"target":${JSON.stringify(plainTarget ?? target)}`;
    if (plainTarget === undefined) json += ',"targetBytes":true';
  }
  // The attributes of a hard link are those of its first path.
  if (meta.xattrs !== undefined && type !== 'hardlink') {
    const xattrs: Record<string, string> = {};
    for (const [name, value] of meta.xattrs) xattrs[name] = Buffer.from(value, 'latin1').toString('base64');
    json += `,"xattrs":${JSON.stringify(xattrs)}`;
  }
  return `${json}}\n`;
}

function nanoseconds({ mtime, mtimeNs }: Metadata): string {
  if (mtime > 0) return `${mtime}${String(mtimeNs).padStart(9, '0')}`;
  return String(BigInt(mtime) * 1_000_000_000n + BigInt(mtimeNs));
}

/** The report of the contract. */
export function unpackReport(packed: PackedReport): WriteReport {
  const { files, bytes, losses, lossCounts, chunks } = packed;
  return { files, bytes, losses, lossCounts, via: 'unpack', entries: { [Symbol.iterator]: () => entries(chunks) } };
}

function* entries(chunks: readonly Uint8Array[]): Generator<WrittenEntry> {
  for (const chunk of chunks) {
    for (const text of Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString().split('\n')) {
      if (text !== '') yield JSON.parse(text) as WrittenEntry;
    }
  }
}
