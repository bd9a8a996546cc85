/** A real BuildKit builds what a lock file pins, in each form that `lock --format` has, after every tag has moved. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LockEntry } from '../../src/snapshot/lock/lock.ts';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { type DockerRegistry, imageServer, startDockerRegistry } from '../support/docker-registry.ts';
import { type PlacedProject, ProjectWorld } from '../support/project-world.ts';
import { canBuild, type RealBuild, RealBuilder } from '../support/real-build.ts';
import { changed, type Project } from '../support/whole-project.ts';

const project: Project = {
  name: 'locked',
  what: 'images of every kind of place',
  state: {
    files: {
      '.dockerignore': '*\n!a\n',
      Dockerfile: [
        'FROM {registry}/base:1 AS build',
        'COPY a /a',
        'RUN --mount=from={registry}/tools:1,source=/t,target=/t make </t >/made',
        'FROM {registry}/base:1',
        'COPY --from=build /made /made',
        'COPY --from={registry}/files /f /f',
        'COPY --from=lib /l /l',
        '',
      ].join('\n'),
      a: 'a',
    },
    args: '--build-context lib=docker-image://{registry}/lib:1 .',
    env: {},
    images: {
      'base:1': {},
      'tools:1': { files: { t: 't' } },
      'files:latest': { files: { f: 'f' }, platforms: ['linux/amd64'] },
      'lib:1': { files: { l: 'l' } },
    },
    layouts: {},
    web: {},
    git: {},
  },
  changes: {
    'every tag moves': {
      images: {
        'base:1': { files: { moved: 'b' } },
        'tools:1': { files: { t: 'moved' } },
        'files:latest': { files: { f: 'moved' } },
        'lib:1': { files: { l: 'moved' } },
      },
    },
  },
};

describe.skipIf(!canBuild())('what a lock file pins, built by BuildKit', () => {
  const builder = new RealBuilder();
  let registry: DockerRegistry;
  let world: ProjectWorld;
  let home: string;
  let placed: PlacedProject;
  let before: RealBuild;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    world = await ProjectWorld.start(imageServer(registry));
    home = cliHome();
    await builder.start(registry.host);
    placed = await world.place(project, project.state);
    before = await builder.build(placed);
    const contexts = placed.args.slice(0, -1);
    writeFileSync(
      join(placed.dir, 'pinned'),
      await lock('--from', 'Dockerfile', '--format', 'dockerfile', ...contexts),
    );
    await world.place(project, changed(project.state, project.changes['every tag moves']!));
  });

  afterAll(async () => {
    await builder.stop();
    await world?.stop();
    await registry?.stop();
  });

  async function lock(...args: string[]): Promise<string> {
    const flags = ['--plain-http', registry.host, '--allow-address', '127.0.0.0/8'];
    const env = { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' };
    const result = await ctxsrc(['lock', ...args, ...flags], { cwd: placed.dir, home, env });
    expect(result.code, result.stderr).toBe(0);
    return result.stdout;
  }

  /** Expects that nothing has to be run, that the image is the one from before, and which digests it is made of. */
  async function expectPinned(changes: Partial<PlacedProject>, command?: 'bake'): Promise<void> {
    const built = await builder.build({ ...placed, ...changes }, command);
    expect({ ran: built.ran, images: built.images }).toEqual({ ran: [], images: before.images });
    expect(digestsOf(built)).toEqual(digestsOf(before));
    const entries = Object.values(
      (JSON.parse(readFileSync(join(placed.dir, 'ctxsrc.lock'), 'utf8')) as { contexts: Record<string, LockEntry> })
        .contexts,
    );
    expect(entries.map(({ digest }) => digest.replace('sha256:', '')).sort()).toEqual(digestsOf(built));
  }

  it('build-contexts', async () => {
    const words = (await lock('--format', 'build-contexts')).trim().split(/\s+/);
    await expectPinned({ args: [...words, '.'] });
  });

  it('bake', async () => {
    writeFileSync(join(placed.dir, 'bake.json'), JSON.stringify({ target: { default: {} } }));
    writeFileSync(join(placed.dir, 'override.json'), await lock('--format', 'bake'));
    await expectPinned({ args: ['-f', 'bake.json', '-f', 'override.json'] }, 'bake');
  });

  it('buildkit-policy', async () => {
    const file = join(placed.dir, 'policy.json');
    writeFileSync(file, await lock('--format', 'buildkit-policy'));
    await expectPinned({ env: { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: file } });
  });

  it('dockerfile, and for what the build line names build-contexts', async () => {
    const words = (await lock('--format', 'build-contexts')).trim().split(/\s+/);
    const lib = words.find((word) => word.startsWith('lib='))!;
    await expectPinned({ args: ['-f', 'pinned', '--build-context', lib, '.'] });
  });

  it('and without any of them, the moved tags', async () => {
    const built = await builder.build(placed);
    expect(built.ran).toHaveLength(5);
    expect(built.images).not.toEqual(before.images);
  });
});

function digestsOf({ materials }: RealBuild): string[] {
  return [...new Set(materials.map((material) => material.split(' ')[1]!))].sort();
}
