/** The vectors of BuildKit's front end notice a mistake in each rule of reading, expansion, graph and lint. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as right from '../support/dockerfile-answer.ts';
import { dockerfileCases } from '../support/dockerfile-cases.ts';
import { DOCKERFILE_MUTATIONS } from '../support/dockerfile-mutations/list.ts';
import { type Mutants, mutantsOf } from '../support/mutants.ts';

const cases = dockerfileCases();
let mutants: Mutants<typeof right>;

beforeAll(async () => {
  mutants = await mutantsOf('test/support/dockerfile-answer.ts');
});

afterAll(() => mutants.stop());

it.each(DOCKERFILE_MUTATIONS)('$vector notices that $what', async ({ what: _, vector, ...mutation }) => {
  const input = cases.get(vector)!;
  const { answerTo } = await mutants.make(mutation);
  expect(await answerTo(input)).not.toBe(await right.answerTo(input));
});
