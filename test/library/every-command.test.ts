/**
 * The library does what the commands do: for each command and form of one, the functions of the library that do the
 * same, and the functions below both that both call. A new command needs a row.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { titleOf } from '../../src/cli/command-spec.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { packageRoot } from '../support/cli.ts';

/** Of each command: function of the library → what it and the command call. */
const STANDS_ON: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  parse: { parse: 'identifierMembers' },
  digest: { digest: 'digestMembers', resolve: 'digestsOf' },
  key: { cacheKey: 'keyMembers', combinedKey: 'combinedReport' },
  'key --build': {
    buildKey: 'inputsReport',
    saveBuild: 'savedText',
    known: 'memoryOfRepository memoryOfList',
    isBuilt: 'memoryOfRepository',
  },
  inputs: {
    inputs: 'inputsReport',
    inputNames: 'buildNames',
    bakeInputs: 'bakeReport',
    changedSince: 'memorySince changedTargets',
    changedInputs: 'readEarlierInputs changedInputs',
    inputsPage: 'inputsPage',
    bakePage: 'bakePage',
  },
  inspect: { inspect: 'inspect', inspectPage: 'inspectPage' },
  ls: { ls: 'withFiles listFiles' },
  cat: { cat: 'withFiles readFile' },
  pull: { pull: 'pullSource' },
  snapshot: { snapshot: 'writeSnapshot' },
  verify: { verify: 'verifyReport' },
  diff: { diff: 'diffReport', diffPage: 'diffPage' },
  'diff --build': { diffBuilds: 'buildDiffReport' },
  lock: {
    createLock: 'withContexts',
    updateLock: 'writtenContexts',
    lockFrom: 'contextsOfFile pinnedDockerfile',
    checkLock: 'driftsOf countedDrifts',
    formatLock: 'renderLock',
    vendorLock: 'vendorEntries',
  },
  auth: { auth: 'authReport testAccess' },
  export: { exportTo: 'exportRef' },
  push: { push: 'pushSource' },
  'cache ls': { listStore: 'store.list' },
  'cache du': { storeUsage: 'store.usage' },
  'cache prune': { pruneStore: 'store.prune clearLeftovers' },
  'cache verify': { verifyStore: 'store.verify' },
  'cache path': { openEnvironment: 'defaultCacheDir' },
  doctor: { doctor: 'examine' },
  sources: { listSources: 'listSchemes' },
  'sources test': { runConformance: 'runConformance' },
  explain: { explain: 'explainCode', explainExit: 'explainExit' },
};

/** Commands that no program asks for, and why. */
const FOR_PEOPLE_ALONE: Readonly<Record<string, string>> = {
  completion: 'prints scripts and a manual of the command line itself',
};

const src = join(packageRoot, 'src');
const texts = new Map(
  readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path.replaceAll('\\', '/'), readFileSync(join(src, path), 'utf8')]),
);

/** The text of a file and of those of its folder that it imports; imports and comments are left out. */
function withItsOwn(entry: string, folder: string): string {
  const seen = new Set([entry]);
  for (const path of seen) {
    // A table of all commands leads to all of them.
    if (TABLES.includes(path)) continue;
    for (const [, name] of texts.get(path)!.matchAll(/(?:from |import\()'([^']+)'/g)) {
      const target = posix.join(posix.dirname(path), name!);
      if (target.startsWith(folder) && texts.has(target)) seen.add(target);
    }
  }
  return [...seen]
    .map((path) => texts.get(path)!.replace(/^(?:import|export type) [^;]*;$|^\s*(?:\/\*\*|\*|\/\/).*$/gm, ''))
    .join('\n');
}

const TABLES = ['cli/program.ts', 'cli/commands.ts'];

/** The commands of the table, those of a word of their arguments each for itself. */
const names = COMMANDS.flatMap((spec) => {
  const title = titleOf(spec);
  const words = (spec.words ?? []).filter((word) => spec.args.includes(word));
  if (title in FOR_PEOPLE_ALONE) return [title];
  return [
    ...(spec.args.startsWith('<') && words.length > 0 ? [] : [title]),
    ...words.map((word) => `${title} ${word}`),
  ];
});

/** `key --build` is the file `build-key.ts`. */
function commandFile(name: string): string {
  const [first, form] = name.split(' ') as [string, string?];
  return `cli/commands/${form?.startsWith('--') === true ? `${form.slice(2)}-` : ''}${first}.ts`;
}

/** The file in which the library declares an exported function. */
function libraryFile(name: string): string {
  const declared = [...texts].filter(
    ([path, text]) =>
      /^(?:library|conformance)\//.test(path) && new RegExp(`^export (?:async )?function ${name}\\b`, 'm').test(text),
  );
  expect(declared.map(([path]) => path)).toHaveLength(1);
  return declared[0]![0];
}

describe('every command', () => {
  it('has a row here', () => {
    expect([...Object.keys(STANDS_ON), ...Object.keys(FOR_PEOPLE_ALONE)].sort()).toEqual([...names].sort());
  });

  const rows = Object.entries(STANDS_ON).flatMap(([command, functions]) =>
    Object.entries(functions).map(([name, calls]) => [command, name, calls] as const),
  );

  it.each(rows)('%s: %s of the library, by the same %s', (command, name, calls) => {
    const file = libraryFile(name);
    const entry = file.startsWith('library/') ? 'index.ts' : file;
    expect(texts.get(entry)).toMatch(new RegExp(`\\b${name}\\b`));
    const ofCommand = withItsOwn(commandFile(command), 'cli/');
    const text = withItsOwn(file, posix.dirname(file));
    // A function of the library may have the name of what it calls: its own declaration is no call.
    const ofLibrary = file.startsWith('library/') ? text.replace(new RegExp(`function\\*? ${name}\\b`), '') : text;
    for (const call of calls.split(' ')) {
      const word = new RegExp(`\\b${call}\\b`);
      expect([command, word.test(ofCommand), name, word.test(ofLibrary)]).toEqual([command, true, name, true]);
      const own = call.slice(call.indexOf('.') + 1);
      const declaration = new RegExp(`(?:function\\*? |const |^ {2}(?:async )?)${own}\\b`, 'm');
      const below = [...texts].some(([path, text]) => !/^(?:cli|library)\//.test(path) && declaration.test(text));
      expect([call, below]).toEqual([call, true]);
    }
  });
});

describe('every function of the library that does work', () => {
  it('stands in a row, but for those that are of the library itself', () => {
    // A program asks an error, a digest or a source of its own.
    const own = ['ioError', 'isCtxsrcError', 'isDigest', 'parseDigest'];
    const exported = [...texts.get('index.ts')!.matchAll(/^export \{([^}]*)\}/gm)]
      .flatMap(([, list]) => list!.split(','))
      .map((one) => one.trim())
      .filter((one) => /^[a-z]\w*$/.test(one));
    const standing = Object.values(STANDS_ON).flatMap((functions) => Object.keys(functions));
    expect(exported.filter((name) => !own.includes(name)).sort()).toEqual(
      standing.filter((name) => name !== 'runConformance').sort(),
    );
  });
});
