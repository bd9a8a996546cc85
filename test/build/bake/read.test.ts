/** JSON that is read as it is means what buildx prints for it; everything else is left to buildx. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answersOf } from '../../../src/build/bake/answers.ts';
import { bakePrint, findBuildx } from '../../../src/build/bake/evaluate.ts';
import { readBakeFile } from '../../../src/build/bake/read.ts';
import type { BakeTarget } from '../../../src/build/bake/target.ts';
import { noteSkip } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';

const env = { HOME: '/nowhere', PATH: process.env.PATH };
/** Nothing that could evaluate anything. */
const bare: Readonly<Record<string, string | undefined>> = { HOME: '/nowhere', PATH: '/nowhere' };
const buildx = findBuildx(env);
const withoutBuildx = buildx === undefined && !noteSkip('docker-buildx is not installed');

async function read(document: unknown, names: readonly string[] = [], from = 'b.json', surroundings = bare) {
  const cwd = tempDir('bake');
  writeFileSync(join(cwd, from), typeof document === 'string' ? document : JSON.stringify(document));
  return readBakeFile(from, names, { cwd, env: surroundings });
}

/** The defaults that bake prints, and the order of its names. */
function printed(target: BakeTarget): BakeTarget {
  return { ...target, context: target.context ?? '.', dockerfile: target.dockerfile ?? 'Dockerfile' };
}

const all = {
  context: 'app/./x',
  dockerfile: 'a.Dockerfile',
  'dockerfile-inline': 'FROM a$$b\nRUN echo $$${x} $x %%{y}',
  target: 'release',
  args: { A: '1', B: 2, C: true, D: null, E: '' },
  labels: { 'a.b': 'x$${y}', n: null },
  platforms: ['linux/amd64', 'linux/arm64'],
  contexts: { base: 'target:base', lib: '../lib', img: 'docker-image://alpine' },
  network: 'none',
  'shm-size': '128m',
  ulimits: ['nofile=1:2'],
  'extra-hosts': { h: '1.2.3.4' },
  tags: ['t'],
  'no-cache': true,
};

const documents: [what: string, document: Record<string, unknown>, names: string[]][] = [
  ['every member', { target: { default: { ...all, 'dockerfile-inline': 'FROM a$$b\nRUN $x %%{y}' }, base: {} } }, []],
  [
    'groups in groups',
    { group: { default: { targets: ['g', 'c'] }, g: { targets: ['b'] } }, target: { a: {}, b: {}, c: {} } },
    [],
  ],
  [
    'groups that are met twice',
    {
      group: {
        default: { targets: ['g', 'h'] },
        g: { targets: ['i'] },
        h: { targets: ['i', 'h'] },
        i: { targets: ['a'] },
      },
      target: { a: {}, b: {}, h: {} },
    },
    [],
  ],
  ['names', { group: { g: { targets: ['b'] } }, target: { a: {}, b: {}, c: {} } }, ['g', 'a']],
  [
    'bases of bases',
    { target: { default: { contexts: { x: 'target:b' } }, a: {}, b: { contexts: { y: 'target:a' } } } },
    [],
  ],
  ['null', { target: { default: { context: null, args: null, 'dockerfile-inline': 'FROM alpine' } } }, []],
  ['a list of caches without', { target: { default: { 'no-cache-filter': ['a'] } } }, []],
];

