/** The table of `inputs` on screens of any width. */
import { expect, it } from 'vitest';
import type { BuildAnswer } from '../../src/build/answer.ts';
import { inputsTable } from '../../src/cli/inputs-table.ts';
import { widthOf } from '../../src/cli/screen.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const at = [{ file: 'Dockerfile', line: 7, instruction: 'COPY' }];
const answer = {
  file: 'Dockerfile',
  target: '',
  platforms: ['linux/amd64'],
  key: 'short',
  frontend: undefined,
  inputs: [`docker-image://${'漢字/'.repeat(30)}x`, `https://h/\x1b[2J\u202e${'y'.repeat(300)}`].map((ref) => ({
    kind: 'https',
    name: ref,
    ref,
    at,
    digest,
    key: digest,
  })),
  unkeyed: [],
} as unknown as BuildAnswer;

it.each([40, 80, 200])('its rows fit %i columns, and hold nothing raw', (width) => {
  for (const ascii of [false, true]) {
    const text = inputsTable(answer, false, { width, color: false, ascii, bars: true });
    for (const line of text.split('\n')) expect(widthOf(line), line).toBeLessThanOrEqual(width);
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(text.match(width < 60 ? / {2}aaaaaaaaaaaa$/gm : / {2}aaaaaaaaaaaa {2}aaaaaaaaaaaa$/gm)).toHaveLength(2);
  }
  const whole = inputsTable(answer, false, { width: undefined, color: false, ascii: false, bars: true });
  expect(whole).toContain('y'.repeat(300));
});

it('has room for more rows than a call takes arguments', () => {
  const unkeyed = Array.from({ length: 140_000 }, (_, index) => ({ kind: 'secret', id: `${index}`, at }));
  const screen = { width: undefined, color: false, ascii: false, bars: true };
  const text = inputsTable({ ...answer, unkeyed } as unknown as BuildAnswer, false, screen);
  expect(text).toMatch(/^ {2}secret {2}139999 {2}.*COPY$/m);
});
