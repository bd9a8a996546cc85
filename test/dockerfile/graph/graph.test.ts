import { describe, expect, it } from 'vitest';
import type { BuildGraph, ImageRequest, PlatformGraph, Vertex } from '../../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, caseResolver, graphOfCase } from '../../support/build-case.ts';
import { buildImages } from '../../support/build-images.ts';
import { failure } from '../../support/failure-code.ts';

const ALPINE = 'docker.io/library/alpine:3.20';
const BASE = 'docker.io/library/base:1';
const TOOL = 'docker.io/library/tool:2';
const images = buildImages({ [ALPINE]: {}, [BASE]: {}, [TOOL]: {}, 'docker.io/library/alpine:3.19': {} });

function input(lines: readonly string[], more: Partial<BuildCaseInput> = {}): BuildCaseInput {
  return { dockerfile: `${lines.join('\n')}\n`, buildPlatform: 'linux/amd64', images, ...more };
}

async function graphOf(lines: readonly string[], more: Partial<BuildCaseInput> = {}): Promise<PlatformGraph> {
  const { results } = await graphOfCase(input(lines, more));
  return results[0]!;
}

function requested({ requests }: PlatformGraph) {
  return requests.map(({ ref, places, used }) => ({
    ref,
    used,
    at: places.map(({ line, instruction }) => `${line} ${instruction}`),
  }));
}

function exec({ vertices }: PlatformGraph): Vertex['op'][] {
  return vertices.filter(({ kind }) => kind === 'exec').map(({ op }) => op);
}

function environments(graph: PlatformGraph): (readonly string[])[] {
  return exec(graph).map(({ meta }) => (meta as { env: readonly string[] }).env.slice(1));
}

describe('arguments', () => {
  it('expands the base before it reads it as a reference, with the default or the argument (R1)', async () => {
    const lines = ['ARG A=x \\', '  tag', 'FROM alpine:${tag:-3.20}'];
    expect(requested(await graphOf(lines))).toEqual([{ ref: ALPINE, used: true, at: ['3 FROM'] }]);
    const other = await graphOf(lines, { buildArgs: { tag: '3.19' } });
    expect(requested(other)).toEqual([{ ref: 'docker.io/library/alpine:3.19', used: true, at: ['3 FROM'] }]);
  });

  it('puts a declared argument into every later RUN, used or not, and into nothing else (A1)', async () => {
    const lines = ['FROM alpine:3.20', 'RUN one', 'ARG X', 'COPY a /', 'RUN two'];
    expect(environments(await graphOf(lines, { buildArgs: { X: '1' } }))).toEqual([[], ['X=1']]);
    expect(environments(await graphOf(lines))).toEqual([[], []]);
    const without = await graphOf(['FROM alpine:3.20', 'RUN two'], { buildArgs: { X: '1' } });
    expect(environments(without)).toEqual([[]]);
  });

  it('puts an argument into the configuration by way of ENV (A1)', async () => {
    const graph = await graphOf(['FROM alpine:3.20', 'ARG N', 'ENV N=$N'], { buildArgs: { N: '7' } });
    expect((graph.imageConfig.config as { Env: string[] }).Env).toContain('N=7');
  });

  it('orders the environment of RUN by when a name was last set, the variables of the image last in a new stage', async () => {
    const lines = ['FROM alpine:3.20 AS a', 'ENV E=1', 'ARG X=2', 'ENV F=3', 'ENV E=1', 'RUN a', 'FROM a', 'RUN b'];
    expect(environments(await graphOf(lines))).toEqual([
      ['X=2', 'F=3', 'E=1'],
      ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'E=1', 'F=3'],
    ]);
  });

  it('names the argument that a reference lacks, and the flag that gives it (A2)', async () => {
    const failed = await failure(graphOf(['ARG R=docker.io/library', 'ARG T', 'FROM $R/alpine:$T']));
    expect(failed).toMatchObject({ code: 'E_DOCKERFILE', details: { line: 3 } });
    expect(failed.message).toMatch(/^Dockerfile:3: FROM: .*its tag is empty/);
    expect(failed.hint).toBe('ARG T has no value: give --build-arg T=VALUE, or write a default, ARG T=VALUE');
  });

  it('says that an argument between stages belongs above the first FROM (A3)', async () => {
    const lines = ['FROM scratch AS a', 'ARG U', 'FROM $U'];
    const failed = await failure(graphOf(lines, { buildArgs: { U: 'alpine' } }));
    expect(failed.message).toBe('Dockerfile:3: FROM: the base $U is empty');
    expect(failed.hint).toBe('an ARG between stages belongs to the stage above it: move ARG U above the first FROM');
  });

  it('names what is missing from --platform', async () => {
    const failed = await failure(graphOf(['ARG P', 'FROM --platform=$P alpine:3.20']));
    expect(failed.message).toBe('Dockerfile:2: FROM: --platform=$P is empty');
    expect(failed.hint).toContain('--build-arg P=VALUE');
  });

  it('keeps proxies beside the environment', async () => {
    const graph = await graphOf(['FROM alpine:3.20', 'RUN a'], {
      buildArgs: { http_proxy: 'http://p', No_Proxy: 'x' },
    });
    expect(exec(graph)[0]?.meta).toMatchObject({ proxy_env: { http_proxy: 'http://p', no_proxy: 'x' } });
    expect(environments(graph)).toEqual([[]]);
  });
});

