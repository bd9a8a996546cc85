/** The shape of the program: who may import whom, which packages are used where. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './support/cli.ts';

/** A file imports only from folders before its own, or from its own. `index` is the file src/index.ts. */
const ORDER = [
  'core',
  'oci',
  'contract',
  'fs',
  'http',
  'store',
  'registry',
  'layer',
  'image',
  'source',
  'dockerfile',
  'build',
  'snapshot',
  'upkeep',
  'page',
  'conformance',
  'library',
  'index',
  'cli',
];

/** Where each third-party package may be imported. */
const PACKAGES: Record<string, RegExp> = {
  undici: /^http\/transport\//,
  koffi: /^fs\/native\/native\.ts$/,
  diff: /^snapshot\/diff\/patch\.ts$/,
  yaml: /^build\/bake\/description\.ts$/,
  tar: /^layer\/tar\/writer\.ts$/,
  fflate: /^layer\//,
  fzstd: /^layer\//,
  commander: /^cli\//,
  ora: /^cli\//,
};

/** Imported by one file only, so that there is one place to look at and to replace. */
const ONE_FILE = ['undici', 'koffi', 'tar', 'yaml', 'ora', 'diff'];

/** Loaded when needed, never with the module that needs it. */
const LAZY = ['undici', 'koffi', 'yaml', 'ora', 'diff'];

interface Import {
  readonly specifier: string;
  readonly lazy: boolean;
  readonly typeOnly: boolean;
}

