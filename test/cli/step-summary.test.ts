/** The summary of a step: what is appended, when, and that names are never more than text in it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendStepSummary, type StepTable } from '../../src/cli/ci/step-summary.ts';
import { printable } from '../../src/core/printable.ts';
import { ctxsrc } from '../support/cli.ts';
import { shopImages } from '../support/shop-images.ts';
import { tempDir } from '../support/temp.ts';

const dir = tempDir('summary');
let files = 0;

async function summaryOf(
  table: Partial<StepTable>,
  env: Record<string, string> = {},
  before = '',
): Promise<{ text: string; notes: string[] }> {
  files += 1;
  const file = join(dir, `summary-${files}`);
  writeFileSync(file, before);
  const notes: string[] = [];
  const io = { env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file, ...env } };
  const run = { io, note: (text: string) => void notes.push(text) };
  await appendStepSummary(run, { title: 'title', changed: true, header: ['a', 'b'], rows: [['x', 'y']], ...table });
  return { text: readFileSync(file, 'utf8'), notes };
}

/** The cells of a line as GitHub's Markdown takes them apart: first at each `|` without a backslash, then as code. */
function cellsOf(line: string): string[] {
  const cells = line.replace(/^\| | \|$/g, '').match(/(?:\\[!-/:-@[-`{-~]|[^|])+/g) ?? [];
  return cells.map((text) => {
    const cell = text.trim().replaceAll('\\|', '|');
    const fence = /^`+/.exec(cell)![0];
    const end = [...cell.matchAll(/`+/g)].slice(1).find(([ticks]) => ticks.length === fence.length)!;
    expect(end.index + fence.length).toBe(cell.length);
    const code = cell.slice(fence.length, end.index);
    return code.startsWith(' ') && code.endsWith(' ') && code.trim() !== '' ? code.slice(1, -1) : code;
  });
}

describe('the summary of a step', () => {
  it('is a heading and a table, after what is there (C2)', async () => {
    const digest = `sha256:${'ab12'.repeat(16)}`;
    const { text } = await summaryOf({ rows: [['base', digest]] }, {}, '# Another command\n');
    expect(text).toBe('# Another command\n\n### title\n\n| a | b |\n| --- | --- |\n| `base` | `ab12ab12` |\n\n');
  });

  it('holds names as text, whatever is in them', async () => {
    const names = [
      '@octocat',
      'https://evil.example',
      '`',
      '``a`',
      '|',
      '\\|',
      'a\\\\|b',
      '\\',
      '</details>',
      '![](x)',
      'a\nb',
    ];
    const expected = (name: string): string => printable(name).replace(/\\(?=\\*\|)/g, '\\x5c');
    const { text } = await summaryOf({ rows: names.map((name) => [name, 'y']) });
    const lines = text.trim().split('\n').slice(4);
    expect(lines.map((line) => cellsOf(line))).toEqual(names.map((name) => [expected(name), 'y']));
    const any = fc.string({
      unit: fc.constantFrom('`', '|', '\\', ' ', 'a', '\n', '<', '@'),
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(any, any, async (one, other) => {
        const last = (await summaryOf({ rows: [[one, other]] })).text.trim().split('\n').at(-1)!;
        // Blanks at the edges are nothing that a table keeps.
        expect(cellsOf(last).map((cell) => cell.trim())).toEqual([one, other].map((name) => expected(name).trim()));
      }),
      { numRuns: 200 },
    );
  });

  it('folds what is more than twelve rows, and is bounded (C2)', async () => {
    const rows = (count: number) => Array.from({ length: count }, (_, index) => [`name ${index}`, 'x'.repeat(300)]);
    const few = (await summaryOf({ rows: rows(40) })).text;
    const [shown, folded] = few.split('<details>');
    expect([shown!.match(/name/g), folded!.match(/name/g)].map((found) => found!.length)).toEqual([12, 28]);
    expect(folded).toMatch(/^<summary>28 more<\/summary>\n\n\| a \| b \|\n[\s\S]*\n<\/details>\n$/);
    const many = (await summaryOf({ rows: rows(20_000) })).text;
    expect(many.length).toBeLessThan(64 * 1024);
    expect(many).toMatch(/\n\d+ more are in the log\.\n\n<\/details>\n$/);
  });

  it('never makes the summary of a step larger than GitHub takes', async () => {
    const nearly = 'x'.repeat(1000 * 1024 - 40);
    const title = await summaryOf({ rows: [['a'.repeat(300), 'b']] }, {}, nearly);
    expect(title.text.slice(nearly.length)).toBe('\n### title\n');
    const full = await summaryOf({}, {}, `${nearly}${'x'.repeat(38)}`);
    expect(full.text).toHaveLength(nearly.length + 38);
    expect(full.notes).toEqual(['the summary of this step is full: nothing is added to it']);
  });

  it.each([
    ['', true, true],
    ['', false, false],
    ['changed', false, false],
    ['always', false, true],
    ['never', true, false],
  ])('with CTXSRC_SUMMARY=%s, changed: %s, is written: %s', async (when, changed, written) => {
    const { text } = await summaryOf({ changed, rows: changed ? [['x', 'y']] : [] }, { CTXSRC_SUMMARY: when });
    expect(text !== '').toBe(written);
    expect((await summaryOf({ changed }, { CTXSRC_SUMMARY: when, GITHUB_ACTIONS: '' })).text).toBe('');
  });

  it('that cannot be written is a warning, and no failure', async () => {
    const { notes } = await summaryOf({}, { GITHUB_STEP_SUMMARY: dir });
    expect(notes).toEqual([`cannot write the file ${dir} that GITHUB_STEP_SUMMARY names: EISDIR`]);
  });
});

describe('what commands put there', () => {
  const app = join(dir, 'app');
  const file = join(dir, 'of-commands');
  const run = async (...args: string[]): Promise<string> => {
    writeFileSync(file, '');
    const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file };
    const { code, stderr } = await ctxsrc(args, { cwd: dir, env });
    expect([0, 6], stderr).toContain(code);
    return readFileSync(file, 'utf8');
  };

  it('lock --check what moved; diff what made a build another one', async () => {
    expect(existsSync(app)).toBe(false);
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\nCOPY a /\n');
    writeFileSync(join(dir, 'a'), 'a');
    await run('lock', 'dir=./', '--exclude', '*', '--exclude', '!a');
    await run('key', '--build', '--save', 'saved.json', '.');
    expect(await run('lock', '--check')).toBe('');
    expect(await run('diff', 'saved.json', '.')).toBe('');
    chmodSync(join(dir, 'a'), 0o755);
    expect(await run('lock', '--check')).toMatch(
      /^\n### ctxsrc lock: 1 of 1 context moved\n\n\| context \| what \| was \| is \|\n.*\n\| `dir` \| `key` \| `[0-9a-f]{8}` \| `[0-9a-f]{8}` \|\n\n$/,
    );
    expect(await run('diff', 'saved.json', '.')).toMatch(
      /^\n### ctxsrc diff: the build changed\n\n\| change \| what \|\n.*\n\| `changed` \| `a .*` \|\n/,
    );
  });

  it('diff of images what there was and is to fetch, the growth in percent and the layers that changed (C5)', async () => {
    shopImages().write(join(dir, 'shop'));
    const sides = ['1.4', 'zstd', '1.5'].map((tag) => `oci-layout://shop:${tag}`);
    const grown = await run('diff', '--platform', 'linux/amd64', sides[1]!, sides[2]!);
    expect(grown).toMatch(
      /\n\| --- .*\n\| - \| `layers to fetch` \| `[+-][\d.]+ k?B` \| `[\d.]+ k?B → [\d.]+ k?B \([+-]\d+\.\d %\)` \|\n/,
    );
    const layers = grown.split('\n').filter((line) => line.includes('`layer '));
    expect(layers).toEqual([
      expect.stringMatching(/^\| - \| `layer 1` \| - \| `ADD rootfs.tar \/: .* B → .* B` \|$/),
      expect.stringContaining('`layer 2` | - | `COPY package-lock.json ./: '),
      expect.stringContaining('`layer 3` | - | `RUN npm ci --omit=dev: '),
    ]);
  });

  it('diff of sources in one sentence, and path by path', async () => {
    for (const [name, text] of [
      ['one', 'a'],
      ['two', 'abc'],
    ] as const) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'a|b'), text);
    }
    expect(await run('diff', './one', './one')).toBe('');
    expect(await run('diff', './one', './two')).toMatch(
      /^\n### ctxsrc diff: the sources differ\n\n`.*1 file.*`\n\n\| change \| path \| bytes \| how \|\n.*\n\| `M` \| `a\\\|b` \| /,
    );
  });
});
