const PACKED = ['BZh', '\x1f\x8b\x08', '\xfd7zXZ\0'];

/** True for the first 512 bytes of a tar, plain or packed with bzip2, gzip or xz: what buildx takes for a context. */
export function isArchive(beginning: Uint8Array): boolean {
  const text = Buffer.from(beginning.subarray(0, 512)).toString('latin1');
  return PACKED.some((magic) => text.startsWith(magic)) || text.slice(257, 262) === 'ustar';
}