interface Source {
  /** Below src/, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const src = join(packageRoot, 'src');
const sources: Source[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  // Declarations of types describe packages, they use none.
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .sort()
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8');
    return { path: path.replaceAll('\\', '/'), text, imports: importsOf(text) };
  });
const byPath = new Map(sources.map((source) => [source.path, source]));

function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(
    /^(?:import|export)\b(\s+type\b)?[^'"`;]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'/gm,
  )) {
    found.push({ specifier: (match[2] ?? match[3])!, lazy: false, typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\b(?:import|require)\(\s*'([^']+)'\s*\)/g)) {
    // `typeof import('x')` and `import('x').Type` are types.
    const typeOnly = /typeof\s+$/.test(text.slice(0, match.index));
    found.push({ specifier: match[1]!, lazy: true, typeOnly });
  }
  return found;
}

function folderOf(path: string): string {
  return path === 'index.ts' ? 'index' : path.slice(0, path.indexOf('/'));
}

/** The path below src/ that a relative import names. */
function targetOf(source: Source, specifier: string): string {
  return posix.join(posix.dirname(source.path), specifier);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('imports', () => {
  it('are found at all', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap((source) => source.imports).length).toBeGreaterThan(sources.length);
  });

  it('name existing files with their extension, or node: modules, or known packages', () => {
    const wrong = sources.flatMap((source) =>
      source.imports
        .filter(({ specifier }) => {
          // Parts of the page are no code of the program: the build puts them in as they are.
          if (specifier.endsWith('?raw')) return !existsSync(join(src, targetOf(source, specifier.slice(0, -4))));
          if (specifier.startsWith('.')) return !byPath.has(targetOf(source, specifier));
          return !specifier.startsWith('node:') && PACKAGES[packageOf(specifier)] === undefined;
        })
        .map(({ specifier }) => `${source.path}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('point from a folder to its own or to an earlier one', () => {
    const wrong: string[] = [];
    for (const source of sources) {
      const from = ORDER.indexOf(folderOf(source.path));
      if (from < 0) wrong.push(`${source.path}: its folder is not in the order`);
      for (const { specifier } of source.imports) {
        if (!specifier.startsWith('.')) continue;
        const target = targetOf(source, specifier);
        if (ORDER.indexOf(folderOf(target)) > from) wrong.push(`${source.path} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('form no cycle between the rooms and files of a folder', () => {
    // A room is a folder within a folder. It counts as one thing, so that there is an order in which they can be read.
    const room = (path: string): string => path.split('/').slice(0, 2).join('/');
    const edges = new Map<string, Map<string, string>>();
    for (const source of sources) {
      for (const { specifier, lazy } of source.imports) {
        if (lazy || !specifier.startsWith('.')) continue;
        const [from, to] = [room(source.path), room(targetOf(source, specifier))];
        if (from !== to) edges.set(from, (edges.get(from) ?? new Map()).set(to, `${source.path} imports ${specifier}`));
      }
    }
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      [...(edges.get(from)?.keys() ?? [])].some(
        (next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))),
      );
    const wrong = [...edges].flatMap(([from, targets]) =>
      [...targets].filter(([to]) => reaches(to, from)).map(([, what]) => what),
    );
    expect(sources.some(({ path }) => room(path) !== path)).toBe(true);
    expect(wrong).toEqual([]);
  });

  it('form no cycle between files', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      if (done.has(path)) return;
      for (const { specifier, lazy } of byPath.get(path)?.imports ?? []) {
        // A table of commands or sources loads its entries when asked; they may look into the table.
        if (specifier.startsWith('.') && !lazy) visit(targetOf(byPath.get(path)!, specifier), [...trail, path]);
      }
      done.add(path);
    };
    for (const { path } of sources) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('use third-party packages only where they belong, and those that cost a start only when needed', () => {
    const wrong: string[] = [];
    for (const [name, allowed] of Object.entries(PACKAGES)) {
      const users = sources.filter((source) =>
        source.imports.some((used) => !used.typeOnly && packageOf(used.specifier) === name),
      );
      for (const { path } of users) if (!allowed.test(path)) wrong.push(`${path} imports ${name}`);
      if (ONE_FILE.includes(name) && users.length > 1) {
        wrong.push(`${name} is imported by ${users.map((user) => user.path).join(', ')}`);
      }
    }
    for (const source of sources) {
      for (const used of source.imports) {
        if (LAZY.includes(packageOf(used.specifier)) && !used.lazy && !used.typeOnly && !isLoadedLazily(source.path)) {
          wrong.push(`${source.path} imports ${used.specifier} at once`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('do not let one source know another', () => {
    const table = byPath.get('source/table.ts');
    const entries = (table?.imports ?? [])
      .filter((used) => used.lazy && used.specifier.startsWith('.'))
      .map((used) => targetOf(table!, used.specifier));
    expect(entries.length).toBeGreaterThan(0);
    // A source is its entry file, or the folder it lies in.
    const unitOf = (path: string): string | undefined =>
      entries
        .map((entry) => (posix.dirname(entry) === 'source' ? entry : `${posix.dirname(entry)}/`))
        .find((unit) => path === unit || path.startsWith(unit.endsWith('/') ? unit : `${unit}\0`));
    const wrong: string[] = [];
    for (const source of sources) {
      const from = unitOf(source.path);
      for (const { specifier } of source.imports) {
        if (!specifier.startsWith('.') || source.path === 'source/table.ts') continue;
        const to = unitOf(targetOf(source, specifier));
        if (to !== undefined && to !== from && from !== undefined) wrong.push(`${source.path} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** True when the file itself is only ever reached by `import()`: then it may import what it likes. */
function isLoadedLazily(path: string): boolean {
  const users = sources.flatMap((source) =>
    source.imports.filter(
      (used) => used.specifier.startsWith('.') && !used.typeOnly && targetOf(source, used.specifier) === path,
    ),
  );
  return users.length > 0 && users.every((used) => used.lazy);
}

describe('files', () => {
  it("name a scheme in src/source/ only, and where BuildKit's operations are written", () => {
    const schemes = ['docker-image', 'docker-archive', 'oci-archive', 'docker-image\\+blob', 'oci-layout\\+blob'];
    // `oci-layout`, `git`, `local` and `http` are words of their own: there, comparing a scheme is what gives it away.
    const literal = new RegExp(`['"\`](?:${schemes.join('|')})(?:['"\`]|://)|['"\`]oci-layout(?:\\+blob)?://`);
    const comparison = /(?:[sS]cheme\s*[!=]==?\s*|case )['"](?:local|git|oci-layout)['"]/;
    const wrong: string[] = [];
    for (const source of sources) {
      // An operation of BuildKit names its source by scheme.
      if (/^(?:source|dockerfile\/graph)\//.test(source.path)) continue;
      const { code } = transformSync(source.text, { loader: 'ts', legalComments: 'none' });
      for (const line of code.split('\n')) {
        if (literal.test(line) || comparison.test(line)) wrong.push(`${source.path}: ${line.trim()}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('stay short: most under 300 lines, none over 400', () => {
    // Tables of text grow by a row for each new thing; whoever adds one should not have to split them.
    const lengths = sources
      .filter(({ path }) => path !== 'upkeep/explanations.ts')
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    const long = lengths.filter(({ lines }) => lines > 300).map(({ path, lines }) => `${path} (${lines})`);
    if (long.length > 0) console.warn(`over 300 lines: ${long.join(', ')}`);
    expect(long.length).toBeLessThanOrEqual(sources.length / 10);
    expect(lengths.filter(({ lines }) => lines > 400)).toEqual([]);
  });

  it('say no `any`, silence no check, print nothing outside the command line (B1)', () => {
    const rules: [RegExp, RegExp | undefined][] = [
      [/\bas any\b|: any\b|<any>|\bany\[\]/, undefined],
      [/@ts-ignore|@ts-expect-error|@ts-nocheck|\bTODO\b|\bFIXME\b/, undefined],
      [
        /\bconsole\b|process\.(?:stdout|stderr|exit|exitCode|reallyExit|abort|emitWarning)\b|node:(?:process|console)\b/,
        /^cli\/|^conformance\/conformance-child\.ts$/,
      ],
      [/process\.(?:chdir|umask|setuid|setgid)\(|setGlobalDispatcher/, /^conformance\/conformance-child\.ts$/],
    ];
    const wrong: string[] = [];
    for (const { path, text } of sources) {
      for (const [rule, allowed] of rules) {
        for (const [index, line] of text.split('\n').entries()) {
          const isComment = /^\s*(?:\*|\/[/*])/.test(line) && !/@ts-|TODO|FIXME/.test(line);
          if (rule.test(line) && !isComment && allowed?.test(path) !== true) {
            wrong.push(`src/${path}:${index + 1}: ${line.trim()}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});
