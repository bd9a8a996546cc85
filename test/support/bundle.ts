/** Bundles sources for a child process: one that is killed, that runs as another user, or whose code is altered. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { tempDir } from './temp.ts';

export const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface BundleOptions {
  /** Bundle the worker that unpacks too. */
  readonly workers?: boolean | undefined;
  /** Let the bundle find the optional native package. */
  readonly native?: boolean | undefined;
  /** Replaces text in one source; it must be there exactly once. */
  readonly mutation?: { readonly file: string; readonly from: string; readonly to: string } | undefined;
}

/** Bundles a program (path below the repository) and returns the path of what any user may run. */
export async function bundle(program: string, options: BundleOptions = {}): Promise<string> {
  const dir = tempDir('bundle');
  const { mutation } = options;
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  await build({
    absWorkingDir: REPOSITORY,
    entryPoints: {
      program,
      ...(options.workers === true ? { 'worker-unpack': 'src/layer/unpack-worker.ts' } : {}),
    },
    outdir: dir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['koffi'],
    define: { __CTXSRC_BUNDLED__: 'true' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
    plugins:
      mutation === undefined
        ? []
        : [
            {
              name: 'mutation',
              setup(plugin) {
                const file = join(REPOSITORY, mutation.file);
                plugin.onLoad({ filter: /\.ts$/ }, (args) => {
                  if (args.path !== file) return undefined;
                  const parts = readFileSync(file, 'utf8').split(mutation.from);
                  if (parts.length !== 2) {
                    throw new Error(`${mutation.file} has ${parts.length - 1} times: ${mutation.from}`);
                  }
                  return { contents: parts.join(mutation.to), loader: 'ts' };
                });
              },
            },
          ],
  });
  if (options.native === true) symlinkSync(join(REPOSITORY, 'node_modules'), join(dir, 'node_modules'));
  return join(dir, 'program.js');
}
