/** Debian's chromium, driven without a download: opens pages from files and notes all that they do beside. */
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { which } from './needs.ts';
import { tempDir } from './temp.ts';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a profile of its own, which goes with it. */
export function openBrowser(): Promise<Browser> {
  const env = { ...process.env, HOME: tempDir('browser-home') } as Record<string, string>;
  return chromium.launch({ executablePath: which('chromium')!, headless: true, args: ARGUMENTS, env });
}

export interface Opened {
  readonly page: Page;
  /** Lines of the console, and errors of scripts. */
  readonly console: string[];
  /** What it asked for beside itself. */
  readonly requests: string[];
}

/** Opens a file in a new tab, and waits until its script has done its work. */
export async function openFile(context: BrowserContext, file: string, hash = ''): Promise<Opened> {
  const page = await context.newPage();
  const [lines, requests]: [string[], string[]] = [[], []];
  const { href } = pathToFileURL(file);
  page.on('console', (message) => lines.push(message.text()));
  page.on('pageerror', (error) => lines.push(String(error)));
  page.on('dialog', (dialog) => {
    lines.push('a dialog');
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url().replace(/#.*/, '') !== href) requests.push(request.url());
  });
  await page.goto(href + hash);
  await page.locator('html[data-ready]').waitFor({ state: 'attached', timeout: 20_000 });
  return { page, console: lines, requests };
}

/** The names that the list of files shows. */
export function namesIn(page: Page): Promise<string[]> {
  return page.locator('#list tbody tr td:first-child').allTextContents();
}
