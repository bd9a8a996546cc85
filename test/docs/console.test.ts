import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/cli.ts';
import { needs } from '../support/needs.ts';
import { codeBlocks, shownCommands, shownPattern, Terminal } from './pages.ts';

const pages = ['README.md', ...readdirSync(join(packageRoot, 'docs')).map((name) => `docs/${name}`)].filter((page) =>
  page.endsWith('.md'),
);

describe('what the pages show in a terminal is what the program prints', () => {
  for (const page of pages) {
    const blocks = codeBlocks(page).filter(({ language, file }) => language === 'console' || file !== undefined);
    if (blocks.length === 0) continue;
    it(page, { timeout: 300_000 }, (context) => {
      if (blocks.some(({ text }) => text.includes('jq ')) && !needs('jq')) context.skip();
      const terminal = new Terminal();
      for (const block of blocks) {
        terminal.append(block);
        if (block.language !== 'console') continue;
        for (const { command, output } of shownCommands(block)) {
          const ran = terminal.run(command);
          expect(ran.output, `${page}:${block.line}: $ ${command}`).toMatch(
            shownPattern(output.trim() === '' ? '' : output),
          );
        }
      }
    });
  }

  it('is checked for the pages that matter', () => {
    const withBlocks = pages.filter((page) => codeBlocks(page).some(({ language }) => language === 'console'));
    expect(withBlocks).toEqual(expect.arrayContaining(['README.md', 'docs/keys.md', 'docs/sources.md']));
  });
});
