import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/cli.ts';

const pages = ['README.md', 'CHANGELOG.md', ...readdirSync(join(packageRoot, 'docs')).map((name) => `docs/${name}`)]
  .filter((page) => page.endsWith('.md'))
  // A diff shows a file that is to be made.
  .map((page) => ({
    page,
    text: readFileSync(join(packageRoot, page), 'utf8').replace(/^```diff[\s\S]*?^```$/gm, ''),
  }));

describe('the pages', () => {
  it('name only files that exist', () => {
    const named = pages.flatMap(({ page, text }) =>
      [...text.matchAll(/`((?:src|test|bench|bin|\.ci)\/[\w./-]*)`/g)].map((match) => ({ page, path: match[1]! })),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter(({ path }) => !existsSync(join(packageRoot, path)))).toEqual([]);
  });

  it('link only to pages that exist', () => {
    const links = pages.flatMap(({ page, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => ({
        page,
        path: join(page, '..', match[1]!),
      })),
    );
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter(({ path }) => !existsSync(join(packageRoot, path)))).toEqual([]);
  });
});
