import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_EXITS, EXIT_MEANINGS } from '../../../src/core/errors.ts';
import { EXPLANATIONS } from '../../../src/upkeep/explanations.ts';
import { cliEnv, cliHome, cliPath, ctxsrc } from '../../support/cli.ts';
import { needs } from '../../support/needs.ts';
import { Terminal } from '../../support/terminal.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => [path, readFileSync(join(root, 'src', path), 'utf8')] as const);

describe('every error code', () => {
  it('has a page, and every page a code', () => {
    expect(Object.keys(EXPLANATIONS).sort()).toEqual(Object.keys(ERROR_EXITS).sort());
    for (const page of Object.values(EXPLANATIONS)) {
      expect(page.cause).toMatch(/\.$/);
      expect(page.check.length).toBeGreaterThan(0);
      expect(page.example).not.toBe('');
    }
  });

  it('is used by the program', () => {
    const unused = Object.keys(ERROR_EXITS).filter(
      (code) => !sources.some(([path, text]) => !/errors\.ts$|explanations\.ts$/.test(path) && text.includes(code)),
    );
    expect(unused).toEqual([]);
  });

  it('has an exit code with a meaning', () => {
    for (const exit of Object.values(ERROR_EXITS)) expect(EXIT_MEANINGS).toHaveProperty(String(exit));
  });

  it.skipIf(!needs('tmux'))('is explained in lines of whole words on a narrow terminal', async () => {
    const terminal = new Terminal(40, 24, cliEnv(cliHome()));
    try {
      terminal.type(`clear; ${process.execPath} ${cliPath()} explain 6; echo the-end`);
      const lines = await terminal.until((seen) => seen.includes('the-end'), 'the end');
      const words = new Set(Object.values(EXPLANATIONS).flatMap(({ cause }) => cause.split(' ')));
      const explained = lines.filter((line) => line.startsWith('  ') && !line.includes('E_'));
      expect(explained.length).toBeGreaterThan(4);
      for (const word of explained.flatMap((line) => line.trim().split(' '))) expect(words).toContain(word);
    } finally {
      terminal.close();
    }
  });

  it('is explained in the terminal and as JSON', async () => {
    const text = await ctxsrc(['explain', 'e_digest_mismatch']);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain('E_DIGEST_MISMATCH (exit 5)');
    const json = await ctxsrc(['explain', '--json', 'E_OFFLINE']);
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: 'ctxsrc/v1', code: 'E_OFFLINE', exit: 3 });
    const unknown = await ctxsrc(['explain', 'E_NOPE']);
    expect([unknown.code, unknown.stdout]).toEqual([2, '']);
    const near = await ctxsrc(['explain', 'e_not_fuond']);
    expect([near.code, near.stderr]).toEqual([2, expect.stringContaining('ctxsrc explain E_NOT_FOUND')]);
    expect((await ctxsrc(['explain', 'not_found'])).stdout).toContain('E_NOT_FOUND (exit 3)');
  });

  it('and so is every exit code', async () => {
    const { code, stdout } = await ctxsrc(['explain', '75']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^exit 75: temporary[^\n]*\n {2}E_NETWORK: /)]);
    const json = await ctxsrc(['explain', '--json', '130']);
    expect(JSON.parse(json.stdout)).toMatchObject({ exit: 130, codes: ['E_INTERRUPTED'] });
    const never = await ctxsrc(['explain', '42']);
    expect([never.code, never.stderr]).toEqual([2, expect.stringContaining('never ends with the exit code 42')]);
  });
});
