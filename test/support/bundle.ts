/** Bundles sources for a child process: one that is killed, that runs as another user, or whose code is altered. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { tempDir } from './temp.ts';

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const common = {
  absWorkingDir: REPOSITORY,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  external: ['koffi'],
  define: { __CTXSRC_BUNDLED__: 'true' },
  logLevel: 'warning',
} satisfies BuildOptions;

export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface BundleOptions {
  /** Bundle the worker that unpacks too. */
  readonly workers?: boolean | undefined;
  /** Let the bundle find the optional native package. */
  readonly native?: boolean | undefined;
  /** Replaces text in one source; it must be there exactly once. */
  readonly mutation?: Mutation | undefined;
}

/** Bundles a program (path below the repository) and returns the path of what any user may run. */
export async function bundle(program: string, options: BundleOptions = {}): Promise<string> {
  const dir = tempDir('bundle');
  const { mutation } = options;
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  const plugins = [rawText, ...(mutation === undefined ? [] : [mutate(mutation)])];
  await build({
    ...common,
    entryPoints: { program },
    outdir: dir,
    splitting: true,
    format: 'esm',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    chunkNames: 'chunks/[name]-[hash]',
    plugins,
  });
  if (options.workers === true) await bundleWorker('worker-unpack', 'src/layer/threads/worker.ts', dir, plugins);
  if (options.native === true) symlinkSync(join(REPOSITORY, 'node_modules'), join(dir, 'node_modules'));
  return join(dir, 'program.js');
}

/** Bundles a thread's code as a file beside the program that starts it. */
export async function bundleWorker(name: string, file: string, dir: string, plugins: Plugin[] = []): Promise<void> {
  await build({
    ...common,
    entryPoints: { [name]: file },
    outdir: dir,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { ...common.define, 'import.meta.url': '__filename' },
    plugins,
  });
}

/** As the build does it: parts of the page are texts. */
const rawText: Plugin = {
  name: 'raw',
  setup(plugin) {
    plugin.onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => {
      return { path: join(resolveDir, path.slice(0, -'?raw'.length)), namespace: 'raw' };
    });
    plugin.onLoad({ filter: /./, namespace: 'raw' }, ({ path }) => {
      return { contents: readFileSync(path, 'utf8'), loader: 'text' };
    });
  },
};

function mutate({ file, from, to }: Mutation): Plugin {
  const path = join(REPOSITORY, file);
  return {
    name: 'mutation',
    setup(plugin) {
      plugin.onLoad({ filter: /\.ts$/ }, (args) => {
        if (args.path !== path) return undefined;
        const parts = readFileSync(path, 'utf8').split(from);
        if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
        return { contents: parts.join(to), loader: 'ts' };
      });
    },
  };
}
