import { describe, expect, it } from 'vitest';
import type { PlatformGraph } from '../../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, caseResolver, graphOfCase } from '../../support/build-case.ts';
import { failure } from '../../support/failure-code.ts';

const asked: string[] = [];

async function graphOf(value: string, lines: readonly string[], more: Partial<BuildCaseInput> = {}) {
  const input: BuildCaseInput = {
    dockerfile: `${lines.join('\n')}\n`,
    buildPlatform: 'linux/amd64',
    buildArgs: { SOURCE_DATE_EPOCH: value },
    ...more,
  };
  const graph = await graphOfCase(input, {
    ...caseResolver(input),
    async sourceTime(identifier) {
      asked.push(identifier);
      return 1_600_000_000;
    },
  });
  return graph.results[0]!;
}

const LINES = ['FROM scratch', 'ARG SOURCE_DATE_EPOCH', 'WORKDIR /w'];

function times({ imageConfig, vertices }: PlatformGraph) {
  const history = imageConfig.history as { created?: string; created_by: string }[];
  const [action] = vertices[0]!.op.actions as { Action: { mkdir: { timestamp: number } } }[];
  return [action?.Action.mkdir.timestamp, ...history.flatMap(({ created, created_by }) => [created, created_by])];
}

describe('SOURCE_DATE_EPOCH', () => {
  it('as a number is the time of what WORKDIR makes, and of the history', async () => {
    const created = '2023-11-14T22:13:20Z';
    expect(times(await graphOf('1700000000', LINES))).toEqual([
      1_700_000_000_000_000_000,
      ...[created, 'ARG SOURCE_DATE_EPOCH=1700000000', created, 'WORKDIR /w'],
    ]);
  });

  it('counts as a default above the first FROM, and not when it is empty', async () => {
    const lines = ['ARG SOURCE_DATE_EPOCH=1', ...LINES];
    expect(times(await graphOf('', lines, { buildArgs: {} }))[1]).toBe('1970-01-01T00:00:01Z');
    expect(times(await graphOf('', LINES))).toEqual([-1, undefined, 'ARG SOURCE_DATE_EPOCH', undefined, 'WORKDIR /w']);
  });

  it('as context has no time here, for a directory has none; the graph says that it counts', async () => {
    const graph = await graphOf('context', LINES);
    expect(times(graph)).toEqual([-1, ...[undefined, 'ARG SOURCE_DATE_EPOCH', undefined, 'WORKDIR /w']]);
    const byDefault = ['ARG WHAT=context', 'ARG SOURCE_DATE_EPOCH=$WHAT', ...LINES];
    const all = [graph, await graphOf('', byDefault, { buildArgs: {} }), await graphOf('1', byDefault)];
    expect(all.map(({ takesContextTime }) => takesContextTime)).toEqual([true, true, false]);
  });

  it.each([
    ['src', { namedContexts: { src: 'https://h/r.git#v1' } }, 'git://h/r.git#v1'],
    ['stage', {}, 'https://h/1.tar'],
  ])('as %s takes the time of that source', async (value, more, identifier) => {
    asked.length = 0;
    const lines = ['ARG v=1', 'FROM scratch AS stage', 'ARG w=$v', 'ADD https://h/${w}.tar /', ...LINES];
    const graph = await graphOf(value, lines, more);
    expect(asked).toEqual([identifier]);
    expect(times(graph).slice(1, 3)).toEqual(['2020-09-13T12:26:40Z', 'ARG SOURCE_DATE_EPOCH=1600000000']);
  });

  it.each([
    ['nothing', LINES, 'neither a number nor the name of a source'],
    ['s', ['FROM scratch AS s', 'COPY a /', ...LINES], 'more than one source'],
    ['s', ['FROM scratch AS s', 'ADD a /', ...LINES], 'more than one source'],
    ['999999999999999', LINES, 'no time of the years 0 to 9999'],
  ])('%s is refused', async (value, lines, why) => {
    const failed = await failure(graphOf(value, lines));
    expect(failed.code).toBe('E_DOCKERFILE');
    expect(failed.message).toContain(why);
  });
});
