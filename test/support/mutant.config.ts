/** Vitest with a mistake in one source: CTXSRC_MUTATION is a mutation as JSON. The first failing test ends the run. */
import { join } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';
import type { Mutation } from './bundle.ts';

const root = join(import.meta.dirname, '..', '..');
const { file, from, to } = JSON.parse(process.env.CTXSRC_MUTATION ?? '') as Mutation;

export default mergeConfig(
  base,
  defineConfig({
    root,
    test: { bail: 1 },
    plugins: [
      {
        name: 'mutation',
        enforce: 'pre',
        transform(code, id) {
          if (id !== join(root, file)) return undefined;
          const parts = code.split(from);
          if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
          return parts.join(to);
        },
      },
    ],
  }),
);
