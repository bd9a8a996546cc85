import { expect, it } from 'vitest';
import { shownReference, withoutUser } from '../../src/core/shown-reference.ts';

const DIGEST = `sha256:${'0a'.repeat(32)}`;

it.each([
  ['docker-image://bob:PW@host/x:1', 'docker-image://***@host/x:1'],
  ['bob:P/W@1@localhost:5000', '***@localhost:5000'],
  [`NAME=docker-image://bob:PW@host/x@${DIGEST}`, `NAME=docker-image://***@host/x@${DIGEST}`],
  ['docker.io=bob:PW@mirror.example', 'docker.io=***@mirror.example'],
  ['https://bob:@host/x', 'https://***@host/x'],
])('%s becomes %s', (text, shown) => expect(withoutUser(text)).toBe(shown));

it.each([
  '',
  'alpine:3.20',
  `alpine:3.20@${DIGEST}`,
  `host:5000/a:1@${DIGEST}`,
  'a:1@sha256',
  'git@host:path',
  'ssh://git@host/r',
])('%s has none', (text) => expect(withoutUser(text)).toBe(text));

it('a reference of hundreds of thousands of parameters is shown at once', () => {
  const many = '?a'.repeat(250_000);
  const begin = performance.now();
  expect(shownReference(`https://h/${many}?token=s`)).toBe(`https://h/${many}?token=***`);
  expect(performance.now() - begin).toBeLessThan(3000);
});
