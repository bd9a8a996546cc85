import { describe, expect, it } from 'vitest';
import { chainId, chainIds } from '../../src/core/chain-id.ts';
import { sha256 } from '../../src/core/digest.ts';
import { solverDigest } from '../../src/core/solver-digest.ts';

describe('chainIds', () => {
  it('folds the diff IDs, the first being its own chain ID', () => {
    expect(chainIds([])).toEqual([]);
    expect(chainId([])).toBeUndefined();
    expect(chainId(['a'])).toBe('a');
    expect(chainIds(['a', 'b', 'c'])).toEqual(['a', sha256('a b'), sha256(`${sha256('a b')} c`)]);
  });
});

describe('solverDigest', () => {
  it('prefixes the key, and marks keys of a session', () => {
    expect(solverDigest('sha256:abc')).toBe(sha256('buildkit.source.v0:sha256:abc'));
    const session = solverDigest('session:context:sha256:abc');
    expect(session).toBe(sha256('buildkit.source.v0:session:context:sha256:abc').replace('sha256:', 'random:'));
  });
});
