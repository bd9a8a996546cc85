// Bundles the command line, the library and the threads into dist/, and writes the manual page and the type declarations
// beside them.
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);
const pkg = require('../package.json');
const nodeTooOld = require('../bin/node-version.js');

const threads = {
  'worker-hash': 'src/fs/hash/worker.ts',
  'worker-unpack': 'src/layer/threads/worker.ts',
  'worker-clone': 'src/store/snapshots/clone-worker.ts',
};
const child = { 'conformance-child': 'src/conformance/conformance-child.ts' };

/** Parts of the page of `--html`, which stand in the bundle as they are: `import style from './page.css?raw'`. */
const raw = {
  name: 'raw',
  resolveId: {
    filter: { id: /\?raw$/ },
    handler: (id, importer) => `\0raw:${resolve(dirname(importer), id.slice(0, -'?raw'.length))}`,
  },
  load: {
    filter: { id: /^\0raw:/ },
    handler: (id) => ({
      code: `export default ${JSON.stringify(readFileSync(id.slice('\0raw:'.length), 'utf8'))};`,
      moduleType: 'js',
    }),
  },
};

/** One bundle or several with common chunks. */
function bundle(input, { plugins = [], define = {}, ...output }) {
  return build({
    cwd: root,
    input,
    platform: 'node',
    external: ['koffi'],
    plugins: [raw, ...plugins],
    transform: {
      target: 'node20.19',
      define: { __CTXSRC_BUNDLED__: 'true', __CTXSRC_VERSION__: JSON.stringify(pkg.version), ...define },
    },
    checks: { ineffectiveDynamicImport: false },
    output: {
      dir: dist,
      comments: { legal: true, annotation: false, jsdoc: false },
      // The names at the top stay as they are, so that the stack of a defect says something.
      minify: { compress: true, mangle: { toplevel: false, keepNames: true }, codegen: true },
      chunkFileNames: `[name]-[hash].${output.format === 'cjs' ? 'cjs' : 'js'}`,
      ...output,
    },
  });
}

/** The first thing that runs: what comes after it may fail in any way on an old Node. */
const whenTooOld = (act) =>
  `{ const tooOld = (${nodeTooOld})(process.versions, process.getBuiltinModule); if (tooOld !== undefined) ${act} }`;

// Most modules of Node's own cost a start milliseconds, together 37 of a key's 90: each is loaded when something in it is
// first used. Those that are loaded already when a program starts, and called often, stay as they are.
const lazyBuiltins = `var require = ((load) => (id) => {
  if (!/^node:(?!(fs|path|process|events)$)/.test(id)) return load(id);
  const builtin = () => process.getBuiltinModule(id);
  return new Proxy({}, {
    get: (_, name) => builtin()[name],
    // Asked by an import of a whole module.
    ownKeys: () => Reflect.ownKeys(builtin()),
    getOwnPropertyDescriptor: (_, name) => ({ ...Reflect.getOwnPropertyDescriptor(builtin(), name), configurable: true }),
  });
})(require);`;

// What undici loads and a pool of HTTP/1.1 connections that sends short texts has no use for: HTTP/2, bodies of other kinds,
// node:http for two names in it, and the messages of node:assert, which open stderr. They would cost each request's start
// 40 ms.
const leanUndici = {
  name: 'lean-undici',
  resolveId: {
    filter: { id: /^node:(http|assert)$/ },
    handler: (id, importer) => (importer?.includes('/undici/') ? `\0lean:${id}` : undefined),
  },
  load: {
    filter: { id: /^\0lean:|undici\/lib\/(dispatcher\/client-h2|web\/fetch\/body)\.js$/ },
    handler(id) {
      if (id === '\0lean:node:http') {
        return 'exports.IncomingMessage = class {}; exports.maxHeaderSize = 16384; exports.STATUS_CODES = {};';
      }
      if (id === '\0lean:node:assert') return leanAssert;
      return 'module.exports = undefined';
    },
  },
};
const leanAssert = `
  function assert(holds, message) {
    if (!holds) throw message instanceof Error ? message : new Error(message ?? 'undici: an assertion failed');
  }
  module.exports = Object.assign(assert, {
    equal: (a, b, message) => assert(a == b, message),
    notEqual: (a, b, message) => assert(a != b, message),
    strictEqual: (a, b, message) => assert(Object.is(a, b), message),
    notStrictEqual: (a, b, message) => assert(!Object.is(a, b), message),
  });`;

