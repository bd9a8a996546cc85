/** The sha256 of each file's content, 32 bytes each in large buffers: a hundred thousand files take three megabytes. */

const DIGEST_BYTES = 32;
const PER_CHUNK = 8192;

export class DigestTable {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** @returns the place to ask for the digest by */
  add(digest: Uint8Array): number {
    const place = this.#length % PER_CHUNK;
    if (place === 0) this.#chunks.push(Buffer.allocUnsafeSlow(PER_CHUNK * DIGEST_BYTES));
    this.#chunks.at(-1)!.set(digest, place * DIGEST_BYTES);
    this.#length += 1;
    return this.#length - 1;
  }

  hex(index: number): string {
    const start = (index % PER_CHUNK) * DIGEST_BYTES;
    return this.#chunks[Math.floor(index / PER_CHUNK)]!.toString('hex', start, start + DIGEST_BYTES);
  }
}
