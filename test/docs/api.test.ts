/** The reference of the library: every export is documented, the page is current, and the gate sees what it should. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

interface Described {
  readonly page: string;
  readonly missing: readonly string[];
}

const { describeApi, ENTRIES } = (await import(join(packageRoot, '.ci/api.mjs'))) as {
  describeApi(root: string, entries: Readonly<Record<string, string>>): Described;
  ENTRIES: Readonly<Record<string, string>>;
};

describe('docs/api.md', { timeout: 60_000 }, () => {
  const { page, missing } = describeApi(packageRoot, ENTRIES);

  it('has every export with its meaning, parameters and errors', () => {
    expect(missing).toEqual([]);
    const named = (name: string): boolean => page.includes(`\n#### ${name}\n`);
    expect(['cacheKey', 'Options', 'SourceInstance', 'CtxsrcError', 'runConformance'].filter(named)).toHaveLength(5);
  });

  it('is current (npm run api writes it)', () => {
    expect(readFileSync(join(packageRoot, 'docs/api.md'), 'utf8') === page).toBe(true);
  });
});

describe('the gate', { timeout: 60_000 }, () => {
  /** What a module of this text lacks. */
  function described(text: string): Described {
    const root = tempDir('api');
    mkdirSync(join(root, 'src'));
    writeFileSync(join(root, 'src/other.ts'), '/** Away. */\nexport interface Away {\n  there: number;\n}\n');
    writeFileSync(join(root, 'src/index.ts'), text);
    const config = { compilerOptions: { module: 'nodenext', strict: true, types: [] }, include: ['src'] };
    writeFileSync(join(root, 'tsconfig.types.json'), JSON.stringify(config));
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    return describeApi(root, { planted: 'src/index.ts' });
  }

  it('misses what is planted (B2)', () => {
    const { missing } = described(`
      export function mute(a: string): string { return a; }
      /** Says what it does, but neither what it takes nor how it fails. */
      export async function half(reference: string, options: object): Promise<void> {}
      export interface Mute { a: string }
      export type Name = string;
      export const VALUE = 1;
      export class Thing { #hidden = 1; shown = 1; act(): void {} }
      export type { Away } from './other.js';
    `);
    expect([...missing].sort()).toEqual([
      'Away.there has no doc comment',
      'Mute has no doc comment',
      'Mute.a has no doc comment',
      'Name has no doc comment',
      'Thing has no doc comment',
      'Thing.act has no doc comment',
      'Thing.shown has no doc comment',
      'VALUE has no doc comment',
      'half does not explain its parameter reference',
      'half does not tell its errors',
      'mute does not explain its parameter a',
      'mute has no doc comment',
    ]);
  });

  it('takes what is documented, and shows all of it', () => {
    const { page, missing } = described(`
      /**
       * Counts.
       * @param from the first number
       * @throws CtxsrcError \`E_LIMIT\`
       */
      export async function count(from: number, options: object = {}): Promise<number> { return from; }
      /** A | B. */
      export interface Pair<T> {
        /** Left | right. */
        readonly side?: 'left' | 'right';
        /** Turns it. */
        turn(by: number): void;
      }
    `);
    expect(missing).toEqual([]);
    expect(page).toContain('function count(from: number, options: object = {}): Promise<number>\n');
    expect(page).toContain('\n- `from`: the first number\n\nErrors: `E_LIMIT`.\n');
    expect(page).toContain("| `side?` | `'left' \\| 'right'` | Left \\| right. |");
    expect(page).toContain('| `turn` | `(by: number) => void` | Turns it. |');
  });
});
