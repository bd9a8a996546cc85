/** Pages of 100,000 files and folders: how large they are, and how quick. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bySize, fileTree, summedTree } from '../../src/page/file-tree.ts';
import { inputsPage } from '../../src/page/inputs-page.ts';
import type { PageFile } from '../../src/page/model.ts';
import { renderPage } from '../../src/page/render.ts';
import { openBrowser, openFile } from '../support/browser.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const WORDS = [
  'lib',
  'core',
  'index',
  'util',
  'parser',
  'node',
  'stream',
  'test',
  'render',
  'config',
  'proxy',
  'types',
];

/** Names and sizes as they are in trees of packages, the same each time. */
function* manyFiles(count: number): Generator<PageFile> {
  let seed = 1;
  const next = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const word = () => WORDS[next(WORDS.length)]!;
  let folder = '';
  for (let number = 0; number < count; number++) {
    if (number % 12 === 0) folder = `usr/lib/node_modules/${word()}-${word()}${next(900)}/${word()}/${word()}`;
    const size = Math.floor(10 ** (1 + next(4000) / 1000));
    const name = `${word()}-${word()}.${number.toString(36)}.js`;
    yield { ...FILE, path: `${folder}/${name}`, size, tag: next(12), note: next(9) ? '0644 0:0' : '0755 0:0' };
  }
}

const FILE = { isFolder: false, size: 0, count: 1, tag: 0, note: '0644 0:0' };

/** Trees that nobody has by chance, and what the note of their page says of small ones. */
const ODD = {
  '100,000 folders': [
    function* () {
      for (let at = 0; at < 100_000; at++)
        yield { ...FILE, path: `f${at % 100}/folder-${at.toString(36)}`, isFolder: true, count: 0 };
    },
    false,
  ],
  'one folder with 100,000 names like digests': [
    function* () {
      let seed = 12345;
      const word = () => {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        return seed.toString(36);
      };
      for (let at = 0; at < 100_000; at++)
        yield { ...FILE, path: `objects/${word()}${word()}${word()}${word()}`, size: at };
    },
    true,
  ],
  'folders 2,000 deep': [
    function* () {
      const deep = 'd/'.repeat(2000);
      for (let at = 0; at < 5000; at++) yield { ...FILE, path: `${deep}${at % 500}/file${at}`, size: 1 };
    },
    false,
  ],
} as const satisfies Record<string, readonly [() => Iterable<PageFile>, boolean]>;

const pageOf = (files: Iterable<PageFile>): string =>
  renderPage(
    {
      title: 'many',
      sentence: 'many files',
      facts: [],
      sections: [],
      report: {},
      files: {
        heading: 'Files',
        tagHead: 'Layer',
        tags: Array.from({ length: 12 }, (_, at) => ({ label: String(at + 1), tone: `tone${(at % 8) + 1}` as const })),
        sizeHead: 'Size',
        countHead: 'Files',
        files,
      },
    },
    undefined,
  );

const large = pageOf(manyFiles(100_000));

it('is under 90 kB without data, and at most 1.5 MB with 100,000 files (P3)', () => {
  expect(pageOf([]).length).toBeLessThan(90_000);
  expect(large.length).toBeLessThan(1_500_000);
  expect(large).not.toContain('too many for a page');
});

it('sums what is small in each folder where there is too much, and loses no byte and no file', () => {
  const whole = fileTree(manyFiles(3000));
  const summed = summedTree(whole, bySize(whole), 1000);
  expect(summed.names.length).toBeLessThan(whole.names.length);
  expect(summed.names).toContainEqual(expect.stringMatching(/^\(\d+ small ones\)$/));
  const filesOf = ({ counts }: typeof whole) => counts.reduce((sum, count) => sum + count, 0);
  const bytesOf = ({ sizes, folders }: typeof whole) =>
    sizes.reduce((sum, size, at) => sum + (folders[at] ? 0 : size), 0);
  expect([filesOf(summed), bytesOf(summed), summed.sizes[0]]).toEqual([3000, bytesOf(whole), whole.sizes[0]]);
  expect(summed.parents.every((parent, place) => parent < place)).toBe(true);
});

describe.skipIf(!needs('chromium'))('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  it('a search in 100,000 files makes few rows, so that it is quick (P3)', async () => {
    const file = join(tempDir('many'), 'many.html');
    writeFileSync(file, large);
    const { page, console } = await openFile(await browser.newContext(), file);
    const search = page.locator('#search');
    await search.fill('parser-co');
    expect(await page.locator('#count').textContent()).toMatch(/^[\d,]+ of 100,000 files/);
    for (const text of ['render-core', 'lib/core', 'e']) {
      await page.evaluate(`new Promise((done) => {
        const input = document.getElementById('search');
        input.value = ${JSON.stringify(text)};
        input.dispatchEvent(new Event('input'));
        requestAnimationFrame(() => setTimeout(done));
      })`);
      expect(await page.locator('#list tbody tr').count()).toBe(100);
    }
    await page.locator('#list + .controls button').click();
    expect(await page.locator('#list tbody tr').count()).toBe(200);
    expect(console).toEqual([]);
  });

  it.each(Object.entries(ODD))('%s fit into a page that opens', async (_, [files, isSummed]) => {
    const html = pageOf(files());
    expect(html.length).toBeLessThan(1_500_000);
    expect(html.includes('too many for a page')).toBe(isSummed);
    const file = join(tempDir('odd'), 'odd.html');
    writeFileSync(file, html);
    const { page, console } = await openFile(await browser.newContext(), file);
    await page.locator('#list tbody button').first().click();
    expect(await page.locator('.crumbs button').count()).toBe(2);
    expect(await page.locator('#list tbody tr').count()).toBeGreaterThan(0);
    await page.locator('#search').fill('no such name');
    expect(await page.locator('#list tbody tr').count()).toBe(0);
    expect(console).toEqual([]);
  });
});

it('of 500 inputs is small, and begins with what changed (P6)', () => {
  const digest = (index: number) => `sha256:${createHash('sha256').update(`${index}`).digest('hex')}` as const;
  const inputs = Array.from({ length: 500 }, (_, index) => ({
    kind: 'docker-image',
    name: `image-${index}`,
    ref: `docker-image://registry.example/team/image-${index}:latest`,
    at: [{ file: 'Dockerfile', line: index + 1, instruction: 'FROM' }],
    digest: digest(index),
    key: digest(-index),
  }));
  const report = { file: 'Dockerfile', target: 'app', platforms: ['linux/amd64'], key: digest(500), inputs };
  const earlier = { hasKey: () => false, hasInput: ({ name }: { name: string }) => name !== 'image-400' };
  const page = renderPage(inputsPage({ ...report, frontend: null, unkeyed: [], incomplete: [] }, earlier), undefined);
  expect(page.length).toBeLessThan(500_000);
  const rows = page.slice(page.indexOf('<tbody>')).match(/<td>image-\d+<\/td>/g)!;
  expect(rows).toHaveLength(500);
  expect(rows.slice(0, 3)).toEqual(['<td>image-400</td>', '<td>image-0</td>', '<td>image-1</td>']);
});