// Each chunk costs a start about a millisecond: what a key of a layout needs, what a directory needs beside it, what a build
// needs beside both, and what a registry needs, are one chunk each, but for what others need of them. So is each package
// that most commands do not need.
const packages = ['undici', 'ora', 'tar', 'yaml', 'fflate', 'diff'];
const groups = {
  version: ['src/core/version.ts'],
  base: [
    'src/cli/program.ts',
    'src/cli/commands/digest.ts',
    'src/cli/commands/key.ts',
    'src/core/stable-json.ts',
    'src/image/instance.ts',
    'src/source/oci-layout/source.ts',
    'src/store/store.ts',
  ],
  'build-flags': ['src/cli/build-flags.ts'],
  local: ['src/source/local/source.ts'],
  'git-url': ['src/source/git/url.ts'],
  'build-key': ['src/cli/commands/build-key.ts'],
  registry: ['src/source/docker-image/source.ts', 'src/registry/client.ts', 'src/registry/auth/credentials.ts'],
};

rmSync(dist, { recursive: true, force: true });

// As CommonJS: Node's loader of ECMAScript modules would cost each start, of a program or a thread, 20 ms.
await bundle(
  { cli: 'src/cli/main.ts' },
  {
    format: 'cjs',
    entryFileNames: '[name].cjs',
    intro: lazyBuiltins,
    plugins: [leanUndici],
    codeSplitting: {
      groups: [
        // One that stands first takes what it needs before the next one does.
        ...Object.entries(groups).map(([name, files], index) => ({
          name,
          priority: packages.length + 9 - index,
          test: (id) => files.some((file) => id === join(root, file)),
        })),
        ...packages.map((name, index) => ({
          name: `vendor-${name}`,
          priority: packages.length - index,
          test: (id) => id.startsWith(join(root, 'node_modules', name, '/')),
        })),
      ],
    },
  },
);
for (const [name, file] of Object.entries(threads)) {
  // All that a thread asks its URL for is where to look for koffi.
  const define = { 'import.meta.url': '__filename' };
  await bundle({ [name]: file }, { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false, define });
}
await bundle(
  { index: 'src/index.ts', conformance: 'src/conformance/kit.ts', ...child },
  { format: 'esm', entryFileNames: '[name].js', banner: whenTooOld('throw new Error(tooOld);'), plugins: [leanUndici] },
);

// The command line as one file, for those who want to copy it somewhere. Its URL's query says which part it is.
const single = {
  name: 'single-file',
  resolveId: { filter: { id: /^single-file$/ }, handler: () => '\0single-file' },
  load: {
    filter: { id: /^\0single-file$/ },
    handler: () => `
      const parts = {
        ${Object.entries({ ...child, ...threads }).map(([name, file]) => `'?${name}': () => import('${join(root, file)}')`)}
      };
      const part = parts[new URL(import.meta.url).search];
      if (part !== undefined) await part();
      else await (await import('${join(root, 'src/cli/main.ts')}')).main(process.argv.slice(2));`,
  },
};
await bundle(
  { ctxsrc: 'single-file' },
  {
    format: 'esm',
    entryFileNames: '[name].mjs',
    codeSplitting: false,
    plugins: [single, leanUndici],
    define: { __CTXSRC_SINGLE_FILE__: 'true' },
    minify: true,
    banner: `#!/usr/bin/env node\n${whenTooOld("{ process.stderr.write(tooOld + '\\n'); process.exit(74); }")}`,
  },
);
chmodSync(join(dist, 'ctxsrc.mjs'), 0o755);

writeFileSync(
  join(dist, 'ctxsrc.1'),
  execFileSync(process.execPath, [join(root, 'bin', 'ctxsrc.js'), 'completion', 'man']),
);

if (!process.argv.includes('--no-types')) {
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json')], { stdio: 'inherit' });
}
