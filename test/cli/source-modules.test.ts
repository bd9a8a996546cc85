import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadModule } from '../../src/cli/source-modules.ts';
import { SourceTable } from '../../src/source/table.ts';
import { failureText } from '../support/failure-code.ts';
import { tempDir } from '../support/temp.ts';

const dir = tempDir('module');
let count = 0;

/** A module that exports a whole source, but for what is said here. */
function module(change: string): string {
  count += 1;
  const whole =
    "{ schemes: ['mine'], grammar: [{ scheme: 'mine', form: 'f', example: 'e', summary: 's' }], attributes: [{ name: 'as', kind: 'text', help: 'h' }], identify() {}, resolve() {} }";
  writeFileSync(join(dir, `m${count}.mjs`), `const whole = ${whole};\nexport const source = ${change};\n`);
  return `./m${count}.mjs`;
}

it('takes a source that is whole', async () => {
  expect((await loadModule(module('whole'), dir)).source.schemes).toEqual(['mine']);
});

it.each([
  ['undefined', 'exports no source'],
  ["'mine'", 'exports no source'],
  ['{ ...whole, grammar: undefined, resolve: undefined }', 'exports a source without grammar, resolve'],
  ['{ schemes: whole.schemes }', 'exports a source without grammar, attributes, identify, resolve'],
  [
    "{ ...whole, schemes: ['Mine'] }",
    "exports a source whose schemes is not a list of names in lower case, ['my-source']",
  ],
  ['{ ...whole, schemes: [] }', "exports a source whose schemes is not a list of names in lower case, ['my-source']"],
  [
    "{ ...whole, schemes: 'mine' }",
    "exports a source whose schemes is not a list of names in lower case, ['my-source']",
  ],
  ['{ ...whole, grammar: [{ scheme: 1 }] }', 'whose grammar is not [{ scheme, form, example, summary }]'],
  ['{ ...whole, attributes: {} }', 'exports a source whose attributes is not a list'],
  ['{ ...whole, resolve: {} }', 'exports a source whose resolve is not a function of (id, env)'],
])('says what is wrong with %s', async (change, what) => {
  const text = await failureText(loadModule(module(change), dir));
  expect(text).toMatch(/^E_SOURCE_MODULE the module \.\/m\d+\.mjs exports /);
  expect(text).toContain(what);
});

it('says in one line that there is no such package', async () => {
  expect(await failureText(loadModule('no-such-package', dir))).toBe(
    "E_SOURCE_MODULE cannot load the source module no-such-package: Cannot find module 'no-such-package'",
  );
});

it('is what the hint of an unknown scheme speaks of', async () => {
  await expect(new SourceTable().load('mine', 'x')).rejects.toMatchObject({
    code: 'E_SCHEME_UNKNOWN',
    hint: expect.stringContaining('a source from outside comes by --source MODULE'),
  });
});
