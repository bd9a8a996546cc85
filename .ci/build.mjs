// Bundles the command line, the library and the workers into dist/, with the heavy packages split off so that a command
// loads only what it needs, and writes the manual page and the type declarations beside them.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const pkg = createRequire(import.meta.url)('../package.json');
const nodeTooOld = createRequire(import.meta.url)('../bin/node-version.js');

rmSync(dist, { recursive: true, force: true });

const workers = {
  'worker-hash': 'src/fs/hash-worker.ts',
  'worker-unpack': 'src/layer/unpack-worker.ts',
  'worker-clone': 'src/store/clone-worker.ts',
};
const entryPoints = {
  cli: 'src/cli/main.ts',
  index: 'src/index.ts',
  conformance: 'src/conformance/kit.ts',
  'conformance-child': 'src/conformance/conformance-child.ts',
};

// Packages that most commands do not need are files of their own, loaded when they are.
const vendors = {
  'undici-pool': 'undici/lib/dispatcher/pool.js',
  'undici-llhttp': 'undici/lib/llhttp/llhttp-wasm.js',
  ora: 'ora',
  tar: 'tar',
  yaml: 'yaml',
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  legalComments: 'linked',
  minifySyntax: true,
  minifyWhitespace: true,
  define: { __CTXSRC_BUNDLED__: 'true', __CTXSRC_VERSION__: JSON.stringify(pkg.version) },
  logLevel: 'warning',
};
const asModules = {
  format: 'esm',
  // Packages that are CommonJS still call require for node: modules when they are bundled as ESM.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};
// The first thing that runs: what comes after it may fail in any way on an old Node.
const whenTooOld = (act) =>
  `{ const tooOld = (${nodeTooOld})(process.versions, process.getBuiltinModule); if (tooOld !== undefined) ${act} }`;
const asLibrary = { ...asModules, banner: { js: `${asModules.banner.js}\n${whenTooOld('throw new Error(tooOld);')}` } };

const vendored = {
  name: 'vendored',
  setup({ onResolve }) {
    const names = Object.fromEntries(Object.entries(vendors).map(([name, specifier]) => [specifier, name]));
    onResolve({ filter: /^[a-z]/ }, ({ path, importer }) =>
      Object.hasOwn(names, path) && !importer.includes('node_modules')
        ? { path: `./vendor/${names[path]}.cjs`, external: true }
        : undefined,
    );
  },
};

// The bundler makes a chunk of each set of modules that the same entries reach, and each chunk costs a start about a
// millisecond. So what a key of a layout needs, what a directory needs beside it, and what a registry needs, are made one
// chunk each: every module that is loaded when needed, and reaches a part of one, is made to reach all of it.
const groups = {
  base: [
    'src/cli/program.ts',
    'src/cli/commands/digest.ts',
    'src/cli/commands/key.ts',
    'src/image/instance.ts',
    'src/source/oci-layout.ts',
    'src/store/store.ts',
  ],
  local: ['src/source/local.ts'],
  registry: ['src/source/docker-image.ts', 'src/registry/client.ts', 'src/registry/credentials.ts'],
};
const grouped = {
  name: 'grouped',
  async setup({ onLoad, onResolve }) {
    const wanted = await groupsOfLazyModules();
    onResolve({ filter: /^group:/ }, ({ path }) => ({ path, namespace: 'group' }));
    onLoad({ filter: /.*/, namespace: 'group' }, ({ path }) => ({
      contents: importAll(groups[path.slice('group:'.length)].map((file) => join(root, file))),
      resolveDir: root,
    }));
    onLoad({ filter: /src\/.*\.ts$/ }, ({ path }) => {
      const names = wanted.get(path);
      if (names === undefined) return undefined;
      return { contents: readFileSync(path, 'utf8') + importAll(names.map((name) => `group:${name}`)), loader: 'ts' };
    });
  },
};

const importAll = (paths) => paths.map((path) => `\nimport ${JSON.stringify(path)};`).join('');

/** For each module of ours that another one loads when it needs it, the groups that it reaches a part of. */
async function groupsOfLazyModules() {
  const { metafile } = await build({
    ...common,
    format: 'esm',
    entryPoints: [entryPoints.cli],
    outdir: dist,
    packages: 'external',
    metafile: true,
    write: false,
  });
  const importsOf = (file, lazy) =>
    metafile.inputs[file].imports
      .filter(({ kind, external }) => external !== true && (kind === 'dynamic-import') === lazy)
      .map(({ path }) => path);
  const reach = (files, seen = new Set()) => {
    for (const file of files) if (!seen.has(file)) reach(importsOf(file, false), seen.add(file));
    return seen;
  };
  const base = reach(groups.base);
  const parts = Object.entries(groups).map(([name, files]) => [
    name,
    new Set([...reach(files)].filter((file) => !base.has(file))),
  ]);
  const lazy = new Set(Object.keys(metafile.inputs).flatMap((file) => importsOf(file, true)));
  return new Map(
    Array.from(lazy, (file) => {
      const reached = reach([file]);
      const names = parts.filter(([name, part]) => name === 'base' || [...part].some((file) => reached.has(file)));
      return [join(root, file), names.map(([name]) => name)];
    }),
  );
}

// An `import` of a module of Node's evaluates every lazy part of it (streams for node:fs, webcrypto for node:crypto);
// asking the process for it does not.
const builtins = {
  name: 'builtins',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }));
  },
};

