/** The text of a comparison on screens of any width, and what is folded and hidden in it. */
import { describe, expect, it } from 'vitest';
import { diffText, sentenceLine } from '../../src/cli/diff/text.ts';
import { type Screen, widthOf } from '../../src/cli/screen.ts';
import type { DiffReport, PathChange } from '../../src/snapshot/diff/report-types.ts';
import { compareSettings } from '../../src/snapshot/diff/settings.ts';
import { foldedRows } from '../../src/snapshot/diff/words.ts';

const change = (letter: PathChange['letter'], path: string, more: Partial<PathChange> = {}): PathChange => {
  const size = path.length * 1000;
  const bytes =
    letter === 'm' ? { added: 0, gone: 0 } : letter === 'D' ? { added: 0, gone: size } : { added: size, gone: 0 };
  return { letter, path, type: 'file', bytes, differences: [], ...more };
};

const mode = { what: 'mode', path: 'x', type: 'file', from: '0644', to: '0755' } as const;

const changes = [
  change('A', `${'文件夹/'.repeat(12)}名.txt`),
  change('D', 'family/👩‍👩‍👧‍👦/e\u0301clair'),
  change('M', `${'deep/'.repeat(60)}last-part.js`),
  change('m', 'start', { differences: [mode] }),
  change('A', 'x\n\u001b[31m'),
];

const report: DiffReport = {
  sentence: 'a → b: 5 files',
  names: ['a', 'b'],
  comparison: {
    equal: false,
    sameContent: false,
    from: 'x',
    to: 'y',
    definitions: ['x', 'y'],
    filesCompared: true,
    incomplete: [],
    facts: [undefined, undefined],
  },
  leftOut: 0,
  layers: {
    count: 2,
    changed: 1,
    reordered: false,
    rows: [
      { state: 'same', from: 1, to: 1, size: {} },
      {
        state: 'changed',
        from: 2,
        to: 2,
        size: { from: 1000, to: 2000 },
        madeBy: `RUN ${'apt-get install '.repeat(20)}`,
      },
    ],
  },
  settings: [{ kind: 'config', name: 'ENV PATH', text: `"${'/opt/bin:'.repeat(30)}" put in front of "/bin"` }],
  facts: [],
  files: { added: 2, changed: 1, gone: 1, metadata: 1, folders: 0, bytes: { added: 1, gone: 1 }, times: 0, leftOut: 0 },
  changes,
  patches: [],
  growth: undefined,
};

const screen = (width: number | undefined, more: Partial<Screen> = {}): Screen => ({
  width,
  color: false,
  ascii: false,
  bars: true,
  ...more,
});

it('the sentence goes on in the next line of a screen, and is one line in a pipe', () => {
  const sentence = 'a → b: 3 of 3 layers, 45 files (+65.8 kB), and CMD, ENV ARCH, ENV PATH';
  const lines = (width: number | undefined): string[] =>
    sentenceLine({ ...report, sentence }, screen(width)).split('\n');
  expect(lines(40)).toEqual(['a → b: 3 of 3 layers, 45 files (+65.8', 'kB), and CMD, ENV ARCH, ENV PATH']);
  expect(lines(undefined)).toEqual([sentence]);
});

it('on a wide screen bars grow, and a long name moves its own row alone', () => {
  const bytes = { added: 1000, gone: 0 };
  const files = { added: 4, changed: 0, gone: 0 };
  const long = `${'long'.repeat(20)}/`;
  const changes = [
    change('A', 'short', { bytes }),
    change('A', `${long}x`, { bytes }),
    change('A', `${long}y`, { bytes }),
  ];
  const at = (width: number): string[] =>
    diffText({ ...report, changes, files: { ...report.files!, ...files } }, true, screen(width)).split('\n');
  const bar = (lines: readonly string[], name: RegExp): string =>
    lines.find((line) => name.test(line) && line.includes('+++'))!;
  expect(bar(at(200), /short/)).toBe(` A short${' '.repeat(55)}  ${'+1.0 kB'.padStart(9)}  ${'+'.repeat(30)}`);
  expect(bar(at(200), /long/)).toBe(` A ${long}  (2)  ${'+2.0 kB'.padStart(9)}  ${'+'.repeat(60)}`);
  // The folder keeps its beginning and its end where it does not fit.
  expect(bar(at(80), /long/)).toMatch(/^ A longlong\S*…\S*ong\/ {2}\(2\) {4}\+2\.0 kB {2}\+{26}$/);
});

