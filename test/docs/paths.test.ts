import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { EXIT_MEANINGS } from '../../src/core/errors.ts';
import { packageRoot } from '../support/cli.ts';

const below = (folder: string): string[] =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);

const pages = ['README.md', 'CHANGELOG.md', ...below('docs'), ...below('examples')]
  .filter((page) => page.endsWith('.md'))
  // A diff shows a file that is to be made.
  .map((page) => ({
    page,
    text: readFileSync(join(packageRoot, page), 'utf8').replace(/^```diff[\s\S]*?^```$/gm, ''),
  }));

describe('the sources', () => {
  it('cite only pages that exist, and headings on them', () => {
    const files = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' });
    const cited = files
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        [
          ...readFileSync(join(packageRoot, 'src', file), 'utf8').matchAll(
            /[`' ]([\w.-]+\/[\w./-]+\.md)\b(?:#([\w-]+))?/g,
          ),
        ].map((match) => ({ file, page: match[1]!, heading: match[2] })),
      );
    expect(cited.length).toBeGreaterThan(3);
    expect(cited.filter(({ page }) => !existsSync(join(packageRoot, page)))).toEqual([]);
    expect(cited.filter(({ page, heading }) => heading !== undefined && !headings(page).includes(heading))).toEqual([]);
  });
});

describe('the pages', () => {
  it('name only files that exist', () => {
    const named = pages.flatMap(({ page, text }) =>
      [...text.matchAll(/`((?:src|test|bench|bin|docs|examples|fixtures|\.ci)\/[\w./-]*)`/g)].map((match) => ({
        page,
        path: match[1]!,
      })),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter(({ path }) => !existsSync(join(packageRoot, path)))).toEqual([]);
  });

  it('link only to pages that exist, and to headings on them', () => {
    const links = pages.flatMap(({ page, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)].map((match) => ({
        page,
        path: match[1] === '' ? page : join(page, '..', match[1]!),
        heading: match[2]!,
      })),
    );
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter(({ path }) => !existsSync(join(packageRoot, path)))).toEqual([]);
    expect(links.filter(({ path, heading }) => heading !== '' && !headings(path).includes(heading))).toEqual([]);
  });
});

describe('docs/README.md', () => {
  it('has a row for every page', () => {
    const text = readFileSync(join(packageRoot, 'docs/README.md'), 'utf8');
    const others = pages.filter(({ page }) => page.startsWith('docs/') && page !== 'docs/README.md');
    expect(others.length).toBeGreaterThan(10);
    expect(others.filter(({ page }) => !text.includes(`](${page.slice('docs/'.length)})`))).toEqual([]);
  });
});

describe('README.md', () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');

  it('has a row for every command', () => {
    const missing = COMMANDS.filter(({ name }) => !readme.includes(`\n| \`ctxsrc ${name}`));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('has a place for every exit code', () => {
    const [, table] = readme.split('\n| exit | meaning |');
    const codes = table!.split('\n\n')[0]!.match(/\b\d+\b/g);
    expect(Object.keys(EXIT_MEANINGS).filter((code) => !codes!.includes(code))).toEqual([]);
  });
});

/** The headings of a page, as GitHub names them in links. */
function headings(page: string): string[] {
  const text = readFileSync(join(packageRoot, page), 'utf8');
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