// commander requires this for a kind of subcommand that is a program of its own.
const lazyChildProcess = {
  name: 'lazy-child-process',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:child_process$/ }, ({ path, kind }) =>
      kind === 'require-call' ? { path, namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = __lazy("${path}", ["spawn"])`,
    }));
  },
};

/** What the chunks use. */
const prologue = {
  __lazy: `function __lazy(module, names) {
    const members = {};
    for (const name of names) {
      Object.defineProperty(members, name, {
        configurable: true,
        get() {
          const value = process.getBuiltinModule(module)[name];
          Object.defineProperty(members, name, { value });
          return value;
        },
      });
    }
    return members;
  }`,
  __load: `async function __load(part, names) {
    const exported = require(part);
    if (names) return Object.fromEntries(Object.entries(names).map(([name, from]) => [name, exported[from]]));
    return exported.__esModule ? exported : { ...exported, default: exported };
  }`,
  __url: 'const __url = require("node:url").pathToFileURL(__filename).href;',
};

// What undici loads and a pool of HTTP/1.1 connections that sends short texts has no use for: HTTP/2, bodies of other kinds,
// node:http for two names in it, and the messages of node:assert, which open stderr; and the parser for machines without
// SIMD, which is a file of its own. They would cost each request's start 40 ms.
const leanUndici = (apart) => ({
  name: 'lean-undici',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /undici\/lib\/(dispatcher\/client-h2|web\/fetch\/body)\.js$/ }, () => ({
      contents: 'module.exports = undefined',
    }));
    onResolve({ filter: /\/llhttp-wasm\.js$/ }, ({ kind }) =>
      apart && kind === 'require-call' ? { path: './undici-llhttp.cjs', external: true } : undefined,
    );
    onResolve({ filter: /^node:(http|assert)$/ }, ({ path, importer }) =>
      importer.includes('/undici/') ? { path, namespace: 'lean' } : undefined,
    );
    const names = 'exports.IncomingMessage = class {}; exports.maxHeaderSize = 16384; exports.STATUS_CODES = {};';
    const assertion = `
      function assert(holds, message) {
        if (!holds) throw message instanceof Error ? message : new Error(message ?? 'undici: an assertion failed');
      }
      module.exports = Object.assign(assert, {
        equal: (a, b, message) => assert(a == b, message),
        notEqual: (a, b, message) => assert(a != b, message),
        strictEqual: (a, b, message) => assert(Object.is(a, b), message),
        notStrictEqual: (a, b, message) => assert(!Object.is(a, b), message),
      });`;
    onLoad({ filter: /.*/, namespace: 'lean' }, ({ path }) => ({ contents: path === 'node:http' ? names : assertion }));
  },
});

const { cli, ...others } = entryPoints;
await buildCommandLine();
await build({
  ...common,
  ...asLibrary,
  entryPoints: others,
  outdir: dist,
  external: ['koffi'],
  plugins: [vendored, builtins],
});
// As CommonJS a thread starts 20 ms sooner.
await build({
  ...common,
  format: 'cjs',
  entryPoints: workers,
  outdir: dist,
  outExtension: { '.js': '.cjs' },
  external: ['koffi'],
  plugins: [vendored],
  // All that a thread asks it for is where to look for koffi.
  define: { ...common.define, 'import.meta.url': '__filename' },
});
await build({
  ...common,
  format: 'cjs',
  entryPoints: vendors,
  plugins: [leanUndici(true)],
  minifyIdentifiers: true,
  outdir: join(dist, 'vendor'),
  outExtension: { '.js': '.cjs' },
});

/**
 * The command line, in chunks, as CommonJS: Node's loader of ECMAScript modules would cost each start 20 ms. esbuild
 * makes chunks of modules only, so each chunk is translated afterwards.
 */
async function buildCommandLine() {
  const { outputFiles } = await build({
    ...common,
    format: 'esm',
    entryPoints: { cli },
    outdir: dist,
    outExtension: { '.js': '.cjs' },
    external: ['koffi'],
    plugins: [vendored, grouped, lazyChildProcess],
    define: { ...common.define, 'import.meta.url': '__url' },
    splitting: true,
    chunkNames: '[name]-[hash]',
    write: false,
  });
  const chunks = new Map(outputFiles.map(({ path, text }) => [`./${basename(path)}`, text]));
  const doors = new Map(Array.from(chunks, ([name, text]) => [name, doorTo(text)]).filter(([, door]) => door));
  mkdirSync(dist, { recursive: true });
  for (const [name, text] of chunks) {
    if (doors.has(name)) continue;
    writeFileSync(join(dist, name), name.endsWith('.cjs') ? await asCommonJs(text, doors) : text);
  }
}

/** Where a chunk leads that holds nothing and only gives names to what another one has; undefined for all others. */
function doorTo(text) {
  const match = /^(?:import"[^"]+";)*import\{([^}]+)\}from("[^"]+");(?:import"[^"]+";)*export\{([^}]+)\};\s*$/.exec(
    text,
  );
  if (match === null) return undefined;
  const pairs = (list) =>
    list
      .split(',')
      .map((item) => item.split(' as '))
      .map(([from, to = from]) => [to, from]);
  const imported = Object.fromEntries(pairs(match[1]));
  const names = pairs(match[3]).map(([name, local]) => `${name}: "${imported[local]}"`);
  return `__load(${match[2]}, { ${names.join(', ')} })`;
}

/** Only a module that the user names is imported as before, by the loader that the others do without. */
async function asCommonJs(text, doors) {
  const parts = text
    .replace(/\bimport\("(\.\/[^"]+)"\)/g, (_, path) => doors.get(path) ?? `__load("${path}")`)
    .replace(/\bimport\(("node:[^"]+")\)/g, 'Promise.resolve(process.getBuiltinModule($1))');
  const { code } = await transform(parts, { format: 'cjs', platform: 'node', target: common.target });
  const lazy = lazyBuiltins(code);
  const used = Object.entries(prologue).filter(([name]) => lazy.includes(name));
  // The names at the top stay as they are, so that the stack of a defect says something.
  const small = await transform(`${used.map(([, declaration]) => declaration).join('\n')}\n${lazy}`, {
    minify: true,
    platform: 'node',
    target: common.target,
  });
  return small.code;
}

/**
 * Most modules of Node's own cost a start milliseconds: each is loaded when something in it is first used, and asked for
 * once in a chunk, not once for each of our files.
 */
function lazyBuiltins(code) {
  const requires = /\b(import_\w+) = require\("(node:[\w/]+)"\)/g;
  const variables = {};
  for (const [, variable, module] of code.matchAll(requires)) {
    variables[module] = [...(variables[module] ?? []), variable];
  }
  return code.replace(requires, (whole, variable, module) => {
    const [first] = variables[module];
    if (variable !== first) return `${variable} = ${first}`;
    // Loaded already when a program starts, and called often.
    if (['node:fs', 'node:path'].includes(module)) return whole;
    const uses = code.matchAll(new RegExp(`\\b(?:${variables[module].join('|')})\\.(\\w+)`, 'g'));
    return `${variable} = __lazy("${module}", ${JSON.stringify([...new Set(Array.from(uses, ([, name]) => name))])})`;
  });
}

// The command line as one file, for those who want to copy it somewhere. Its URL's query says which part it is.
const parts = { 'conformance-child': entryPoints['conformance-child'], ...workers };
await build({
  ...common,
  ...asModules,
  minifyIdentifiers: true,
  stdin: {
    contents: `
      const parts = {
        ${Object.entries(parts).map(([name, file]) => `'?${name}': () => import('./${file}')`)}
      };
      const part = parts[new URL(import.meta.url).search];
      if (part !== undefined) await part();
      else await (await import('./${cli}')).main(process.argv.slice(2));
    `,
    resolveDir: root,
  },
  outfile: join(dist, 'ctxsrc.mjs'),
  external: ['koffi'],
  plugins: [leanUndici(false), builtins],
  define: { ...common.define, __CTXSRC_SINGLE_FILE__: 'true' },
  banner: {
    js: `#!/usr/bin/env node\n${asModules.banner.js}\n${whenTooOld("{ process.stderr.write(tooOld + '\\n'); process.exit(74); }")}`,
  },
  legalComments: 'eof',
});
chmodSync(join(dist, 'ctxsrc.mjs'), 0o755);

writeFileSync(
  join(dist, 'ctxsrc.1'),
  execFileSync(process.execPath, [join(root, 'bin', 'ctxsrc.js'), 'completion', 'man']),
);

if (!process.argv.includes('--no-types')) {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json')], { stdio: 'inherit' });
}
