import { describe, expect, it } from 'vitest';
import { compareFacts, compareOptions } from '../../../src/snapshot/diff/facts.ts';

const layer = (digest: string, diffId: string) => ({ digest, diffId, size: 1 });

describe('facts', () => {
  it('that are equal, or follow from the name, are no difference', () => {
    const facts = { identifier: 'x', pinned: 'x@d', digest: 'd', configuration: { a: 1, b: { c: 2, d: 3 } } };
    const other = { identifier: 'y', pinned: 'y@d', digest: 'd', configuration: { b: { d: 3, c: 2 }, a: 1 } };
    expect(compareFacts(facts, other, false)).toEqual([]);
  });

  it('that one side cannot know are no difference', () => {
    expect(compareFacts({ digest: 'd', manifest: 'm' }, { digest: 'd' }, true)).toEqual([]);
    expect(compareFacts({ digest: 'd', manifest: 'm' }, { digest: 'd' }, false)).toEqual([
      { what: 'manifest', from: 'm' },
    ]);
  });

  it('of a configuration are named by their members', () => {
    const a = { configuration: { created: '1', config: { Env: ['A=1'], Cmd: ['x'] } } };
    const b = { configuration: { created: '2', config: { Env: ['A=2'], Cmd: ['x'], User: 'u' } } };
    expect(compareFacts(a, b, false)).toEqual([
      { what: 'configuration', members: ['config.Env', 'config.User', 'created'] },
    ]);
  });

  it('of layers are named by index; the same files packed otherwise are told apart', () => {
    const a = { layers: [layer('1', 'a'), layer('2', 'b'), layer('3', 'c'), layer('4', 'd')] };
    const b = { layers: [layer('1', 'a'), layer('2z', 'b'), layer('3x', 'x')] };
    expect(compareFacts(a, b, false)).toEqual([
      { what: 'layer', index: 1, from: layer('2', 'b'), to: layer('2z', 'b'), sameContent: true },
      { what: 'layer', index: 2, from: layer('3', 'c'), to: layer('3x', 'x') },
      { what: 'layer', index: 3, from: layer('4', 'd') },
    ]);
  });
});

it('options are named, sorted', () => {
  expect(compareOptions({ platform: 'a', x: ['1'] }, { platform: 'b', exclude: ['y'], x: ['1'] })).toEqual([
    { what: 'option', name: 'exclude', to: ['y'] },
    { what: 'option', name: 'platform', from: 'a', to: 'b' },
  ]);
});
