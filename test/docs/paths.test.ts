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

describe('the sources', () => {
  it('cite only pages that exist', () => {
    const files = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' });
    const cited = files
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        [...readFileSync(join(packageRoot, 'src', file), 'utf8').matchAll(/[`' ]([\w.-]+\/[\w./-]+\.md)\b/g)].map(
          (match) => ({ file, page: match[1]! }),
        ),
      );
    expect(cited.length).toBeGreaterThan(3);
    expect(cited.filter(({ page }) => !existsSync(join(packageRoot, page)))).toEqual([]);
  });
});

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
