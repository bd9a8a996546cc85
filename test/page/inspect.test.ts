/** The page of `inspect --html`, in a browser, as somebody opens it who has got it by mail. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectPage } from '../../src/index.ts';
import { namesIn, openBrowser, openFile } from '../support/browser.ts';
import { cliHome, ctxsrc, packageRoot } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const file = (name: TarEntry['name'], size: number): TarEntry => ({ name, content: 'x'.repeat(size) });
const folder = (name: string): TarEntry => ({ name, type: 'dir' });

const PLATFORM = { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' };

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '</script><script>alert(2)</script>',
  '<!--',
  '"><svg onload=alert(3)>',
  'line\u2028separator',
  'right\u202eto-left',
  'l'.repeat(250),
  Uint8Array.of(0x6f, 0x64, 0x64, 0x2f, 0x6e, 0xe9),
];

describe.skipIf(!needs('chromium'))('the page of inspect', () => {
  let browser: Browser;
  let context: BrowserContext;
  let html: string;
  let ref: string;
  const home = cliHome();

  beforeAll(async () => {
    const layout = new LayoutBuilder();
    const layers = [
      [folder('usr'), folder('usr/lib'), file('usr/lib/libssl.so', 9000), file('usr/lib/old', 500), file('etc', 100)],
      [folder('app'), file('app/Main.js', 4000), file('usr/lib/.wh.old', 0)],
      [
        folder('odd'),
        ...HOSTILE.map((name) => file(typeof name === 'string' ? `odd/${name.replaceAll('/', '\\')}` : name, 200)),
      ],
    ].map((entries) => layout.layer(tar(entries)));
    const history = [
      { created_by: 'ADD rootfs / # buildkit' },
      { created_by: 'COPY <b onclick=alert(4)>app</b> /app # buildkit' },
      { created_by: 'RUN make odd' },
    ];
    const configBytes = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Env: ['TOKEN=hunter2'], Cmd: ['</dd><script>alert(5)</script>'] },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history,
    });
    layout.tag(layout.image({ layers, configBytes, annotations: { '<i>': '<b>bold</b>' } }), 'latest');
    ref = `oci-layout://${layout.write(tempDir('image'))}`;
    html = join(tempDir('page'), 'page.html');
    await write(html, ref, '--files');
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
  });

  afterAll(() => browser?.close());

  async function write(path: string, ...args: readonly string[]): Promise<void> {
    const { code, stderr } = await ctxsrc(['inspect', '--quiet', '--html', path, ...args], { home, env: PLATFORM });
    expect([code, stderr]).toEqual([0, '']);
  }

  it('asks for nothing, says nothing in the console, and hostile names do nothing (P1, P4)', async () => {
    const { page, console, requests } = await openFile(context, html, '#/odd');
    expect(await namesIn(page)).toContain('<img src=x onerror=alert(1)>');
    expect(await namesIn(page)).toContain('right\\u202eto-left');
    expect(await namesIn(page)).toContain('n\\xe9');
    expect(await page.locator('img, b, i, [onclick], [onload]').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(3);
    expect([console, requests]).toEqual([[], []]);
    const text = readFileSync(html, 'utf8');
    expect(text).not.toContain('hunter2');
    const cacheDir = join(home, 'cache', 'ctxsrc');
    const made = await inspectPage(ref, { cacheDir, attributes: { platform: 'linux/amd64' } });
    const versionless = (page: string): string => page.replace(/Made by ctxsrc .*/, '');
    expect(versionless(made)).toBe(versionless(text));
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has no violation that axe finds in %s colours (P5)', async (colorScheme) => {
    const { page } = await openFile(context, html);
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
      `${axe.source}; axe.run()`,
    );
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)).toEqual([]);
    await page.close();
  });

  it('lists folders with sums that a search and a layer narrow, in step with the address and the map (P5)', async () => {
    const { page } = await openFile(context, html);
    const count = page.locator('#count');
    expect((await namesIn(page)).slice(0, 2)).toEqual(['usr/', 'app/']);
    await page.keyboard.press('/');
    await page.keyboard.type('MAIN');
    expect(await namesIn(page)).toEqual(['app/Main.js']);
    expect(await count.textContent()).toBe('1 of 12 files, 4.0 kB');
    expect(page.url()).toMatch(/#\/\?q=MAIN$/);
    // All of the map is what was found.
    for (const position of [
      { x: 100, y: 100 },
      { x: 800, y: 350 },
    ]) {
      await page.locator('canvas').hover({ position });
      await expect.poll(() => page.locator('#detail').textContent()).toMatch(/^app\/Main\.js, file, 4\.0 kB, 100 %/);
      expect(await page.locator('tr.here').count()).toBe(1);
    }
    await page.keyboard.press('Escape');
    await page.locator('#section0 ~ .wide tr[data-tag="0"] button').click();
    expect(await count.textContent()).toBe('2 of 12 files, 9.1 kB');
    expect(await namesIn(page)).toEqual(['usr/', 'etc']);
    await page.goBack();
    expect(await count.textContent()).toBe('12 of 12 files, 14.9 kB');
    const map = page.locator('canvas');
    expect(await map.getAttribute('aria-label')).toContain('Map of /:');
    // The largest box is at the top left.
    await map.click({ position: { x: 40, y: 100 } });
    expect(await namesIn(page)).toEqual(['libssl.so']);
    expect(await map.getAttribute('aria-label')).toContain('Map of /usr/lib:');
    await page.close();
  });

  it('saves its report and its files as one document, without what may be secret (B3)', async () => {
    const { page, console, requests } = await openFile(context, html);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as JSON' }).click(),
    ]);
    const saved = JSON.parse(readFileSync((await download.path())!, 'utf8'));
    const { code, stdout } = await ctxsrc(['inspect', '--json', ref], { home, env: PLATFORM });
    const { layers, hidden, size } = JSON.parse(stdout);
    const shown = layers.map(({ steps: _, ...layer }: { steps: unknown }) => layer);
    expect([code, saved]).toMatchObject([0, { schema: 'ctxsrc/v1', layers: shown, size }]);
    expect(saved).not.toHaveProperty('configuration');
    expect(saved.hidden.bytes).toBe(hidden.bytes);
    expect(saved.paths.reduce((sum: number, one: { size: number }) => sum + one.size, 0)).toBe(saved.hidden.alive);
    expect(saved.paths).toContainEqual({
      path: 'app/Main.js',
      size: 4000,
      count: 1,
      layer: '2',
      details: '0644 0:0',
    });
    expect([console, requests.filter((url) => !url.startsWith('blob:'))]).toEqual([[], []]);
    await page.close();
  });

  it('says when it was made; with SOURCE_DATE_EPOCH it is the same each time', async () => {
    const [first, second] = ['first', 'second'].map((name) => join(tempDir('page'), name)) as [string, string];
    for (const path of [first, second]) {
      const env = { ...PLATFORM, SOURCE_DATE_EPOCH: '1700000000' };
      expect((await ctxsrc(['inspect', '--html', path, ref], { home, env })).code).toBe(0);
    }
    expect(readFileSync(first, 'utf8')).toContain(' at <time>2023-11-14T22:13:20Z</time>.');
    expect(readFileSync(first, 'utf8')).toBe(readFileSync(second, 'utf8'));
    const at = Date.parse(/<time>(.*)<\/time>/.exec(readFileSync(html, 'utf8'))![1]!);
    expect(Math.abs(Date.now() - at)).toBeLessThan(600_000);
  });

  it('works by keyboard alone', async () => {
    const { page } = await openFile(context, html);
    await page.locator('#list tbody button').first().focus();
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('#said').textContent()).toBe('app, folder, 4.0 kB, 27 %');
    await page.keyboard.press('Enter');
    expect(await namesIn(page)).toEqual(['Main.js']);
    await page.keyboard.press('Backspace');
    expect(await namesIn(page)).toContain('app/');
    expect(await page.locator(':focus').textContent()).toBe('app/');
    await page.keyboard.press('l');
    expect(page.url()).toMatch(/tag=0$/);
    await page.keyboard.press('d');
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    await page.close();
  });

  it('has a visible line about what is pointed at in the map, and marks its row', async () => {
    const { page } = await openFile(context, html);
    await page.locator('canvas').hover({ position: { x: 40, y: 100 } });
    expect(await page.locator('#detail').textContent()).toBe(
      'usr/lib/libssl.so, file, 9.0 kB, 60 %, layer 1, 0644 0:0',
    );
    expect(await page.locator('tr.here td').first().textContent()).toBe('usr/');
    await page.close();
  });

  it.each([true, false])(
    'on paper has all tables, dark on white, and no controls (scripts: %s) (P5)',
    async (scripts) => {
      const dark = await browser.newContext({ colorScheme: 'dark', javaScriptEnabled: scripts });
      const page = await dark.newPage();
      await page.goto(`file://${html}`);
      if (scripts) await page.locator('html[data-ready]').waitFor({ state: 'attached' });
      await page.emulateMedia({ media: 'print' });
      const shown = await page.locator('body').innerText();
      for (const part of ['3 layers', 'RUN make odd', 'usr/lib/libssl.so', 'removed by layer 2'])
        expect(shown).toContain(part);
      expect(await page.locator('input:visible, select:visible, #tools:visible, #list:visible').count()).toBe(0);
      expect(await page.locator('canvas:visible').count()).toBe(scripts ? 1 : 0);
      const ink = await page
        .locator('html')
        .evaluate((root) => root.ownerDocument.defaultView!.getComputedStyle(root).color);
      expect(ink).toBe('rgb(0, 0, 0)');
      await dark.close();
    },
  );

  it('is whole at 360 pixels', async () => {
    const { page } = await openFile(context, html);
    await page.setViewportSize({ width: 360, height: 640 });
    const [inner, outer] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, innerWidth]');
    expect(inner).toBeLessThanOrEqual(outer);
    await page.close();
  });

  it('without scripts has the facts, the layers, what is hidden and the largest files', async () => {
    const bare = await browser.newContext({ javaScriptEnabled: false });
    const page = await bare.newPage();
    await page.goto(`file://${html}`);
    const shown = await page.locator('body').innerText();
    for (const part of ['3 layers', 'COPY <b onclick=alert(4)>app</b> /app', 'usr/lib/libssl.so', 'removed by layer 2'])
      expect(shown).toContain(part);
    expect(await page.locator('#browse').isVisible()).toBe(false);
    await bare.close();
  });

  it('is readable where a server forbids scripts and styles, as Jenkins does', async () => {
    const { page } = await openFile(context, html);
    const policy = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';";
    await page.route('**/*', (route) =>
      route.fulfill({ path: html, contentType: 'text/html', headers: { 'content-security-policy': policy } }),
    );
    await page.goto('http://jenkins.invalid/artifact/page.html');
    const shown = await page.locator('body').innerText();
    for (const part of ['3 layers', 'RUN make odd', 'usr/lib/libssl.so', 'removed by layer 2'])
      expect(shown).toContain(part);
    expect(await page.locator('#browse:visible, #tools:visible').count()).toBe(0);
    const bars = await page
      .locator('svg.bar rect')
      .evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().width));
    expect(Math.max(...bars)).toBe(100);
    await page.close();
  });

  it('of a directory has its files, and of an image whose files are not known no list', async () => {
    const [dir, out] = [tempDir('dir'), tempDir('pages')];
    mkdirSync(join(dir, 'sub'));
    writeFileSync(join(dir, 'sub', 'file'), '12345');
    await write(join(out, 'dir.html'), dir);
    const { page, console } = await openFile(context, join(out, 'dir.html'), '#/sub');
    expect([await namesIn(page), console]).toEqual([['file'], []]);
    await page.close();
    await ctxsrc(['inspect', '--html', join(out, 'image.html'), ref], { home: cliHome() });
    const { page: second } = await openFile(context, join(out, 'image.html'));
    expect(await second.locator('#files').count()).toBe(0);
    await second.locator('#search').fill('make odd');
    expect(await second.locator('table.rows tbody tr:visible').count()).toBe(1);
    await second.close();
  });
});

describe('the script of the page', () => {
  it('has no way from text to elements or to code (P4)', () => {
    const folder = join(packageRoot, 'src', 'page', 'browser');
    const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
    expect(files.length).toBeGreaterThan(4);
    for (const name of files)
      expect(readFileSync(join(folder, name), 'utf8'), name).not.toMatch(
        /innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|createContextualFragment|\beval\b|\bFunction\(|setTimeout\(\s*['"`]|\.href\b|\.src\b/,
      );
  });
});

describe('--html', () => {
  it('writes the page as a whole or not at all, and nothing to stdout when it cannot', async () => {
    const target = tempDir('taken');
    writeFileSync(join(target, 'in'), '');
    const { code, stdout, stderr } = await ctxsrc(['inspect', '--html', target, 'fixtures/dirs/app']);
    expect([code, stdout]).toEqual([74, '']);
    expect(stderr).toMatch(/cannot write the page .* of --html/);
  });
});
