/**
 * The written entries as rows of JSON in buffers: these are moved to another thread without a copy, take a tenth of the
 * memory of a hundred thousand objects, and are the rows of a sidecar.
 */

import type { Loss, WriteReport } from '../../contract/ref.ts';
import { entriesOfRows, jsonOfBytes, ROW_SEPARATOR, rowText } from '../../fs/entry/json-rows.ts';
import type { DigestTable } from './digest-table.ts';
import { type Directory, type Leaf, leafOf, sortedChildren } from './tree.ts';

/** A report in the form that crosses threads. */
export interface PackedReport {
  readonly files: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
  readonly lossCounts: Readonly<Record<string, number>>;
  /** Whole rows, separated by a comma and a newline. */
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
}

const CHUNK_SIZE = 256 << 10;

/** Collects rows in buffers. */
class RowWriter {
  readonly chunks: Uint8Array<ArrayBuffer>[] = [];
  #buffer = Buffer.from(new ArrayBuffer(CHUNK_SIZE));
  #fill = 0;

  /** @param row without the separator; mostly ASCII */
  add(row: string): void {
    // At most three bytes per character.
    if (this.#fill > 0 && this.#fill + 3 * row.length + ROW_SEPARATOR.length > this.#buffer.length) this.finish();
    if (3 * row.length > this.#buffer.length) {
      this.chunks.push(new TextEncoder().encode(row));
      return;
    }
    const text = this.#fill === 0 ? row : ROW_SEPARATOR + row;
    this.#fill += this.#buffer.write(text, this.#fill);
  }

  finish(): void {
    if (this.#fill === 0) return;
    this.chunks.push(new Uint8Array(this.#buffer.buffer, 0, this.#fill));
    this.#buffer = Buffer.from(new ArrayBuffer(CHUNK_SIZE));
    this.#fill = 0;
  }
}

/** Lists the tree below `root`, in the order of `WriteReport.entries`. */
export function packEntries(root: Directory, digests: DigestTable): Pick<PackedReport, 'files' | 'bytes' | 'chunks'> {
  const rows = new RowWriter();
  const firstPaths = new Map<Leaf, string>();
  const linked = linkedLeaves(root);
  let files = 0;
  let bytes = 0;
  const add = (text: string): void => {
    files += 1;
    rows.add(text);
  };
  const walk = (directory: Directory, prefix: string): void => {
    for (const [name, node] of sortedChildren(directory)) {
      const path = prefix + name;
      if (node.kind === 'dir') {
        add(rowText(path, 'dir', node.meta, 0, 'null'));
        walk(node, `${path}/`);
        continue;
      }
      const leaf = leafOf(node);
      if (leaf.missing) continue;
      const first = linked.has(leaf) ? firstPaths.get(leaf) : undefined;
      if (first !== undefined) {
        add(rowText(path, 'hardlink', leaf.meta, leaf.size, jsonOfBytes(first)));
        continue;
      }
      if (linked.has(leaf)) firstPaths.set(leaf, path);
      bytes += leaf.size;
      const last =
        leaf.digest !== -1
          ? `"sha256:${digests.hex(leaf.digest)}"`
          : leaf.target === ''
            ? 'null'
            : jsonOfBytes(leaf.target);
      add(rowText(path, leaf.type, leaf.meta, leaf.size, last));
    }
  };
  walk(root, '');
  rows.finish();
  return { files, bytes, chunks: rows.chunks };
}

/** Leaves that have, or had, several names. */
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

/** The report in the contract's form. */
export function unpackReport(packed: PackedReport): WriteReport {
  const { files, bytes, losses, lossCounts, chunks } = packed;
  return { files, bytes, losses, lossCounts, via: 'unpack', entries: entriesOfRows(chunks) };
}
