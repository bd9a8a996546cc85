/** The pages of `diff --html` and `inputs --html`, in a browser. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffPage, inputsPage } from '../../src/index.ts';
import { namesIn, openBrowser, openFile } from '../support/browser.ts';
import { ctxsrc } from '../support/cli.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const HOSTILE = '<img src=x onerror=alert(1)>';

describe.skipIf(!needs('chromium'))('the page of', () => {
  let browser: Browser;
  let context: BrowserContext;
  const pages = tempDir('pages');

  beforeAll(async () => {
    browser = await openBrowser();
    context = await browser.newContext();
  });
  afterAll(() => browser?.close());

  async function violations(page: Page): Promise<string[]> {
    const found = await page.evaluate<{ violations: { id: string }[] }>(`${axe.source}; axe.run()`);
    return found.violations.map(({ id }) => id);
  }

  const versionless = (page: string): string => page.replace(/Made by ctxsrc .*/, '');

  it('diff has each path with its letter, and a letter shows only its paths', async () => {
    const [a, b] = [tempDir('a'), tempDir('b')];
    writeFileSync(join(a, 'gone'), 'x'.repeat(300));
    for (const [dir, text] of [
      [a, 'one'],
      [b, 'three'],
    ] as const)
      writeFileSync(join(dir, 'same'), text);
    mkdirSync(join(b, 'new'));
    writeFileSync(join(b, 'new', HOSTILE), 'x'.repeat(1000));
    const file = join(pages, 'diff.html');
    const { code, stdout } = await ctxsrc(['diff', '--html', file, a, b]);
    expect(code).toBe(0);
    const { page, console, requests } = await openFile(context, file);
    expect(await page.locator('.sentence').textContent()).toBe(stdout.split('\n')[0]);
    expect(await namesIn(page)).toEqual(['new/', 'gone', 'same']);
    await page.locator('tr[data-tag="0"] button').click();
    expect(await namesIn(page)).toEqual(['new/']);
    await page.locator('#search').fill('onerror');
    expect(await namesIn(page)).toEqual([`new/${HOSTILE}`]);
    expect([await violations(page), await page.locator('img').count(), console, requests]).toEqual([[], 0, [], []]);
    await page.close();
    expect(versionless(await diffPage(a, b, { cacheDir: tempDir('cache') }))).toBe(
      versionless(readFileSync(file, 'utf8')),
    );
  });

  it('inputs leads from the lines to the sources, and a search narrows the rows (P6)', async () => {
    const dir = tempDir('build');
    writeFileSync(join(dir, 'one'), 'x');
    const file = join(pages, 'inputs.html');
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\nCOPY one /one\nRUN --mount=type=secret,id=<i> x\n');
    const { code, stderr } = await ctxsrc(['inputs', '--quiet', '--html', file, dir]);
    expect([code, stderr]).toEqual([0, '']);
    const { page, console, requests } = await openFile(context, file);
    const rows = page.locator('table.rows tbody tr:visible');
    expect(await rows.allTextContents()).toEqual([
      expect.stringMatching(/Dockerfile:2 COPY.*1 file, 1 B; \/one.*sha256:/),
      expect.stringMatching(/Dockerfile:3 RUN.*secret<i>/),
      expect.stringMatching(/Dockerfile:3 RUN.*network-/),
    ]);
    await page.keyboard.press('/');
    await page.keyboard.type('secret');
    expect(await rows.count()).toBe(1);
    expect([await violations(page), await page.locator('i').count(), console, requests]).toEqual([[], 0, [], []]);
    await page.close();
    expect(versionless(await inputsPage(dir, { cacheDir: tempDir('cache') }))).toBe(
      versionless(readFileSync(file, 'utf8')),
    );
  });

  it('inputs --from has tables for each target', async () => {
    const dir = tempDir('bake');
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\nCOPY one /one\n');
    writeFileSync(join(dir, 'one'), 'x');
    const targets = {
      target: { app: { context: dir }, tool: { context: dir } },
      group: { default: { targets: ['app', 'tool'] } },
    };
    writeFileSync(join(dir, 'bake.json'), JSON.stringify(targets));
    const file = join(pages, 'bake.html');
    const { code, stderr } = await ctxsrc(['inputs', '--quiet', '--html', file, '--from', join(dir, 'bake.json')]);
    expect([code, stderr]).toEqual([0, '']);
    const { page } = await openFile(context, file);
    expect(await page.locator('h2').allTextContents()).toEqual(['Facts', 'app: Inputs', 'tool: Inputs']);
    await page.close();
    // Where it is asked what changed, that comes first.
    const built = join(pages, 'built.json');
    const report = await ctxsrc(['inputs', '--json', '--from', join(dir, 'bake.json'), 'app']);
    writeFileSync(built, report.stdout);
    const Dockerfile = `${readFileSync(join(dir, 'Dockerfile'), 'utf8')}COPY one /two\n`;
    writeFileSync(join(dir, 'Dockerfile.tool'), Dockerfile);
    const tool = { context: dir, dockerfile: 'Dockerfile.tool' };
    writeFileSync(join(dir, 'bake.json'), JSON.stringify({ ...targets, target: { ...targets.target, tool } }));
    const args = ['inputs', '--quiet', '--html', file, '--from', join(dir, 'bake.json'), '--changed-since', built];
    const since = await ctxsrc([...args]);
    expect([since.code, since.stdout, since.stderr]).toEqual([0, '["tool"]\n', '']);
    const anew = await openFile(context, file);
    expect(await anew.page.locator('h2').allTextContents()).toEqual(['Facts', 'tool: Inputs', 'app: Inputs']);
    expect(await anew.page.locator('body').innerText()).toContain('2 targets, 1 changed');
    await anew.page.close();
  });
});
