// Bundles the command line, the library and the workers into dist/, with the heavy packages split off so that a command
// loads only what it needs, and writes the type declarations beside them.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const pkg = createRequire(import.meta.url)('../package.json');

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
  ...workers,
};
for (const [name, file] of Object.entries(entryPoints)) {
  if (!existsSync(join(root, file))) delete entryPoints[name];
}

// Packages that most commands do not need are files of their own, loaded when they are.
const vendors = { ora: 'ora', tar: 'tar', yaml: 'yaml' };

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

const vendored = {
  name: 'vendored',
  setup({ onResolve }) {
    onResolve({ filter: /^[a-z]/ }, ({ path, importer }) =>
      Object.hasOwn(vendors, path) && !importer.includes('node_modules')
        ? { path: `./vendor/${path}.cjs`, external: true }
        : undefined,
    );
  },
};

// What a key of a directory or a layout needs. The bundler makes a chunk of each set of modules that the same entries
// reach, and each chunk costs a start about a millisecond: so that these become one, every module that is loaded when
// needed is made to reach all of them.
const base = [
  'src/cli/program.ts',
  'src/cli/commands/key.ts',
  'src/image/instance.ts',
  'src/source/oci-layout.ts',
  'src/source/docker-image.ts',
  'src/source/local.ts',
  'src/store/store.ts',
];
const oneBase = {
  name: 'one-base',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^base:$/ }, () => ({ path: 'base', namespace: 'base' }));
    onLoad({ filter: /.*/, namespace: 'base' }, () => ({
      contents: base.map((file) => `import ${JSON.stringify(join(root, file))};`).join('\n'),
      resolveDir: root,
    }));
    const lazy = lazyModules();
    onLoad({ filter: /src\/.*\.ts$/ }, ({ path }) => {
      if (!lazy.has(path)) return undefined;
      return { contents: `${readFileSync(path, 'utf8')}\nimport 'base:';\n`, loader: 'ts' };
    });
  },
};

/** The modules of ours that some module loads when it needs them. */
function lazyModules() {
  const lazy = new Set();
  for (const name of readdirSync(join(root, 'src'), { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(root, 'src', name);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/\bimport\('(\.[^']+)'\)/g))
      lazy.add(join(dirname(file), path));
  }
  return lazy;
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
  __load: `async function __load(part) {
    const exported = require(part);
    return exported.__esModule ? exported : { ...exported, default: exported };
  }`,
  __url: 'const __url = require("node:url").pathToFileURL(__filename).href;',
};

const { cli, ...others } = entryPoints;
await buildCommandLine();
await build({
  ...common,
  ...asModules,
  entryPoints: others,
  outdir: dist,
  external: ['koffi'],
  plugins: [vendored, builtins],
});
await build({
  ...common,
  format: 'cjs',
  entryPoints: vendors,
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
    plugins: [vendored, oneBase, lazyChildProcess],
    define: { ...common.define, 'import.meta.url': '__url' },
    splitting: true,
    chunkNames: '[name]-[hash]',
    write: false,
  });
  mkdirSync(dist, { recursive: true });
  await Promise.all(
    outputFiles.map(async ({ path, text }) => {
      writeFileSync(path, path.endsWith('.cjs') ? await asCommonJs(text) : text);
    }),
  );
}

/** Only parts of the program are required; a module that the user names is imported as before. */
async function asCommonJs(text) {
  const parts = text.replace(/\bimport\("(\.\/[^"]+)"\)/g, '__load("$1")');
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
  plugins: [builtins],
  define: { ...common.define, __CTXSRC_SINGLE_FILE__: 'true' },
  banner: { js: `#!/usr/bin/env node\n${asModules.banner.js}` },
  legalComments: 'eof',
});
chmodSync(join(dist, 'ctxsrc.mjs'), 0o755);

if (!process.argv.includes('--no-types')) {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json')], { stdio: 'inherit' });
}
