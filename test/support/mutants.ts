/** Programs with one mistake in their sources, made one after the other: what did not change is read once. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { context } from 'esbuild';
import type { Mutation } from './bundle.ts';
import { tempDir } from './temp.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

const require = createRequire(import.meta.url);

export interface Mutants<M> {
  /** The program with the mistake. @throws Error if the replaced text is not there exactly once */
  make(mutation: Mutation): Promise<M>;
  stop(): Promise<void>;
}

/** @param program path of a module below the repository, with its types as M */
export async function mutantsOf<M>(program: string): Promise<Mutants<M>> {
  let current: Mutation | undefined;
  let count = 0;
  const dir = tempDir('mutants');
  const building = await context({
    absWorkingDir: REPOSITORY,
    entryPoints: [program],
    outfile: join(dir, 'program.cjs'),
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    external: ['koffi'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutation',
        setup(plugin) {
          plugin.onLoad({ filter: /[/\\]src[/\\]dockerfile[/\\].*\.ts$/ }, ({ path }) => {
            const text = readFileSync(path, 'utf8');
            if (current === undefined || path !== join(REPOSITORY, current.file))
              return { contents: text, loader: 'ts' };
            const parts = text.split(current.from);
            if (parts.length !== 2) throw new Error(`${current.file} has ${parts.length - 1} times: ${current.from}`);
            return { contents: parts.join(current.to), loader: 'ts' };
          });
        },
      },
    ],
  });
  return {
    async make(mutation) {
      current = mutation;
      const { outputFiles } = await building.rebuild();
      count += 1;
      const file = join(dir, `program-${count}.cjs`);
      writeFileSync(file, outputFiles[0]!.contents);
      // Vitest would transform what is imported.
      return require(file) as M;
    },
    stop: () => building.dispose(),
  };
}
