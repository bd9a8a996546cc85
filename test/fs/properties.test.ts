import { describe, test } from 'vitest';
import {
  cacheAgrees,
  copiesAgree,
  digestsAgree,
  hiddenFoldersAgree,
  patternsAgree,
  walkAgrees,
} from '../support/properties.ts';

describe('properties, a short round (test/soak has the long one)', () => {
  test('patterns decide as an oracle does', () => patternsAgree({ numRuns: 2_000 }));
  test('the walk agrees with a filter without shortcuts', () => walkAgrees({ numRuns: 1_000 }));
  test('the digest made on the way is the digest of the list', () => digestsAgree({ numRuns: 500 }));
  test('the stat cache never changes a key', () => cacheAgrees({ numRuns: 30 }));
  test('nor does it where patterns hide a part of a folder', () => hiddenFoldersAgree({ numRuns: 80 }));
  test('a copy has the same key', () => copiesAgree({ numRuns: 20 }));
});
