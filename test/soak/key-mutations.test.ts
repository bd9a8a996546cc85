/** The recorded answers of real builds notice a mistake in each rule of `key --build`. */
import { expect, test } from 'vitest';
import { packageRoot, run } from '../support/cli.ts';
import { KEY_MUTATIONS } from '../support/key-mutations.ts';

test.each(KEY_MUTATIONS)('$project notices that $what', async ({ what: _, project, ...mutation }) => {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/support/mutant.config.ts', '--no-color'];
  const { code, stdout, stderr } = await run(
    process.execPath,
    [...vitest, 'test/build/projects.test.ts', '-t', `'${project}'`],
    {
      cwd: packageRoot,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', CTXSRC_MUTATION: JSON.stringify(mutation) },
      timeout: 600_000,
    },
  );
  expect(code, stderr).toBe(1);
  expect(stdout + stderr).toMatch(/has the key that each change calls for\nAssertionError/);
});
