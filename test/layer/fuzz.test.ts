/** Random layers against the model in memory, and the proof that the model would notice a wrong applier. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../support/bundle.ts';
import { fuzzLayers } from '../support/layer-fuzz.ts';
import { tempDir } from '../support/temp.ts';

const run = promisify(execFile);

test('random layers become what the model says', () => {
  const seed = Date.now() % 2 ** 31;
  console.info(`seed of the layer fuzzer: ${seed}`);
  expect(fuzzLayers(tempDir('fuzz'), 120, seed)).toBeUndefined();
});

const APPLY = 'src/layer/apply.ts';
const READER = 'src/layer/tar-reader.ts';

describe('an applier with a mistake in it is caught', () => {
  const mutations = [
    {
      what: 'an opaque marker removes what its own layer wrote',
      file: APPLY,
      from: 'if (node.layer !== this.#layer) this.#remove(directory, name, node);',
      to: 'if (node.layer !== -2) this.#remove(directory, name, node);',
    },
    {
      what: 'an opaque marker keeps what lies in directories of its own layer',
      file: APPLY,
      from: "else if (node.kind === 'dir') this.#removeOlder(node);",
      to: '',
    },
    {
      what: 'a whiteout removes nothing',
      file: APPLY,
      from: 'if (node !== undefined) this.#remove(parent, victim, node);',
      to: '',
    },
    {
      what: 'absolute links start where they are',
      file: APPLY,
      from: "if (leaf.target.startsWith('/')) dir = this.root;",
      to: '',
    },
    {
      what: 'a directory that is there keeps its old metadata',
      file: APPLY,
      from: 'existing.meta = meta;',
      to: '',
    },
    {
      what: 'the parent of the last entry is remembered though it is gone',
      file: APPLY,
      from: '#remove(parent: Directory, name: string, node: Node): void {\n    this.#lastParentText = undefined;',
      to: '#remove(parent: Directory, name: string, node: Node): void {',
    },
    {
      what: 'only the parent counts as written by a layer, not what is above it',
      file: APPLY,
      from: 'dir !== undefined && dir.layer !== this.#layer; dir = dir.parent',
      to: 'dir !== undefined && dir.layer !== this.#layer; dir = undefined',
    },
    {
      what: '.. in a name takes nothing away',
      file: APPLY,
      from: "if (part === '..') result.pop();",
      to: "if (part === '..') continue;",
    },
    {
      what: 'fractions of seconds are dropped',
      file: READER,
      from: 'mtimeNs: pax === undefined ? 0 : pax.nanoseconds,',
      to: 'mtimeNs: 0,',
    },
    {
      what: 'directories do not get their metadata',
      file: APPLY,
      from: 'this.#metadata.directory(handle.fd, path, directory.meta);',
      to: '',
    },
  ];
  let scratch: string;
  beforeAll(() => {
    scratch = tempDir('mutants');
  });

  test('none: it passes', async () => {
    const program = await bundle('test/support/layer-fuzz-program.ts', { native: true });
    await expect(run(process.execPath, [program, scratch, '40', '7'])).resolves.toMatchObject({ stdout: '' });
  });

  test.each(mutations)('$what', async ({ what: _, ...mutation }) => {
    const program = await bundle('test/support/layer-fuzz-program.ts', { native: true, mutation });
    const error = await run(process.execPath, [program, scratch, '1500', '7']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 1, stdout: expect.stringContaining('seed 7, run ') });
  });
});
