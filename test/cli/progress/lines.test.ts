import { describe, expect, it } from 'vitest';
import { shorten, stepText, summaryLine, taskLines } from '../../../src/cli/progress/lines.ts';
import { movedText, type RunningTask } from '../../../src/cli/progress/tasks.ts';
import { formatTimeLeft } from '../../../src/core/format.ts';

const URL = 'https://example.com/a/very/long/path/to/some/release/of/something/v1.2.3/thing-1.2.3-linux-amd64.tar.gz';

function task(more: Partial<RunningTask>): RunningTask {
  return {
    id: 'x',
    label: 'x',
    unit: 'bytes',
    since: 0,
    phase: 'download',
    done: 0,
    total: undefined,
    files: 0,
    part: undefined,
    ...more,
  };
}

const download = task({ label: URL, done: 12_300_000, total: 60_000_000, part: 0.205 });
const unpack = task({
  label: 'layer 96d9c2b1bfa2',
  phase: 'unpack',
  done: 1.2e9,
  files: 41_000,
  part: 0.4,
  parent: 'p',
  layer: 3,
  layers: 5,
});

describe('the lines of tasks', () => {
  it.each([72, 80, 100, 200])('fit into %d columns, with bar and percentage, however long a URL is', (columns) => {
    const lines = taskLines([download, unpack], () => 33_000_000, columns);
    for (const line of lines) expect(line.length).toBeLessThan(columns);
    expect(lines[0]).toMatch(/^downloading ht.*gz {2}12\.3 MB \/ 60\.0 MB {2}33\.0 MB\/s +\[=+ +\] +20%$/);
    expect(lines[1]).toMatch(/^unpacking {3}layer 3 of 5 .*1\.2 GB, 41000 files +\[=+ +\] +40%$/);
    expect(lines[0]!.indexOf('[')).toBe(lines[1]!.indexOf('['));
  });

  it.each([40, 60])('are short in %d columns', (columns) => {
    const [first, second] = taskLines([download, unpack], () => 33_000_000, columns);
    expect(first!.length).toBeLessThan(columns);
    expect(first).toMatch(/^get h.*gz {2}20% 12\.3 MB 33\.0 MB\/s$/);
    expect(second).toBe('put 3/5  40% 1.2 GB');
  });

  it('say nothing that nobody knows', () => {
    const lines = taskLines(
      [task({ label: 'repository', part: 0.61 }), task({ done: 5, phase: 'unpack' })],
      () => 0,
      80,
    );
    expect(lines[0]).toMatch(/^downloading repository +\[=+ +\] +61%$/);
    expect(lines[1]).toBe('unpacking   x           5 B');
  });
});

describe('the line about all', () => {
  const summary = {
    overall: { id: 'p', part: 0.632, layers: { done: 3, of: 5 } },
    moved: { layers: 3, downloaded: 653e6, copied: 0, writtenBytes: 1.2e9, writtenFiles: 41_000 },
    hidden: 0,
    took: 12_000,
    left: 20_000,
  };

  it('leaves out the least where there is no room', () => {
    expect(summaryLine(summary, 80)).toBe(
      '63%  3 of 5 layers  653 MB loaded  1.2 GB, 41000 files written  12s, 20s left',
    );
    expect(summaryLine(summary, 75)).toBe('63%  3 of 5 layers  1.2 GB, 41000 files written  12s, 20s left');
    expect(summaryLine({ ...summary, hidden: 2 }, 40)).toBe('63%  3/5 layers (2 not shown)  20s left');
    expect(summaryLine(summary, 40)).toBe('63%  3/5 layers  1.2 GB  20s left');
    expect(summaryLine(summary, 20)).toHaveLength(19);
  });

  it('speaks of no layers where there are none', () => {
    const text = summaryLine({ ...summary, overall: { id: 'x', part: 0.2 }, left: undefined }, 80);
    expect(text).toBe('20%  12s');
  });
});

it('a step keeps its numbers, and its label gets what is left', () => {
  const step = task({
    label: `/home/me/${'deep/'.repeat(20)}out`,
    phase: 'verify',
    done: 412e6,
    total: 1e9,
    part: 0.412,
  });
  const text = stepText(step, 3_000, 76);
  expect(text).toMatch(/^verifying \/home.*….*out {2}412 MB \/ 1\.0 GB {2}41% {2}3s left$/);
  expect(text.length).toBeLessThanOrEqual(76);
});

it('what was moved is said by what it was', () => {
  const none = { layers: 0, downloaded: 0, copied: 0, writtenBytes: 0, writtenFiles: 0 };
  expect(movedText(none)).toBe('');
  expect(movedText({ ...none, downloaded: 60e6 })).toBe('60.0 MB downloaded');
  expect(movedText({ ...none, writtenFiles: 1 })).toBe('1 file written');
  expect(movedText({ ...none, layers: 1, copied: 5e6, writtenBytes: 9e6, writtenFiles: 3 })).toBe(
    '1 layer, 5.0 MB copied, 9.0 MB in 3 files written',
  );
});

it('a text is shortened in its middle, and a time to come has no tenths', () => {
  expect([shorten('abcdefghij', 10), shorten('abcdefghij', 7), shorten('abcdefghij', 2)]).toEqual([
    'abcdefghij',
    'ab…ghij',
    'ab',
  ]);
  expect([1, 9_100, 59_000, 185_000, 7_800_000].map(formatTimeLeft)).toEqual(['1s', '10s', '59s', '3m05s', '2h10m']);
});
