import { describe, test } from 'vitest';
import {
  cacheAgrees,
  copiesAgree,
  digestsAgree,
  hiddenFoldersAgree,
  patternsAgree,
  walkAgrees,
} from '../support/properties.ts';

const numRuns = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 10_000);
const seed = Number(process.env.CTXSRC_SOAK_SEED ?? Date.now() % 2 ** 31);
const HOUR = 3_600_000;

describe(`properties of directories, ${numRuns} cases each, CTXSRC_SOAK_SEED=${seed}`, () => {
  console.log(`CTXSRC_SOAK_SEED=${seed} CTXSRC_SOAK_ROUNDS=${numRuns}`);
  test('patterns decide as an oracle does', () => patternsAgree({ numRuns, seed }), HOUR);
  test('the walk agrees with a filter without shortcuts', () => walkAgrees({ numRuns, seed }), HOUR);
  test('the digest made on the way is the digest of the list', () => digestsAgree({ numRuns, seed }), HOUR);
  test('the stat cache never changes a key', () => cacheAgrees({ numRuns, seed }), HOUR);
  test('nor does it where patterns hide a part of a folder', () => hiddenFoldersAgree({ numRuns, seed }), HOUR);
  test('a copy has the same key', () => copiesAgree({ numRuns, seed }), HOUR);
});
