/** What the package exports: deliberate, documented, silent, abortable, usable many times at once. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SourceTable } from '../src/source/table.ts';
import { packageRoot, run } from './support/cli.ts';
import { directory, layoutRef } from './support/cli-expect.ts';
import { digestOf, gzip, LayoutBuilder, layerType } from './support/layout-builder.ts';
import { tar } from './support/tar-builder.ts';
import { tempDir } from './support/temp.ts';

type Library = typeof import('../src/index.ts');
const load = (name: string): Promise<Record<string, unknown>> =>
  import(pathToFileURL(join(packageRoot, 'dist', `${name}.js`)).href);
const library = (await load('index')) as unknown as Library;

describe('the exports', () => {
  it('are these and no others', async () => {
    expect(Object.keys(library).sort()).toEqual([
      'CtxsrcError',
      'ERROR_EXITS',
      'Once',
      'VERSION',
      'auth',
      'bakeInputs',
      'bakePage',
      'buildKey',
      'cacheKey',
      'cat',
      'changedInputs',
      'changedSince',
      'checkLock',
      'combinedKey',
      'createLock',
      'diff',
      'diffBuilds',
      'diffPage',
      'digest',
      'doctor',
      'explain',
      'explainExit',
      'exportTo',
      'formatLock',
      'inputNames',
      'inputs',
      'inputsPage',
      'inspect',
      'inspectPage',
      'ioError',
      'isBuilt',
      'isCtxsrcError',
      'isDigest',
      'known',
      'listSources',
      'listStore',
      'lockFrom',
      'ls',
      'openEnvironment',
      'parse',
      'parseDigest',
      'pruneStore',
      'pull',
      'push',
      'resolve',
      'saveBuild',
      'snapshot',
      'storeUsage',
      'updateLock',
      'vendorLock',
      'verify',
      'verifyStore',
    ]);
    expect(Object.keys(await load('conformance')).sort()).toEqual(['RULES', 'runConformance']);
  });
});

describe('the functions', () => {
  const cacheDir = tempDir('library-cache');

  it('answer two callers at once in one process', async () => {
    const [dirA, dirB] = [join(tempDir('library'), 'a'), join(tempDir('library'), 'b')];
    const options = { cacheDir, attributes: { platform: 'linux/amd64' } };
    const [a, b, keys, resolution] = await Promise.all([
      library.snapshot(layoutRef('hello'), dirA, options),
      library.snapshot(layoutRef('hello'), dirB, { ...options, cacheDir: tempDir('library-cache') }),
      library.cacheKey(directory('app'), { cacheDir }),
      library.resolve(layoutRef('hello'), options),
    ]);
    expect([a.status, b.status, a.key]).toEqual(['written', 'written', b.key]);
    expect(keys.keys.map(({ done }) => done)).toEqual([false, true]);
    expect(resolution.pinned).toBe(`${resolution.identifier}@${resolution.digest}`);
    expect((await library.snapshot(layoutRef('hello'), dirA, options)).status).toBe('unchanged');
  });

  it('end with the reason of the signal, and leave nothing (B1)', async () => {
    const target = join(tempDir('library'), 'out');
    const reason = new Error('enough');
    const aborted = library.snapshot(layoutRef('hello'), target, { cacheDir, signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    await expect(library.cacheKey(`${target}-nowhere`, { cacheDir })).rejects.toMatchObject({ exit: 3 });
  });

  it('print nothing and change nothing of the process (B1)', async () => {
    const program = `
      const before = JSON.stringify([process.cwd(), process.umask(), process.eventNames(), process.exitCode]);
      const { snapshot, cacheKey } = await import(${JSON.stringify(pathToFileURL(join(packageRoot, 'dist', 'index.js')).href)});
      const cacheDir = ${JSON.stringify(cacheDir)};
      await snapshot(${JSON.stringify(layoutRef('everything'))}, ${JSON.stringify(join(tempDir('library'), 'out'))}, { cacheDir });
      await cacheKey('nope://x', { cacheDir }).catch(() => undefined);
      if (JSON.stringify([process.cwd(), process.umask(), process.eventNames(), process.exitCode]) !== before) throw new Error('changed');
    `;
    const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', program]);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });
});

describe('what is handed over', () => {
  const cacheDir = tempDir('library-cache');
  const app = directory('app');
  const hello = layoutRef('hello');
  const refused = (call: Promise<unknown>, message: RegExp, hint?: RegExp) =>
    expect(call).rejects.toSatisfy((error: { code: string; exit: number; message: string; hint?: string }) => {
      expect(error).toMatchObject({ code: 'E_USAGE', exit: 2, message: expect.stringMatching(message) as string });
      if (hint !== undefined) expect(error.hint).toMatch(hint);
      return true;
    });
  // As a program hands it over that no compiler has seen.
  const key = (reference: unknown, options?: unknown) =>
    library.cacheKey(reference as string, { cacheDir, ...(options as object) });

  it.each<[string, string, object, RegExp, RegExp?]>([
    ['a slip of the pen', app, { exlude: ['src'] }, /^attributes\.exlude is not known$/, /\bexclude\b/],
    ['an attribute of another source', app, { platform: 'linux/amd64' }, /attributes\.platform is not known/],
    ['a name as JavaScript would write it', hello, { layerLimit: 1 }, /layerLimit/, /^it is layer-limit$/],
    ['a text for a list', app, { exclude: 'src' }, /attributes\.exclude is not "src": it takes a list of texts/],
    ['a list of something else', app, { exclude: [1] }, /list of texts/],
    ['a text for a number', hello, { 'layer-limit': '1' }, /a whole number/],
    ['no number', hello, { 'layer-limit': Number.NaN }, /not NaN: it takes a whole number/],
    ['a number for a text', hello, { platform: 1 }, /not 1: it takes a text/],
    ['a text for a flag', app, { 'no-ignore-file': 'true' }, /true or false/],
    ['none of the choices', app, { modes: 'exakt' }, /exact or exec/],
    ['a member of every object', app, { constructor: 'x', toString: 'y' }, /attributes\.constructor is not known/],
    ['no object', app, ['exclude'], /attributes is not such an array: it takes an object/],
  ])('attributes: %s', async (_, reference, attributes, message, hint) => {
    await refused(key(reference, { attributes }), message, hint);
    await refused(
      library.resolve(reference, { cacheDir, attributes } as Parameters<Library['resolve']>[1]),
      message,
      hint,
    );
  });

  it('attributes that say nothing are none', async () => {
    const { key: plain } = await library.cacheKey(app, { cacheDir });
    const attributes = { exclude: undefined, 'no-ignore-file': false, modes: 'exact' as const };
    expect((await library.cacheKey(app, { cacheDir, attributes })).key).toBe(plain);
  });

  it.each<[string, object, RegExp]>([
    ['an option that is not there', { cachedir: '/x' }, /^cachedir is not known$/],
    ['an option of snapshots', { force: true }, /^force is not known$/],
    ['an empty path', { cacheDir: '' }, /cacheDir is not "": /],
    [
      'a duration as a text',
      { network: { maxWait: '5s' } },
      /network\.maxWait is not "5s": it takes a number of millisec/,
    ],
    ['no places at all', { network: { parallel: 0 } }, /network\.parallel is not 0: it takes a whole number from 1 on/],
    ['a mirror as a text', { network: { mirrors: ['a=b'] } }, /network\.mirrors\[0\] is not "a=b"/],
    ['a signal that is none', { signal: {} }, /signal is not such an object: it takes an AbortSignal/],
    ['a source that is none', { sources: [{}] }, /sources\[0\]/],
  ])('options: %s', (_, options, message) => refused(key(hello, options), message));

  it.each<[string, object, RegExp]>([
    ['an owner', { write: { owner: 'nobody' } }, /write\.owner is not "nobody": it takes auto or preserve or current/],
    [
      'a limit that limits nothing',
      { write: { limits: { maxBytes: Number.NaN } } },
      /write\.limits\.maxBytes is not NaN/,
    ],
    ['a limit that is not there', { write: { limits: { maxByte: 1 } } }, /write\.limits\.maxByte is not known/],
    ['a filter', { write: { filter: { include: 'etc' } } }, /write\.filter\.include/],
    ['a time', { write: { epoch: '0' } }, /write\.epoch/],
    ['force', { force: 'yes' }, /^force is not "yes"/],
  ])('snapshot options: %s', async (_, options, message) => {
    const target = join(tempDir('library'), 'out');
    await refused(library.snapshot(hello, target, { cacheDir, ...options } as object), message);
    expect(existsSync(target)).toBe(false);
  });

  it('options are an object', async () => {
    await refused(library.cacheKey(hello, 'x' as unknown as object), /^options is not "x": it takes an object/);
  });

  it('references and directories are texts', async () => {
    await refused(key(undefined), /^reference is not undefined/);
    await refused(library.snapshot(hello, '', { cacheDir }), /^dir is not ""/);
  });

  it('limits that are not given are the usual ones', async () => {
    const target = join(tempDir('library'), 'out');
    const write = { limits: { maxFiles: 1 }, owner: undefined } as Parameters<Library['snapshot']>[2] & object;
    await expect(library.snapshot(hello, target, { cacheDir, write } as object)).rejects.toMatchObject({
      code: 'E_LIMIT',
    });
    const one = await library.snapshot(hello, target, { cacheDir, write: { limits: { maxRatio: 500 } } });
    expect(one.status).toBe('written');
  });

  it('writes what is packed to next to nothing where it was said how much may come', async () => {
    const builder = new LayoutBuilder();
    const archive = tar([{ name: 'lastlog', content: Buffer.alloc(66 << 20) }]);
    const descriptor = builder.blob(gzip(archive, 9), layerType('gzip'));
    builder.tag(builder.image({ layers: [{ descriptor, diffId: digestOf(archive) }] }));
    const reference = `oci-layout://${builder.write(join(tempDir('library'), 'layout'))}`;
    const target = join(tempDir('library'), 'out');
    const usual = library.snapshot(reference, target, { cacheDir });
    await expect(usual).rejects.toMatchObject({ exit: 8, hint: expect.stringContaining('--max-bytes') });
    const limits = { maxBytes: 1 << 30 };
    expect((await library.snapshot(reference, target, { cacheDir, write: { limits } })).bytes).toBe(66 << 20);
  });

  it('strict refuses what is doubtful', async () => {
    const options = { cacheDir, attributes: { platform: 'linux/arm64' } };
    expect((await library.cacheKey(hello, options)).key).toMatch(/^sha256:/);
    await expect(library.cacheKey(hello, { ...options, strict: true })).rejects.toMatchObject({ exit: 7 });
    const target = join(tempDir('library'), 'out');
    await expect(library.snapshot(hello, target, { ...options, strict: true })).rejects.toMatchObject({ exit: 7 });
  });

  it('AttributesByScheme has the attributes of each source, and no others', async () => {
    const text = readFileSync(join(packageRoot, 'src', 'library', 'attributes.ts'), 'utf8');
    const bodies = new Map<string, { names: string[]; from: string[] }>();
    for (const [, name, parents = '', body] of text.matchAll(
      /^export interface (\w+)(?:\s+extends ([^{]*))? \{\n([\s\S]*?)^\}/gm,
    )) {
      const names = [...body!.matchAll(/^ {2}readonly '?([a-z+-]+)'?\?: /gm)].map((match) => match[1]!);
      bodies.set(name!, { names, from: parents.split(/[,\s]+/).filter((parent) => parent !== '') });
    }
    const namesOf = (type: string): string[] => {
      const { names, from } = bodies.get(type)!;
      return [...new Set([...names, ...from.flatMap(namesOf)])];
    };
    const table = /interface AttributesByScheme \{\n([\s\S]*?)^\}/m.exec(text)![1]!;
    const typed = new Map(
      [...table.matchAll(/^ {2}readonly '?([a-z+-]+)'?: (\w+)/gm)].map((match) => [match[1]!, namesOf(match[2]!)]),
    );
    for (const { schemes, attributes } of await new SourceTable().loadAll()) {
      const declared = attributes.map(({ name }) => name).sort();
      for (const scheme of schemes) expect([scheme, typed.get(scheme)?.sort()]).toEqual([scheme, declared]);
    }
  });
});

describe('an environment', () => {
  it('is shared by calls, which find what others fetched, until it is closed', async () => {
    const cacheDir = tempDir('library-cache');
    const environment = await library.openEnvironment({ cacheDir });
    const [pulled, keys] = await Promise.all([
      library.pull(layoutRef('hello'), { environment }),
      library.cacheKey(layoutRef('hello'), { environment }),
    ]);
    expect([environment.cacheDir, pulled.digest]).toEqual([cacheDir, keys.keys[0]!.pin]);
    // Its lease holds what was pulled, even against a collection of everything.
    const { removed } = await library.pruneStore({ cacheDir, all: true });
    expect(removed).toEqual([]);
    await environment[Symbol.asyncDispose]();
    await environment.close();
    const closed = library.cacheKey(layoutRef('hello'), { environment });
    await expect(closed).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('is closed') });
    expect((await library.pruneStore({ cacheDir, all: true })).removed.length).toBeGreaterThan(0);
  });

  it('excludes the options that it was opened with', async () => {
    await using environment = await library.openEnvironment({ cacheDir: tempDir('library-cache') });
    const both = library.parse('./x', { environment, offline: true });
    await expect(both).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'offline and environment exclude each other',
    });
    const unknown = library.openEnvironment({ cachedir: '/x' } as object);
    await expect(unknown).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});
