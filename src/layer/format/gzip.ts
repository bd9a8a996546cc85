/**
 * The compression of a layer in format 1: pieces of 1 MiB, each a gzip member of its own, so that one does not depend on
 * the other. The encoder is a part of the format: `node:zlib` gives other bytes with another build of Node.
 */
import { gzipSync } from 'fflate';

/** Bytes of the archive in one member; only the last one has fewer. */
export const PIECE = 1 << 20;

/** `mem` would else come from a logarithm, which engines may round as they like. The time 0 is no time. */
const OPTIONS = { level: 6, mem: 8, mtime: 0 } as const;

/** One gzip member: its header is 1f 8b 08 00, no time, no flags, system 3, and no name. */
export function gzipMember(piece: Uint8Array): Uint8Array {
  return gzipSync(piece, OPTIONS);
}
