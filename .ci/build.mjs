// Bundles the command line, the library and the workers into dist/, with split chunks so that a subcommand
// loads only what it needs, and writes the type declarations beside them.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

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

// HTTP/2 is switched off in the transport, and loading node:http2 for it would cost each request's start 5 ms.
const withoutHttp2 = {
  name: 'without-http2',
  setup(bundler) {
    bundler.onLoad({ filter: /undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({
      contents: 'module.exports = undefined',
    }));
  },
};

await build({
  absWorkingDir: root,
  plugins: [withoutHttp2],
  entryPoints,
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: ['koffi'],
  legalComments: 'linked',
  minifySyntax: true,
  chunkNames: 'chunks/[name]-[hash]',
  define: { __CTXSRC_BUNDLED__: 'true', __CTXSRC_VERSION__: JSON.stringify(pkg.version) },
  // undici and parts of ora are CommonJS: bundled as ESM they still call require for node: modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

if (!process.argv.includes('--no-types')) {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json')], { stdio: 'inherit' });
}
