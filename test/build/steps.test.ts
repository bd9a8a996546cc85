import { describe, expect, it } from 'vitest';
import { inputsOf } from '../../src/build/step/selection.ts';
import { type KeyOfSource, stepsOf } from '../../src/build/step/steps.ts';
import type { PlatformGraph, Vertex } from '../../src/dockerfile/graph/types.ts';
import { platformGraph } from '../support/platform-graph.ts';

const from = (...vertices: number[]) => vertices.map((vertex) => ({ vertex, output: 0 }));
const source = (identifier: string): Vertex => ({ kind: 'source', inputs: [], op: { identifier }, places: [] });

function exec(
  inputs: number[],
  op: { meta?: object; mounts?: readonly object[] } = {},
  platform = 'linux/amd64',
): Vertex {
  const meta = { args: ['/bin/sh', '-c', 'x'], cwd: '/', ...op.meta };
  return {
    kind: 'exec',
    platform,
    inputs: from(...inputs),
    op: { ...op, meta, mounts: op.mounts ?? [{ dest: '/' }] },
    places: [],
  };
}

const copyAction = (input: number, secondaryInput: number, copy: object) => ({
  input,
  secondaryInput,
  output: 0,
  Action: { copy: { dest: '/d', mode: -1, followSymlink: true, allowWildcard: true, ...copy } },
});

const copy = (inputs: number[], ...copies: object[]): Vertex => ({
  kind: 'file',
  inputs: from(...inputs),
  op: { actions: copies.map((one, index) => copyAction(index === 0 ? 0 : index + 1, 1, one)) },
  places: [],
});

/** From a directory into itself. */
const copyWithin = (src: string): Vertex => ({
  kind: 'file',
  inputs: from(0),
  op: { actions: [copyAction(0, 0, { src })] },
  places: [],
});

/** From what the first action has made, which is no input. */
const copyOwn = (src: string): Vertex => ({
  kind: 'file',
  inputs: from(0),
  op: {
    actions: [
      { input: 0, secondaryInput: -1, output: -1, Action: { mkdir: { path: '/a' } } },
      copyAction(0, 1, { src }),
    ],
  },
  places: [],
});

/** The last vertex is the result. */
function graph(...vertices: Vertex[]): PlatformGraph {
  const result = vertices.length === 0 ? undefined : { vertex: vertices.length - 1, output: 0 };
  return platformGraph(vertices, result);
}

/** Directories are compared by their files, which are all the same here; other sources by their identifier. */
const keyOf: KeyOfSource = async ({ op }) =>
  String(op.identifier).startsWith('local://')
    ? { key: 'files', ofFiles: true }
    : { key: String(op.identifier), ofFiles: false };

async function described(...vertices: Vertex[]): Promise<string> {
  const { steps, result } = await stepsOf(graph(...vertices), keyOf);
  return JSON.stringify({ steps, result });
}

const base = source('image');
const context = source('local://context');
const mount = (more: object) =>
  exec([0, 1], { mounts: [{ dest: '/' }, { dest: '/m', input: 1, output: -1, ...more }] });
const cache = (cacheOpt: object, dest = '/c') =>
  exec([0], { mounts: [{ dest: '/' }, { dest, mountType: 3, input: -1, cacheOpt }] });
const hosts = (Host: string, IP: string) => exec([0], { meta: { extraHosts: [{ Host, IP }] } });

describe('two steps are one for every cache key', () => {
  it.each<[string, Vertex[], Vertex[]]>([
    ['proxies', [base, exec([0])], [base, exec([0], { meta: { proxy_env: { http_proxy: 'x' } } })]],
    ['the address of a host', [base, hosts('db', '10.0.0.1')], [base, hosts('db', '10.0.0.2')]],
    [
      'the source of a mount of a directory',
      [base, context, mount({ selector: '/a' })],
      [base, context, mount({ selector: '/b' })],
    ],
    ['a chosen cache ID', [base, cache({ ID: 'a' })], [base, cache({ ID: 'b' })]],
    [
      'a cache ID with another sharing',
      [base, cache({ ID: '/c', sharing: 1 })],
      [base, cache({ ID: '/c', sharing: 2 })],
    ],
    [
      'the directory of a copied file',
      [base, context, copy([0, 1], { src: '/a/f' })],
      [base, context, copy([0, 1], { src: '/b/f' })],
    ],
    [
      'the platform of a copy',
      [base, context, copy([0, 1], { src: '/f' })],
      [base, context, { ...copy([0, 1], { src: '/f' }), platform: 'linux/arm64' }],
    ],
    [
      'the order of independent vertices',
      [base, context, copy([0, 1], { src: '/f' })],
      [context, base, copy([1, 0], { src: '/f' })],
    ],
    [
      'an operation that stands twice',
      [base, exec([0]), copy([1, 1], { src: '/f' })],
      [base, exec([0]), exec([0]), copy([1, 2], { src: '/f' })],
    ],
    ['what the result does not need', [base, exec([0])], [source('other'), base, exec([1])]],
  ])('%s', async (_, a, b) => {
    expect(await described(...b)).toBe(await described(...a));
  });
});

