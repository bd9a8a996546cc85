/**
 * Whole projects, built by a real BuildKit before and after each change: what was run, and whether the image is another.
 * The answers that `test/build/projects/recorded.json` keeps must be the same; CTXSRC_RECORD=1 writes them anew, and
 * CTXSRC_PROJECTS=NAME,NAME asks of some projects only.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DockerRegistry, imageServer, startDockerRegistry } from '../support/docker-registry.ts';
import { noteSkip } from '../support/needs.ts';
import { ProjectWorld } from '../support/project-world.ts';
import { canBuild, RealBuilder } from '../support/real-build.ts';
import { type RecordedProject, readRecorded, recordedFile } from '../support/recorded-builds.ts';
import { changed, type Project, type ProjectState, readProjects } from '../support/whole-project.ts';

const isRecording = process.env.CTXSRC_RECORD === '1';
const wanted = process.env.CTXSRC_PROJECTS?.split(',');
const projects = readProjects().filter(({ name }) => wanted?.includes(name) ?? true);

describe.skipIf(!canBuild())('whole projects, built by BuildKit', () => {
  const recorded = readRecorded();
  const builder = new RealBuilder();
  let registry: DockerRegistry;
  let world: ProjectWorld;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    world = await ProjectWorld.start(imageServer(registry));
    await builder.start(registry.host);
  });

  afterAll(async () => {
    await builder.stop();
    await world?.stop();
    await registry?.stop();
    if (isRecording) writeFileSync(recordedFile, `${recordedText(recorded)}\n`);
  });

  it.each(projects)('$name', async (project) => {
    if (needsFrontend(project) && process.env.CTXSRC_FRONTEND === undefined) {
      noteSkip(`real builds of ${project.name}: CTXSRC_FRONTEND names no front end`);
      return;
    }
    const found = await buildAll(project);
    if (isRecording) recorded[project.name] = found;
    else expect(found).toEqual(recorded[project.name]);
  });

  async function buildAll(project: Project): Promise<RecordedProject> {
    const build = async (state: ProjectState) => builder.build(await world.place(project, state));
    const { materials, ...before } = await build(project.state);
    expect((await build(project.state)).ran, 'the same project in another directory').toEqual([]);
    const changes: Record<string, RecordedProject['changes'][string]> = {};
    for (const [name, change] of Object.entries(project.changes)) {
      const after = await build(changed(project.state, change)).catch((error: unknown) => {
        throw new Error(`${name}: ${String(error)}`);
      });
      const image = JSON.stringify(after.images) === JSON.stringify(before.images) ? 'same' : 'other';
      changes[name] = { ran: after.ran, image };
    }
    const frontends = Object.keys(project.state.images).filter((image) => project.state.images[image]?.frontend);
    const isFrontend = (uri: string) => frontends.some((image) => uri.includes(`/${image.replace(':', '@')}`));
    return { materials: materials.filter((uri) => !isFrontend(uri)), changes };
  }
});

function needsFrontend({ state: { images } }: Project): boolean {
  return Object.values(images).some(({ frontend = false }) => frontend);
}

/** One line for each change, so that a recording anew shows what became another. */
function recordedText(recorded: Readonly<Record<string, RecordedProject>>): string {
  const projects = Object.keys(recorded)
    .sort()
    .map((name) => {
      const { materials, changes } = recorded[name]!;
      const lines = Object.entries(changes).map(
        ([change, answer]) => `   ${JSON.stringify(change)}: ${JSON.stringify(answer)}`,
      );
      return ` ${JSON.stringify(name)}: {"materials": ${JSON.stringify(materials, null, 1).replaceAll('\n', '\n  ')}, "changes": {\n${lines.join(',\n')}\n }}`;
    });
  return `{\n${projects.join(',\n')}\n}`;
}
