import { describe, expect, it } from 'vitest';
import type { ImageRequest, PlatformGraph } from '../../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, caseResolver, graphOfCase } from '../../support/build-case.ts';
import { buildImages } from '../../support/build-images.ts';
import { failure } from '../../support/failure-code.ts';

const TRIGGERS = 'docker.io/library/triggers:1';
const X = 'docker.io/library/x:latest';
const DEEP = 'docker.io/library/deep:1';

async function graphOf(lines: readonly string[], more: Partial<BuildCaseInput>): Promise<PlatformGraph> {
  const graph = await graphOfCase({ dockerfile: `${lines.join('\n')}\n`, buildPlatform: 'linux/amd64', ...more });
  return graph.results[0]!;
}

describe('triggers', () => {
  const images = buildImages({ [TRIGGERS]: { OnBuild: ['COPY . /w', 'COPY --from=x /o /'] }, [X]: {}, [DEEP]: {} });

  it("of a base image make the context and its images inputs, placed under the base's FROM (G10)", async () => {
    const graph = await graphOf(['FROM triggers:1', 'RUN own'], { images });
    expect(graph.context).toEqual({});
    expect(graph.requests.map(({ ref }) => ref)).toEqual([TRIGGERS, X]);
    const trigger = { line: 1, lines: { first: 1, last: 1 }, instruction: 'COPY', onbuildOf: 'triggers:1' };
    expect(graph.requests[1]?.places).toEqual([trigger]);
    expect(graph.vertices.map(({ kind, places }) => [kind, places.map(({ instruction }) => instruction)])).toEqual([
      ['source', ['FROM']],
      ['source', ['COPY']],
      ['file', ['COPY']],
      ['source', ['COPY']],
      ['file', ['COPY']],
      ['exec', ['RUN']],
    ]);
    expect(graph.imageConfig).not.toHaveProperty('config.OnBuild');
  });

  it('of a stage run in the stages upon it, once, and are not in the image of those (G10)', async () => {
    const lines = ['FROM x AS o', 'ONBUILD COPY a /', 'FROM o AS p', 'FROM p'];
    const graph = await graphOf(lines, { images });
    expect(graph.context).toEqual({ followPaths: ['a'] });
    expect(graph.vertices.filter(({ kind }) => kind === 'file')).toHaveLength(1);
    const own = await graphOf(lines, { images, target: 'o' });
    expect(own.context).toBeUndefined();
    expect(own.imageConfig).toMatchObject({ config: { OnBuild: ['COPY a /'] } });
  });

  it('that name more bases are followed in rounds, and a round asks for all of its images at once', async () => {
    const rounds: string[][] = [];
    const input: BuildCaseInput = {
      dockerfile: 'FROM deep:1 AS unused\nONBUILD COPY --from=x / /\nFROM triggers:1\nCOPY --from=deep:1 /a /\n',
      buildPlatform: 'linux/amd64',
      images: buildImages({
        [TRIGGERS]: { OnBuild: ['RUN --mount=from=x,target=/x one', 'COPY --from=deep:1 / /'] },
        [X]: {},
        [DEEP]: {},
      }),
    };
    const resolver = caseResolver(input);
    let round: string[] | undefined;
    await graphOfCase(input, {
      ...resolver,
      async image(request: ImageRequest) {
        if (round === undefined) {
          round = [];
          rounds.push(round);
        }
        round.push(request.ref);
        await new Promise((resolve) => setImmediate(resolve));
        round = undefined;
        return resolver.image(request);
      },
    });
    expect(rounds).toEqual([[TRIGGERS, DEEP], [X]]);
  });

  it('that cannot be read are told with the FROM that makes them run', async () => {
    const bad = buildImages({ [TRIGGERS]: { OnBuild: ['COPPY a /'] } });
    const failed = await failure(graphOf(['FROM scratch AS s', 'FROM triggers:1'], { images: bad }));
    expect(failed).toMatchObject({ code: 'E_DOCKERFILE', details: { line: 2 } });
    expect(failed.message).toMatch(/^Dockerfile:2: .*COPPY/);
    const expanding = buildImages({ [TRIGGERS]: { OnBuild: ['COPY ${V:?give_V} /'] } });
    const missing = await failure(graphOf(['FROM triggers:1'], { images: expanding }));
    expect(missing.message).toMatch(/^Dockerfile:1: ONBUILD COPY of triggers:1: .*give_V/);
  });

  it('that lead to themselves come to an end', async () => {
    const endless = buildImages({ [TRIGGERS]: { OnBuild: ['COPY --from=triggers:1 / /'] } });
    const failed = await failure(graphOf(['FROM triggers:1'], { images: endless }));
    expect(failed.code).toBe('E_DOCKERFILE');
    expect(failed.message).toBe(
      'Dockerfile:1: ONBUILD COPY of triggers:1: the triggers of triggers:1 lead to others without end',
    );
  });
});
