/**
 * Content digests as the image-spec defines them (`algorithm:hex`, section "Digests" of descriptor.md): sha256, sha384
 * and sha512, lower-case hex. A digest is always of the bytes received, never of re-serialised data.
 */
import { createHash, type Hash } from 'node:crypto';
import { CtxsrcError } from './errors.ts';
import { smallSha256 } from './small-sha256.ts';

/** `sha256:HEX`, or the same of sha384 or sha512. */
export type Digest = `${string}:${string}`;

/**
 * Up to this size (bytes), which most manifests and configurations have, loading `node:crypto` takes longer than
 * hashing in JavaScript.
 */
const SMALL = 8 * 1024;

const HEX_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** What is wrong with a digest text, in BuildKit's words; undefined when nothing is. */
export function digestProblem(text: string): string | undefined {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1 || !/^[A-Za-z0-9_+.-]+$/.test(text.slice(0, colon))) {
    return 'invalid checksum digest format';
  }
  const length = HEX_LENGTH[text.slice(0, colon)];
  if (length === undefined) {
    return /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/.test(text)
      ? 'unsupported digest algorithm'
      : 'invalid checksum digest format';
  }
  const hex = text.slice(colon + 1);
  if (hex.length !== length) return 'invalid checksum digest length';
  return /^[a-f0-9]+$/.test(hex) ? undefined : 'invalid checksum digest format';
}

/**
 * True when the text is a digest this program can verify.
 * @param text for instance `sha256:…`
 */
export function isDigest(text: string): text is Digest {
  return digestProblem(text) === undefined;
}

/**
 * The text as a digest.
 * @param text for instance `sha256:…`
 * @throws CtxsrcError `E_DIGEST_INVALID`, which says what is wrong with it
 */
export function parseDigest(text: string): Digest {
  const problem = digestProblem(text);
  if (problem !== undefined) {
    throw new CtxsrcError('E_DIGEST_INVALID', `${problem}: ${JSON.stringify(text)}`, {
      hint: 'a digest is sha256: followed by 64 lower-case hexadecimal characters',
    });
  }
  return text as Digest;
}

export function digestAlgorithm(digest: Digest): string {
  return digest.slice(0, digest.indexOf(':'));
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** From this number of bytes in all, as of a build with thousands of steps, `node:crypto` is the faster one after all. */
const MUCH = 64 * 1024;

/** Bytes that were hashed in JavaScript. */
let hashed = 0;

/** `sha256:` of the bytes (text is hashed as UTF-8). */
export function sha256(data: string | Uint8Array): Digest {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  if (bytes.length <= SMALL && hashed <= MUCH) {
    hashed += bytes.length;
    return `sha256:${smallSha256(bytes)}`;
  }
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A running hash for the algorithm of the given digest. */
export function hasherFor(digest: Digest): Hash {
  return createHash(digestAlgorithm(digest));
}

/** Digest of the bytes with the algorithm of `like`. */
export function digestLike(like: Digest, data: Uint8Array): Digest {
  if (digestAlgorithm(like) === 'sha256') return sha256(data);
  return `${digestAlgorithm(like)}:${hasherFor(like).update(data).digest('hex')}`;
}

/** The first twelve characters of the hex part, for people. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}
