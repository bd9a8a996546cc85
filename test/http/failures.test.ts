/** What the failures of connections say, and what to do about them. */
import { expect, it } from 'vitest';
import { connectionError, failure } from '../../src/http/failures.ts';
import { ProxyFailure } from '../../src/http/proxy.ts';
import { TransientError } from '../../src/http/retry.ts';

const subject = { host: 'registry.example', kind: 'tag', what: 'it' } as const;
const proxy = { url: new URL('http://me:hunter22@proxy.example:3128'), variable: 'HTTPS_PROXY' };

function told(error: Error) {
  const { message, hint, code } =
    error instanceof TransientError ? error.error : (error as Error & { hint?: string; code?: string });
  return { message, hint, code };
}

it.each(['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT'])(
  '%s may be a network that is not there, or one that only a proxy leads out of',
  (code) => {
    const { hint } = told(connectionError(failure(code, ''), subject));
    expect(hint).toMatch(/the network/);
    expect(hint).toMatch(/HTTPS_PROXY/);
    if (code === 'ENOTFOUND') expect(hint).toMatch(/spelling of registry\.example/);
  },
);

it('names the proxy that the server was spoken to through, and the one that failed once', () => {
  const reset = told(connectionError(failure('SELF_SIGNED_CERT_IN_CHAIN', ''), subject, { proxy }));
  expect(reset.message).toMatch(/\(unknown authority\) \(through the proxy proxy\.example:3128\)$/);
  const down = told(connectionError(new ProxyFailure(proxy, failure('ENOTFOUND', '')), subject, { proxy }));
  expect(down.message).toMatch(/no connection to the proxy proxy\.example:3128: the host name does not exist$/);
  expect(down.hint).toBe('check HTTPS_PROXY, or put registry.example into NO_PROXY');
});

it('names the host that a redirect led to, where that is the one which failed', () => {
  const refused = told(connectionError(failure('ENOTFOUND', ''), subject, { ledTo: 'cdn.example' }));
  expect(refused.message).toBe(
    'cannot get it from registry.example: it redirects to cdn.example: the host name does not exist',
  );
  expect(refused.hint).toMatch(/spelling of cdn\.example/);
});

it('a mistake of the program is no failure of the connection', () => {
  const mistakes = [
    new TypeError('undefined is not a function'),
    new RangeError('Invalid array length'),
    failure('ERR_ASSERTION', 'false == true'),
  ];
  for (const mistake of mistakes) expect(connectionError(mistake, subject)).toBe(mistake);
  const invalid = Object.assign(new TypeError('Invalid character'), { code: 'ERR_INVALID_CHAR' });
  expect(told(connectionError(invalid, subject)).code).toBe('E_REGISTRY_PROTOCOL');
});
