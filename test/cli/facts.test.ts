/** Facts of `inspect` as text. */
import { expect, it } from 'vitest';
import { renderFacts } from '../../src/cli/facts.ts';

it('lines values up behind their names', () => {
  expect(renderFacts({ a: 1, longer: 'x', none: undefined, list: [{ b: 2 }] })).toBe(
    'a       1\nlonger  x\nlist\n  b 2\n',
  );
});

it('shows as many annotations as an image can have, however long the names are', () => {
  const annotations = Object.fromEntries(Array.from({ length: 300_000 }, (_, index) => [`k${index}`, index]));
  const text = renderFacts({ annotations: { ...annotations, ['x'.repeat(1_000_000)]: 1 } });
  expect(text.split('\n')).toHaveLength(300_003);
  expect(text.length).toBeLessThan(20_000_000);
});
