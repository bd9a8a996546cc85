import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot, run } from '../support/cli.ts';
import { codeBlocks, shownCommands, shownFile, shownPattern } from './pages.ts';

const examples = readdirSync(join(packageRoot, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe('the examples print in a clone what their pages show', () => {
  it.each(examples)('examples/%s', { timeout: 120_000 }, async (name) => {
    const commands = codeBlocks(`examples/${name}/README.md`)
      .filter(({ language }) => language === 'console')
      .flatMap(shownCommands);
    expect(commands.map(({ command }) => command)).toEqual([
      expect.stringMatching(`^(sh|node) examples/${name}/(run\\.sh|main\\.mjs)$`),
    ]);
    const { command, output } = commands[0]!;
    const ran = await run('bash', ['-c', `exec 2>&1\n${command}`], {
      cwd: packageRoot,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    expect(ran.stdout).toMatch(shownPattern(output));
    expect(ran.code).toBe(0);
  });

  it('are all in the list', () => {
    const listed = [...readFileSync(join(packageRoot, 'examples/README.md'), 'utf8').matchAll(/^\| \[([\w-]+)\]/gm)];
    expect(listed.map((match) => match[1]).sort()).toEqual(examples.sort());
  });

  it('have the source that docs/sources.md builds up', () => {
    const file = readFileSync(join(packageRoot, 'examples/own-source/one-file.mjs'), 'utf8');
    expect(file).toBe(shownFile('docs/sources.md', 'one-file.mjs'));
  });
});
