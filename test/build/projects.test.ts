/**
 * The keys of whole projects against what a real BuildKit did with them (`test/soak/real-builds.test.ts` asks it anew):
 * a key changes exactly when a step had to be run, or the image is another. What is needless or unseen is in the pages.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildAnswer } from '../../src/build/answer.ts';
import type { Store } from '../../src/contract/index.ts';
import { answerOfLine } from '../support/build-line.ts';
import { ProjectWorld } from '../support/project-world.ts';
import { readRecorded } from '../support/recorded-builds.ts';
import { TestRegistry } from '../support/registry.ts';
import { newStore } from '../support/source-env.ts';
import { changed, type Project, type ProjectState, readProjects } from '../support/whole-project.ts';

const projects = readProjects();
const recorded = readRecorded();
let registry: TestRegistry;
let world: ProjectWorld;
let store: Store;

beforeAll(async () => {
  registry = await TestRegistry.start();
  world = await ProjectWorld.start(registry);
  store = await newStore();
});

afterAll(async () => {
  await world.stop();
  await registry.stop();
});

async function answer(
  project: Project,
  state: ProjectState,
): Promise<BuildAnswer & { readonly shown: (text: string) => string }> {
  const placed = await world.place(project, state);
  return { ...(await answerOfLine(placed, registry.host, store)), shown: placed.shown };
}

describe.each(projects)('$name: $what', (project) => {
  const { changes = {}, materials } = recorded[project.name] ?? {};

  it('has a real answer to each change', () => {
    expect(Object.keys(changes)).toEqual(Object.keys(project.changes));
  });

  it('has the key that each change calls for', async () => {
    const { key } = await answer(project, project.state);
    expect((await answer(project, project.state)).key).toBe(key);
    const found: Record<string, string> = {};
    const right: Record<string, string> = {};
    for (const [name, change] of Object.entries(project.changes)) {
      const real = changes[name];
      const isDue = real !== undefined && (real.ran.length > 0 || real.image === 'other');
      expect(isDue && change.needless, `${name} is not needless`).toBeFalsy();
      found[name] = (await answer(project, changed(project.state, change))).key === key ? 'unchanged' : 'changed';
      expect(!isDue && change.unseen, `${name} is not unseen`).toBeFalsy();
      const isSeen = change.unseen === undefined && (isDue || change.needless !== undefined);
      right[name] = isSeen ? 'changed' : 'unchanged';
    }
    expect(found).toEqual(right);
  });

  it('lists what the provenance of the build lists', async () => {
    const { frontend, inputs, shown } = await answer(project, project.state);
    const listed = inputs
      .filter(({ kind }) => kind !== 'local')
      .map(({ kind, purl, ref, digest = '' }) => {
        // Provenance names no folder of a repository.
        const uri = purl ?? (kind === 'git' ? ref.replace(/(#[^:]*):.*/, '$1') : ref);
        return shown(`${uri} ${digest.replace('sha256:', '')}`);
      });
    // Nobody knows what another front end than docker's asks for.
    expect(listed.sort()).toEqual(frontend === undefined ? withoutDoubles(materials ?? []) : []);
  });
});

/** Provenance lists some images a second time without their platform. */
function withoutDoubles(materials: readonly string[]): string[] {
  const platform = /[?&]platform=\S+/;
  const plain = materials.filter((text) => platform.test(text)).map((text) => text.replace(platform, ''));
  return materials.filter((text) => !plain.includes(text));
}
