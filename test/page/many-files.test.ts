/** A page of 100,000 files: how large it is, and how quick. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileTree } from '../../src/page/file-tree.ts';
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
    yield { path: `${folder}/${name}`, isFolder: false, size, tag: next(12), note: next(9) ? '0644 0:0' : '0755 0:0' };
  }
}

const pageOf = (count: number): string =>
  renderPage({
    title: 'many',
    sentence: 'many files',
    facts: [],
    sections: [],
    files: {
      heading: 'Files',
      tagHead: 'Layer',
      tags: Array.from({ length: 12 }, (_, at) => ({ label: String(at + 1), tone: `tone${(at % 8) + 1}` as const })),
      sizeHead: 'Size',
      files: manyFiles(count),
    },
  });

const large = pageOf(100_000);

it('is under 90 kB without data, and at most 1.5 MB with 100,000 files', () => {
  expect(pageOf(0).length).toBeLessThan(90_000);
  expect(large.length).toBeLessThan(1_500_000);
});

it('sums the small files of each folder where there are too many, and loses no byte', () => {
  const whole = fileTree(manyFiles(3000));
  const summed = fileTree(manyFiles(3000), 1000);
  expect(summed.summedBelow).toBeGreaterThan(0);
  expect(summed.folders.filter((isFolder) => !isFolder).length).toBeLessThan(3000);
  expect([summed.sizes[0], summed.counts[0]]).toEqual([whole.sizes[0], 3000]);
});

describe.skipIf(!needs('chromium'))('100,000 files in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  it('are searched while somebody types, and few rows are made', async () => {
    const file = join(tempDir('many'), 'many.html');
    writeFileSync(file, large);
    const { page, console } = await openFile(await browser.newContext(), file);
    const search = page.locator('#search');
    await search.fill('parser-co');
    expect(await page.locator('#count').textContent()).toMatch(/^[\d,]+ of 100,000 files/);
    const ms = await page.evaluate<number>(`(() => {
      const input = document.getElementById('search');
      input.value = 'render-core';
      const start = performance.now();
      input.dispatchEvent(new Event('input'));
      return performance.now() - start;
    })()`);
    // A tenth of a second on two cores that have nothing else to do.
    expect(ms).toBeLessThan(1000);
    expect(await page.locator('#list tbody tr').count()).toBe(200);
    expect(console).toEqual([]);
  });
});