describe('stages', () => {
  it('asks for one image, or none, where stages build on stages (G1)', async () => {
    const pinned = `alpine@sha256:${'1'.repeat(64)}`;
    const lines = [`FROM ${pinned} AS b`, 'FROM b AS c', 'FROM scratch'];
    const more = { images: buildImages({ [`docker.io/library/${pinned}`]: {} }) };
    expect((await graphOf(lines, more)).requests).toEqual([]);
    const middle = await graphOf(lines, { ...more, target: 'C' });
    expect(middle.requests.map(({ ref }) => ref)).toEqual([`docker.io/library/${pinned}`]);
  });

  it('asks for every image of COPY --from and of mounts, with its place (G4)', async () => {
    const lines = [
      'FROM alpine:3.20',
      'COPY --link --from=base:1 /a /',
      'RUN --mount=type=cache,target=/c --mount=from=tool:2,target=/t x',
    ];
    expect(requested(await graphOf(lines))).toEqual([
      { ref: ALPINE, used: true, at: ['1 FROM'] },
      { ref: BASE, used: true, at: ['2 COPY'] },
      { ref: TOOL, used: true, at: ['3 RUN'] },
    ]);
  });

  it('needs a stage that is only copied from, and its images (G2)', async () => {
    const graph = await graphOf(['FROM base:1 AS b', 'FROM alpine:3.20', 'COPY --from=b /o /']);
    expect(graph.requests.map(({ ref }) => ref)).toEqual([BASE, ALPINE]);
    expect(graph.reachable).toEqual([0, 1]);
  });

  it('leaves alone what the chosen stage does not reach (G9)', async () => {
    const lines = [
      'ARG S',
      'FROM alpine:3.20 AS p-a',
      'COPY a/ /',
      'FROM alpine:3.20 AS p-b',
      'COPY ${no:?} b/ /',
      'FROM p-$S',
    ];
    const graph = await graphOf(lines, { buildArgs: { S: 'a' } });
    expect(graph.context).toEqual({ followPaths: ['a'] });
    expect(graph.reachable).toEqual([0, 2]);
  });

  it('tells a stage that is used above itself, and a circle', async () => {
    const late = await failure(graphOf(['FROM alpine:3.20 AS a', 'COPY --from=b / /', 'FROM base:1 AS b', 'FROM a']));
    expect(late.message).toBe('Dockerfile:2: COPY: the stage b stands below a, which copies from it');
    const circle = await failure(
      graphOf(['FROM alpine:3.20 AS a', 'COPY --from=b / /', 'FROM base:1 AS b', 'RUN --mount=from=a,target=/a x']),
    );
    expect(circle.message).toBe('Dockerfile:2: COPY: stages take files from each other in a circle: a, b, a');
  });

  it('takes the name of a base as it is written, and that of a copy in any case', async () => {
    const steps = ['FROM alpine:3.20 AS Tools', 'FROM scratch', 'COPY --from=TOOLS / /'];
    expect((await graphOf(steps)).reachable).toEqual([0, 1]);
    expect(await failure(graphOf(['FROM alpine:3.20 AS Tools', 'FROM TOOLS']))).toMatchObject({
      message: expect.stringMatching(/^Dockerfile:2: FROM: /),
    });
  });

  it('names the stages there are when the target is none', async () => {
    const failed = await failure(graphOf(['FROM alpine:3.20 AS one', 'FROM one AS two'], { target: 'three' }));
    expect(failed).toMatchObject({ code: 'E_DOCKERFILE', hint: 'its stages are one, two' });
  });

  it('does a chain of steps that is longer than a stack is deep', async () => {
    const steps = Array.from({ length: 12_000 }, (_, i) => `WORKDIR /${i}`);
    expect((await graphOf(['FROM scratch', ...steps])).vertices).toHaveLength(12_000);
  });

  it('refuses a working directory that Linux cannot make, before many of them take minutes', async () => {
    const nested = (count: number) => graphOf(['FROM scratch', ...Array.from({ length: count }, () => 'WORKDIR 1234')]);
    expect((await nested(819)).vertices).toHaveLength(819);
    expect(await failure(nested(20_000))).toMatchObject({
      code: 'E_DOCKERFILE',
      message: expect.stringMatching(/:821: WORKDIR: .* longer than 4095 bytes$/),
    });
  });

  it('refuses variables that many RUN see, before they fill the memory', async () => {
    const variables = Array.from({ length: 8000 }, (_, index) => `V${index}=1`).join(' ');
    const lines = ['FROM scratch', `ENV ${variables}`];
    expect((await graphOf([...lines, ...Array(500).fill('RUN x')])).vertices).toHaveLength(500);
    const failed = await failure(graphOf([...lines, ...Array(700).fill('RUN x')]));
    expect(failed).toMatchObject({ code: 'E_DOCKERFILE', details: { line: 517 } });
    expect(failed.message).toContain('more than 5000000 variables');
  });

  const many = (count: number, line: (index: number) => string) => Array.from({ length: count }, (_, at) => line(at));
  const long = 'v'.repeat(30_000);
  it.each<[what: string, lines: string[]]>([
    ['arguments without a value', [...many(8000, (at) => `ARG V${at}`), ...many(700, () => 'RUN x')]],
    ['ports', many(8, () => 'EXPOSE 1-65535')],
    ['long values in commands', [`ENV V=${long}`, ...many(6000, () => 'RUN x')]],
    ['long values in labels', [`ARG V=${long}`, ...many(12_000, () => 'LABEL a=$V')]],
    ['long values in documents', [`ARG V=${long}`, ...many(12_000, () => 'COPY <<E /\n$V\nE')]],
  ])('refuses many %s, before they fill the memory', async (_, lines) => {
    expect((await failure(graphOf(['FROM scratch', ...lines]))).message).toContain('more than 5000000 variables');
  });
});