describe('two steps differ', () => {
  it.each<[string, Vertex[], Vertex[]]>([
    ['the platform of a command', [base, exec([0])], [base, exec([0], {}, 'linux/arm64')]],
    ['the name of a host', [base, hosts('db', '10.0.0.1')], [base, hosts('dc', '10.0.0.1')]],
    [
      'the source of a mount of an image',
      [base, source('tools'), mount({ selector: '/a' })],
      [base, source('tools'), mount({ selector: '/b' })],
    ],
    ['a default cache ID in a namespace', [base, cache({ ID: '/c' })], [base, cache({ ID: 'ns//c' })]],
    ['a default cache ID or a chosen one', [base, cache({ ID: '/c' })], [base, cache({ ID: 'c' })]],
    [
      'the name of a copied file',
      [base, context, copy([0, 1], { src: '/f' })],
      [base, context, copy([0, 1], { src: '/g' })],
    ],
    [
      'the directory of a file copied from an image',
      [base, source('tools'), copy([0, 1], { src: '/a/f' })],
      [base, source('tools'), copy([0, 1], { src: '/b/f' })],
    ],
    ['the path in what the operation itself has made', [base, copyOwn('/a/f')], [base, copyOwn('/b/f')]],
    ['the base', [base, exec([0])], [source('other'), exec([0])]],
    ['a source or nothing', [base], []],
    ['paths of a directory that is also written to', [context, copyWithin('/a/f')], [context, copyWithin('/b/f')]],
  ])('%s', async (_, a, b) => {
    expect(await described(...b)).not.toBe(await described(...a));
  });
});

describe('the files that an operation takes', () => {
  it('are the sources of its copies, as patterns where they hold one', () => {
    const [written, taken] = inputsOf(
      copy([0, 1], { src: '/a/' }, { src: '/b*', exclude_patterns: ['*.o'] }, { src: '/c\\*' }),
    );
    expect(written).toMatchObject({ whole: true, selections: [] });
    expect(taken).toMatchObject({
      whole: false,
      selections: [
        { path: '/a', wildcard: false, followLinks: true },
        { path: '/b*', wildcard: true, exclude: ['*.o'] },
        { path: '/c\\*', wildcard: false },
      ],
    });
  });

  it('are everything where a filter leaves nothing out, and not where one does', () => {
    expect(inputsOf(copy([0, 1], { src: '/' }))[1]!.whole).toBe(true);
    expect(inputsOf(copy([0, 1], { src: '/', include_patterns: ['**/*.go'] }))[1]!.whole).toBe(false);
    expect(inputsOf(mount({}))[1]!.whole).toBe(true);
    expect(inputsOf(mount({ selector: '/a/../b' }))[1]).toMatchObject({ whole: false, selections: [{ path: '/b' }] });
  });

  it('are those in which the names of owners are looked up', () => {
    const owner = { user: { User: { byName: { name: 'app', input: 1 } } } };
    const mkdir = {
      kind: 'file',
      inputs: from(0, 1),
      places: [],
      op: { actions: [{ input: 0, secondaryInput: -1, output: 0, Action: { mkdir: { path: '/w', owner } } }] },
    } as const;
    expect(inputsOf(mkdir)[1]).toMatchObject({ whole: false, selections: [{ path: '/etc/passwd' }] });
  });

  it('of a tmpfs mount are none', () => {
    expect(inputsOf(mount({ mountType: 4, selector: '/t' }))[1]).toMatchObject({ selections: [] });
  });
});

it('a graph of ten thousand steps is walked without recursion', async () => {
  const many = Array.from({ length: 10_000 }, (_, index) => exec([index], { meta: { cwd: `/${index}` } }));
  const { steps } = await stepsOf(graph(base, ...many), keyOf);
  expect(steps).toHaveLength(10_000);
});

it('a step of many inputs looks at each of them a few times, however many there are', async () => {
  const documents = Array.from({ length: 2000 }, (_, index) => copy([], { src: `/${index}` }));
  const last = exec(documents.map((_, index) => index));
  let looks = 0;
  const inputs = new Proxy(last.inputs, {
    get(target, name) {
      if (typeof name === 'string' && /^\d/.test(name)) looks += 1;
      return Reflect.get(target, name) as unknown;
    },
  });
  await stepsOf(graph(...documents, { ...last, inputs }), keyOf);
  expect(looks).toBeLessThan(10 * documents.length);
});

it('of tens of thousands of instructions are given up when that is asked for', async () => {
  const vertices = Array.from({ length: 20_000 }, (_, index) =>
    exec(index === 0 ? [] : [index - 1], { meta: { args: [`${index}`] } }),
  );
  const graph = { vertices, result: from(vertices.length - 1)[0] } as unknown as PlatformGraph;
  const stopped = new AbortController();
  setImmediate(() => stopped.abort(new Error('stopped')));
  const keyOf: KeyOfSource = async () => ({ key: '', ofFiles: false });
  await expect(stepsOf(graph, keyOf, stopped.signal)).rejects.toThrow('stopped');
});
