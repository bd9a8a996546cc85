import { digestHex, sha256 } from './digest.ts';

/**
 * The digest that BuildKit's solver derives from a key, under which a result is found in its cache (buildkit-semantics
 * 2). Keys of a session are worth nothing outside it, which the solver marks by the algorithm `random`.
 */
export function solverDigest(key: string): string {
  const digest = sha256(`buildkit.source.v0:${key}`);
  return key.startsWith('session:') ? `random:${digestHex(digest)}` : digest;
}