describe('the rows', () => {
  it.each([40, 80, 200])('are no wider than %i columns, and names keep their last part (D5, T1)', (width) => {
    for (const stat of [true, false]) {
      for (const ascii of [true, false]) {
        const text = diffText(report, stat, screen(width, { ascii }));
        const rows = text.split('\n').filter((line) => /^ ([AMDm1-9]|ENV)/.test(line));
        expect(rows.length).toBe(8);
        expect(rows.filter((line) => widthOf(line) > width)).toEqual([]);
        expect(text).toContain('last-part.js');
        expect(text).toContain('mode 0644');
      }
    }
  });

  it('may be more than a call has arguments', () => {
    const many = Array.from({ length: 150_000 }, (_, index) => change('A', `${index}`));
    expect(diffText({ ...report, changes: many }, false, screen(undefined)).split('\n').length).toBeGreaterThan(
      150_000,
    );
  });

  it('are whole in a pipe, and nothing of a name is obeyed (D5)', () => {
    const text = diffText(report, true, screen(undefined));
    expect(text).toContain(`${'deep/'.repeat(60)}last-part.js`);
    expect(text).toContain('"x\\n\\033[31m"');
    expect(text).toContain(`"${'/opt/bin:'.repeat(30)}" put in front of "/bin"`);
  });
});

describe('folders', () => {
  const rows = (list: readonly PathChange[]): string[] =>
    foldedRows(list).map(({ letter, path, files }) => `${letter} ${path} ${files ?? ''}`.trim());

  it('that came or went fold with all below, others only with the files beside', () => {
    expect(
      rows([
        change('A', 'new', { type: 'dir' }),
        change('A', 'new/sub/a'),
        change('A', 'new/b'),
        change('M', 'usr/lib/one'),
        change('M', 'usr/lib/two'),
        change('M', 'usr/share/three'),
        change('D', 'mixed/a'),
        change('A', 'mixed/b'),
      ]).sort(),
    ).toEqual(['A mixed/b', 'A new/ 2', 'D mixed/a', 'M usr/lib/ 2', 'M usr/share/three']);
  });

  it('of other metadata fold where it is the same', () => {
    const other = { differences: [{ ...mode, to: '0600' }] };
    const same = { differences: [mode] };
    expect(rows([change('m', 'a/x', same), change('m', 'a/y', same)])).toEqual(['m a/ 2']);
    expect(rows([change('m', 'a/x', same), change('m', 'a/y', other)])).toEqual(['m a/x', 'm a/y']);
  });
});

it('settings are named as in a Dockerfile, and values that may be secrets are not shown', () => {
  const image = (config: object, more: object = {}): object => ({ configuration: { config, ...more } });
  const compare = (a: object, b: object): string[] =>
    compareSettings(a as never, b as never).map(({ name, text }) => `${name} ${text}`);
  expect(
    compare(
      image({ Env: ['A=1', 'NPM_TOKEN=hunter2', 'GONE='], Cmd: ['sh'], Labels: { v: '1' }, User: '' }),
      image({
        Env: ['A=1:2', 'NPM_TOKEN=hunter3'],
        Cmd: ['bash'],
        Labels: { v: '2' },
        User: 'app',
        ExposedPorts: { '80/tcp': {} },
      }),
    ),
  ).toEqual([
    'CMD ["sh"] → ["bash"]',
    'ENV A ":2" put behind "1"',
    'ENV GONE is gone',
    'ENV NPM_TOKEN another value, which may be a secret',
    'EXPOSE 80/tcp is new',
    'LABEL v "1" → "2"',
    'USER "" → "app"',
  ]);
  expect(compare(image({ Env: ['A=1', 'B=2'] }), image({ Env: ['B=2', 'A=1'] }))).toEqual([
    'ENV the same in another order',
  ]);
  const history = (created: string, by: string): object => image({}, { history: [{ created, created_by: by }] });
  expect(compare(history('1', 'x'), history('2', 'x'))).toEqual(['history its steps were made at other times']);
  expect(compare(history('1', 'x'), history('1', 'y'))).toEqual(['history it tells of other steps']);
});