describe('images', () => {
  it('are asked for side by side, each with its platform once', async () => {
    const lines = [
      'FROM alpine:3.20 AS a',
      'FROM base:1',
      'COPY --from=a / /',
      'COPY --from=tool:2 / /',
      'COPY --from=tool:2 /b /',
    ];
    const told: ImageRequest[] = [];
    const resolver = caseResolver(input(lines));
    const waiting: (() => void)[] = [];
    const graph = graphOfCase(input(lines), {
      ...resolver,
      async image(request) {
        told.push(request);
        // Nobody is answered before all have asked.
        await new Promise<void>((answer) => {
          waiting.push(answer);
          if (waiting.length === 3) for (const each of waiting) each();
        });
        return resolver.image(request);
      },
    });
    expect((await graph).results[0]?.requests).toHaveLength(3);
    expect(told.map(({ ref }) => ref)).toEqual([ALPINE, BASE, TOOL]);
  });

  it('tells the first failure in the Dockerfile, with its line, and not the quickest', async () => {
    const lines = ['FROM alpine:3.20 AS a', 'FROM base:1', 'COPY --from=a / /'];
    const resolver = caseResolver(input(lines));
    const failing = graphOfCase(input(lines), {
      ...resolver,
      async image({ ref }) {
        if (ref === ALPINE) await new Promise((resolve) => setTimeout(resolve, 20));
        throw new Error(`no ${ref}`);
      },
    });
    await expect(failing).rejects.toThrow(`no ${ALPINE}`);
  });

  it('are told once for all platforms that agree', async () => {
    const lines = ['FROM --platform=$BUILDPLATFORM base:1 AS b', 'FROM alpine:3.20', 'COPY --from=b / /'];
    const resolver = caseResolver(input(lines));
    const platforms = { ...input(lines), targetPlatform: 'linux/amd64,linux/arm64' };
    const graph: BuildGraph = await graphOfCase(platforms, resolver);
    expect(graph.results.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    expect(resolver.asked.map(({ ref, platform }) => `${ref} ${platform}`).sort()).toEqual([
      `${ALPINE} linux/amd64`,
      `${ALPINE} linux/arm64`,
      `${BASE} linux/amd64`,
    ]);
  });

  it('of the build platform differ with the machine, those of the target with --platform (I5, I6)', async () => {
    const lines = ['FROM --platform=$BUILDPLATFORM base:1', 'ARG TARGETARCH', 'RUN make'];
    const onArm = await graphOf(lines, { buildPlatform: 'linux/arm64', targetPlatform: 'linux/amd64' });
    expect(onArm.requests[0]?.platform).toBe('linux/arm64');
    expect(environments(onArm)).toEqual([['TARGETARCH=amd64']]);
    expect(onArm.imageConfig).toMatchObject({ architecture: 'amd64' });
    expect(onArm.vertices[1]?.platform).toBe('linux/arm64');
    const asked = await graphOf(['FROM alpine:3.20'], { targetPlatform: 'linux/arm/v7' });
    expect(asked.imageConfig).toMatchObject({ architecture: 'arm', variant: 'v7' });
    const unasked = await graphOf(['FROM alpine:3.20'], { buildPlatform: 'linux/arm64' });
    expect(unasked.imageConfig).toMatchObject({ architecture: 'amd64' });
  });
});
