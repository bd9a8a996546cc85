/** The picture of README.md: drawn from what the program prints, and readable on any page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot, run } from '../support/cli.ts';

const picture = readFileSync(join(packageRoot, 'docs', 'terminal.svg'), 'utf8');

/** How much lighter one colour is than another, as WCAG counts it: 4.5 is enough for text. */
function contrast(one: string, other: string): number {
  const luminance = (color: string): number => {
    const parts = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255);
    const [red, green, blue] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

describe('docs/terminal.svg', () => {
  it('shows what the program prints now: node .ci/picture.mjs draws it anew', async () => {
    const drawn = await run(process.execPath, [join(packageRoot, '.ci', 'picture.mjs'), '--print']);
    expect(drawn.stderr).toBe('');
    expect(drawn.stdout).toBe(picture);
  });

  it('is text alone, and no larger than a page needs', () => {
    const elements = new Set([...picture.matchAll(/<(\w+)/g)].map(([, name]) => name));
    expect([...elements].sort()).toEqual(['rect', 'style', 'svg', 'text', 'title']);
    expect(picture).not.toMatch(/href|url\(|@import|on\w+=/);
    expect(picture.length).toBeLessThan(20_000);
    expect(picture).toContain('$ ctxsrc ');
  });

  it('can be read on light and on dark pages', () => {
    const [light, dark] = picture.split('@media (prefers-color-scheme: dark)');
    for (const style of [light!, dark!]) {
      const [, ground] = /rect \{ fill: (#\w{6})/.exec(style)!;
      const colors = [...style.matchAll(/^ *(?:text|\.\w+) \{.*fill: (#\w{6})/gm)].map(([, color]) => color!);
      expect(colors).toHaveLength(2);
      for (const color of colors) expect(contrast(color, ground!), color).toBeGreaterThan(4.5);
    }
  });

  it('stands in README.md with words for who does not see it', () => {
    const [, words] = /!\[([^\]]+)\]\(docs\/terminal\.svg\)/.exec(
      readFileSync(join(packageRoot, 'README.md'), 'utf8'),
    )!;
    expect(words!.length).toBeGreaterThan(40);
  });
});