describe('a bake file in JSON', () => {
  it.skipIf(withoutBuildx).each(documents)('means what bake prints: %s', async (_, document, names) => {
    const { targets, evaluated } = await read(document, names);
    expect(evaluated).toBe(false);
    const cwd = tempDir('bake');
    const text = await bakePrint(buildx!, { file: '-', text: JSON.stringify(document), names, folder: cwd, env });
    const theirs = await read(text);
    const sorted = [...targets].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(sorted.map(printed).map(cleaned)).toEqual(theirs.targets.map(printed).map(cleaned));
  });

  /** bake prints paths cleaned. */
  const cleaned = (target: BakeTarget) => ({ ...target, context: join(target.context!) });

  it.each([
    [{ target: { default: { inherits: ['a'] }, a: {} } }, /default has inherits/],
    [{ target: { default: { matrix: { a: ['b'] }, name: 'x' } } }, /has matrix/],
    [{ target: { default: { args: { a: `\${b}` } } } }, /uses a variable/],
    [{ target: { default: { args: { a: [1] } } } }, /has no text/],
    [{ target: { default: { args: { a: 1.5 } } } }, /has no text/],
    [{ target: { default: { platforms: 'linux/amd64' } } }, /is no list/],
    [{ target: { a: {} } }, /no target default/],
    [{ target: [] }, /it has no targets/],
    [{ target: { default: { contexts: { a: 'target:b' } } } }, /no target b/],
    [{ target: { default: { contexts: { a: 'target:constructor' } } } }, /no target constructor/],
    [{ group: { default: { targets: ['toString'] } }, target: {} }, /no target toString/],
    ['{', /it is no JSON/],
  ])('is left to buildx, or refused with how to pipe it: %j', async (document, what) => {
    await expect(read(document)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(what),
      hint: expect.stringContaining('docker buildx bake -f b.json --print | ctxsrc inputs --from -'),
    });
  });

  it('has policies as texts and as objects, in the form of --policy', async () => {
    const policy = ['filename=a.rego', { filename: 'b.rego', strict: true, reset: null }];
    const { targets } = await read({ target: { default: { policy } } });
    expect(targets[0]!.policies).toEqual(['filename=a.rego', 'filename=b.rego,strict=true']);
    await expect(read({ target: { default: { policy: 'a.rego' } } })).rejects.toThrow('policy of the target default');
  });

  it('is refused without the value that is not plain', async () => {
    const document = { target: { default: { args: { TOKEN: `hunter2\${b}` } } } };
    await expect(read(document)).rejects.toThrow(/: args\.TOKEN of the target default uses a variable$/);
  });

  it.skipIf(withoutBuildx)('is evaluated by buildx where it is not plain (B4)', async () => {
    // The last of what is inherited wins.
    const target = {
      a: { args: { x: '1' } },
      b: { inherits: ['a'], args: { x: '2' } },
      c: { inherits: ['a'] },
      default: { inherits: ['b', 'c'] },
    };
    const { targets, evaluated } = await read({ target }, [], 'b.json', env);
    expect([evaluated, targets[0]!.args.get('x')]).toEqual([true, '1']);
  });

  it('takes of a print for a group with the default one everything that was printed, but not what it is built from', async () => {
    const group = { default: { targets: ['all'] }, all: { targets: ['default', 'docs'] } };
    const target = { base: {}, docs: {}, web: { contexts: { b: 'target:base' } } };
    const { targets } = await read({ group, target });
    expect(targets.map(({ name, asked }) => [name, asked])).toEqual([
      ['base', false],
      ['docs', true],
      ['web', true],
    ]);
  });

  it('reads long chains of groups and targets', async () => {
    const names = Array.from({ length: 5000 }, (_, at) => `n${at}`);
    const group = Object.fromEntries(
      names.map((name, at) => [`g${name}`, { targets: [names[at], `g${names[at + 1]}`] }]),
    );
    const target = Object.fromEntries(names.map((name, at) => [name, { contexts: { b: `target:${names[at + 1]}` } }]));
    const last = names.at(-1)!;
    const document = {
      group: { ...group, default: { targets: [`g${names[0]}`] }, [`g${last}`]: { targets: [last] } },
      target: { ...target, [last]: {} },
    };
    const file = await read(document);
    expect(file.targets).toHaveLength(names.length);
    const answers = await answersOf(file, async () => ({ key: `sha256:${'0'.repeat(64)}` as const, images: [] }));
    expect(answers).toHaveLength(names.length);
  });

  it('says what to install for what only buildx reads, and that a Dockerfile is none', async () => {
    for (const name of ['docker-bake.hcl', 'compose.yaml']) {
      await expect(read('x', [], name)).rejects.toMatchObject({
        code: 'E_CONFIG',
        message: expect.stringContaining('buildx is not installed here'),
        hint: expect.stringContaining(`docker buildx bake -f ${name} --print | ctxsrc inputs --from -`),
      });
    }
    await expect(read('FROM x', [], 'app.Dockerfile')).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(read({ target: { default: {} } }, ['https://x/y.git'])).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});
