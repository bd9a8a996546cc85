import { digestHex, sha256 } from './digest.ts';

/**
 * The digest that BuildKit's solver derives from a key (its package `solver/llbsolver/ops`), under which a result is found
 * in its cache. Keys of a session are worth nothing outside it, which the solver marks by the algorithm `random`.
 */
export function solverDigest(key: string): string {
  const digest = sha256(`buildkit.source.v0:${key}`);
  return key.startsWith('session:') ? `random:${digestHex(digest)}` : digest;
}
