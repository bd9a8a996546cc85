/** Passwords and signatures in the middle of texts. */
import { expect, it } from 'vitest';
import { withoutSecrets } from '../../src/core/without-secrets.ts';

it.each([
  'see https://bob:sekret@h/x',
  '(https://h/x?token=sekret)',
  'x:https://h/f?sig=sekret',
  'git+https://bob:sekret@h/x?token=sekret',
  "https://bob:sek'sekret@host/x",
  'https://a:sekret@h/x,https://c:sekret@h/y,https://e:sekret@h/z',
  'DATABASE_URL=postgres://u:sekret@h/db',
])('%s', (text) => {
  expect(withoutSecrets(text)).not.toContain('sekret');
});

it('leaves other texts, and takes no time for long ones', () => {
  for (const text of ['no address', 'https://h/x?a=b', 'docker-image://h/x@sha256:0'])
    expect(withoutSecrets(text)).toBe(text);
  const long = `${'a'.repeat(2_000_000)} ://`;
  expect(withoutSecrets(long)).toBe(long);
});
