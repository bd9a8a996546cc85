/** Where extended attributes cannot be read, the answer says so, whoever reads the files. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { Asker, projectOf } from '../support/project.ts';
import { TestRegistry } from '../support/registry.ts';

vi.mock('../../src/fs/native/native.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  loadNative: () => undefined,
}));

let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
  const layout = new LayoutBuilder();
  registry.push(layout, 'lang', '1', layout.image({ layers: [] }));
});
afterAll(() => registry.stop());

it("for docker's own front end and for another, for the main context and a named one", async () => {
  const ask = new Asker(registry.host);
  const dir = projectOf({ a: 'A' });
  const foreign = `# syntax=${registry.host}/lang:1`;
  const named = { contexts: new Map([['docs', dir]]) };
  const answers = [
    await ask.answer(dir, 'FROM scratch\nCOPY a /'),
    await ask.answer(dir, foreign),
    await ask.answer(undefined, foreign, named),
    await ask.answer(undefined, foreign),
  ];
  expect(answers.map(({ incomplete }) => incomplete)).toEqual([['xattrs'], ['xattrs'], ['xattrs'], []]);
});
