/** The sha256 of each file's content, 32 bytes each in large buffers: a hundred thousand files take three megabytes. */

const DIGEST_BYTES = 32;
const PER_CHUNK = 8192;

export class DigestTable {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** @returns the index for a digest, which has to be set before it is read */
  reserve(): number {
    if (this.#length % PER_CHUNK === 0) this.#chunks.push(Buffer.allocUnsafeSlow(PER_CHUNK * DIGEST_BYTES));
    this.#length += 1;
    return this.#length - 1;
  }

  /** @param digest 32 bytes as latin-1 */
  set(index: number, digest: string): void {
    const start = (index % PER_CHUNK) * DIGEST_BYTES;
    this.#chunks[Math.floor(index / PER_CHUNK)]!.write(digest, start, DIGEST_BYTES, 'latin1');
  }

  /** As `set`, from the 32 bytes at an offset of `source`. */
  copy(index: number, source: Buffer, at: number): void {
    const start = (index % PER_CHUNK) * DIGEST_BYTES;
    source.copy(this.#chunks[Math.floor(index / PER_CHUNK)]!, start, at, at + DIGEST_BYTES);
  }

  hex(index: number): string {
    const start = (index % PER_CHUNK) * DIGEST_BYTES;
    return this.#chunks[Math.floor(index / PER_CHUNK)]!.toString('hex', start, start + DIGEST_BYTES);
  }
}
