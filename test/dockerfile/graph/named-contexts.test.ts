import { describe, expect, it } from 'vitest';
import type { PlatformGraph } from '../../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, graphOfCase } from '../../support/build-case.ts';
import { buildImages } from '../../support/build-images.ts';
import { failure } from '../../support/failure-code.ts';

const images = buildImages({
  'docker.io/library/alpine:3.20': { Env: ['PATH=/bin', 'A=alpine'] },
  'docker.io/library/own:1': { Env: ['PATH=/bin', 'A=own'], WorkingDir: '/own', User: 'me', OnBuild: ['RUN trigger'] },
  [`docker.io/library/base@sha256:${'5'.repeat(64)}`]: {},
});

async function graphOf(lines: readonly string[], namedContexts: Readonly<Record<string, string>>, more = {}) {
  const input: BuildCaseInput = {
    dockerfile: `${lines.join('\n')}\n`,
    buildPlatform: 'linux/amd64',
    images,
    namedContexts,
    ...more,
  };
  return (await graphOfCase(input)).results[0]!;
}

function identifiers({ vertices }: PlatformGraph) {
  return vertices.filter(({ kind }) => kind === 'source').map(({ op }) => op.identifier);
}

describe('named contexts', () => {
  it('stand in for an image, with its configuration and its triggers', async () => {
    const graph = await graphOf(['FROM alpine:3.20', 'COPY $A f'], { 'alpine:3.20': 'docker-image://own:1' });
    expect(identifiers(graph)).toEqual(['docker-image://docker.io/library/own:1', 'local://context']);
    expect(graph.context).toEqual({ followPaths: ['own'] });
    expect(graph.requests).toMatchObject([{ ref: 'docker.io/library/own:1', used: true }]);
    expect(graph.vertices.map(({ kind }) => kind)).toEqual(['source', 'exec', 'source', 'file']);
    expect(graph.vertices.at(-1)?.op.actions).toMatchObject([{ Action: { copy: { dest: '/own/f' } } }]);
  });

  it('replace a stage with its steps, and without its triggers', async () => {
    const lines = ['FROM alpine:3.20 AS own', 'COPY gone /', 'FROM own', 'RUN env'];
    const graph = await graphOf(lines, { own: 'docker-image://own:1' });
    expect(graph.requests.map(({ ref }) => ref)).toEqual(['docker.io/library/own:1']);
    expect(graph.vertices.map(({ kind }) => kind)).toEqual(['source', 'exec']);
    expect(graph.vertices[1]?.op.meta).toMatchObject({ env: ['PATH=/bin', 'A=own'], cwd: '/own', user: 'me' });
    expect(graph.context).toBeUndefined();
  });

  it('that are directories have their own ignore file, and the paths that each instruction takes (C6)', async () => {
    const lines = ['FROM scratch', 'COPY --from=n f /', 'COPY --from=n g h /'];
    const files = { context: { '.dockerignore': '*\n' }, n: { '.dockerignore': 'tmp\n' } };
    const graph = await graphOf(lines, { n: 'local:n' }, { files });
    expect(graph.vertices.filter(({ kind }) => kind === 'source').map(({ attrs }) => attrs)).toEqual([
      { 'local.excludepatterns': '["tmp"]', 'local.followpaths': '["f"]', 'local.sharedkeyhint': 'context:n-' },
      { 'local.excludepatterns': '["tmp"]', 'local.followpaths': '["g","h"]', 'local.sharedkeyhint': 'context:n-' },
    ]);
  });

  it('that are directories and replace a stage are one source with the paths of all users, whole below a RUN', async () => {
    const lines = ['FROM alpine:3.20 AS n', 'FROM scratch', 'COPY --from=n f /', 'COPY --from=n g /'];
    const copied = await graphOf(lines, { n: 'local:n' });
    expect(copied.vertices[0]?.attrs).toMatchObject({ 'local.followpaths': '["f","g"]' });
    const run = await graphOf([...lines, 'FROM n AS m', 'RUN x', 'FROM m', 'COPY --from=1 / /'], { n: 'local:n' });
    expect(run.vertices[0]?.attrs).not.toHaveProperty('local.followpaths');
  });

  it('are chosen for the platform, of the stage before that of the target', async () => {
    const lines = ['FROM --platform=linux/arm64 alpine:3.20'];
    const values = { 'alpine:3.20': 'docker-image://alpine:3.20', 'alpine:3.20::linux/arm64': 'docker-image://own:1' };
    expect(identifiers(await graphOf(lines, values))).toEqual(['docker-image://docker.io/library/own:1']);
    expect(identifiers(await graphOf(['FROM alpine:3.20'], values))).toEqual([
      'docker-image://docker.io/library/alpine:3.20',
    ]);
  });

  // BuildKit asks for none by these two names; as a base, `context` is the image `docker.io/library/context:latest`.
  it('replace neither scratch nor a stage called scratch or context, in any case, but an image called context', async () => {
    const values = { scratch: 'docker-image://own:1', context: 'docker-image://own:1' };
    const own = ['docker-image://docker.io/library/own:1'];
    expect(identifiers(await graphOf(['FROM scratch', 'COPY a /'], values))).toEqual(['local://context']);
    for (const name of ['scratch', 'Scratch', 'context', 'CONTEXT']) {
      const lines = [`FROM scratch AS ${name}`, 'COPY a /'];
      expect(identifiers(await graphOf(lines, values)), name).toEqual(['local://context']);
    }
    expect(identifiers(await graphOf(['FROM context'], values))).toEqual(own);
    expect(identifiers(await graphOf(['FROM scratch', 'COPY --from=context a /'], values))).toEqual(own);
  });

  it('may be layouts, repositories, files by URL, and nothing', async () => {
    const digest = `sha256:${'5'.repeat(64)}`;
    const graph = await graphOf(
      ['FROM base', 'COPY --from=git / /g', 'COPY --from=file / /f', 'COPY --from=none / /'],
      {
        base: `oci-layout://dir@${digest}`,
        git: 'https://example.com/r.git?ref=v1&subdir=docs&keep-git-dir=1&submodules=false#',
        file: 'https://example.com/f.tar',
        none: 'docker-image://scratch',
      },
    );
    expect(graph.vertices.filter(({ kind }) => kind === 'source').map(({ op, attrs }) => ({ ...op, attrs }))).toEqual([
      { identifier: `oci-layout://docker.io/library/base@${digest}`, attrs: { 'oci.store': 'dir' } },
      {
        identifier: 'git://example.com/r.git#v1:docs',
        attrs: {
          'git.authheadersecret': 'GIT_AUTH_HEADER',
          'git.authtokensecret': 'GIT_AUTH_TOKEN',
          'git.fullurl': 'https://example.com/r.git',
          'git.keepgitdir': 'true',
          'git.skipsubmodules': 'true',
        },
      },
      { identifier: 'https://example.com/f.tar', attrs: { 'http.filename': 'context' } },
    ]);
    expect(graph.requests).toMatchObject([{ kind: 'oci-layout', store: 'dir', used: true }]);
    expect(graph.vertices.at(-1)?.op.actions).toMatchObject([{ secondaryInput: -1 }]);
  });

  it.each([
    ['ftp://x/y', 'no source'],
    ['word', 'no source'],
    ['oci-layout://dir', 'no digest'],
    ['docker-image://A', 'lower case'],
    ['git://example.com/r?colour=red', 'colour'],
  ])('%s fails at the FROM that names it, and only there', async (value, why) => {
    const failed = await failure(graphOf(['FROM scratch AS s', 'FROM base'], { base: value }));
    expect(failed).toMatchObject({ code: 'E_DOCKERFILE', details: { line: 2 } });
    expect(failed.message).toContain(why);
    await expect(graphOf(['FROM scratch'], { base: value })).resolves.toMatchObject({ vertices: [] });
  });
});
