/** What is said of stores and layers, against what is there. */
import { expect, it } from 'vitest';
import { expectListsToBeTrees } from '../image/entries/random-stacks.ts';
import { expectStoresAddUp } from '../store/gc/random-stores.ts';

const ROUNDS = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 200);

it(`the figures of ${ROUNDS} random stores add up to the disk's`, async () => {
  await expectStoresAddUp(ROUNDS);
  expect.hasAssertions();
});

it(`ls -R of ${ROUNDS} random stacks of layers is the tree that is unpacked`, async () => {
  await expectListsToBeTrees(ROUNDS);
  expect.hasAssertions();
});
