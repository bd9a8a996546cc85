/**
 * https or http. Always https, except for the hosts of `--plain-http`, and for loopback, where plain HTTP is usual and
 * the first response shows whether TLS is needed.
 */
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import { connectionCode, speaksNoTls } from '../http/failures.ts';
import { hostListed, isLoopback } from '../http/host.ts';

export type Scheme = 'http' | 'https';

/** Sends a request. `settled` is false while the scheme is a guess: a failed connection is not retried then. */
type SendWithScheme<T> = (scheme: Scheme, settled: boolean) => Promise<T>;

/**
 * What runs requests with their host's scheme. The first request to a loopback server detects it, and others wait for
 * that.
 */
export function schemesOf({ plainHttp, insecure }: NetworkOptions) {
  const detected = new Map<string, Promise<Scheme>>();
  return async <T extends { readonly status: number }>(host: string, send: SendWithScheme<T>): Promise<T> => {
    if (hostListed(plainHttp, host)) return send('http', true);
    if (hostListed(insecure, host) || !isLoopback(host)) return send('https', true);
    const found = await detected.get(host)?.catch(() => undefined);
    if (found !== undefined) return send(found, true);
    const finding = discover(send);
    const scheme = finding.then((result) => result.scheme);
    detected.set(host, scheme);
    scheme.catch(() => detected.delete(host));
    const result = await finding;
    return result.answer ?? send(result.scheme, true);
  };
}

async function discover<T extends { readonly status: number }>(
  send: SendWithScheme<T>,
): Promise<{ readonly scheme: Scheme; readonly answer?: T }> {
  let plain: T | undefined;
  try {
    plain = await send('http', false);
    // Servers respond with 400 to plain HTTP on a TLS port, but also to a bad request.
    if (plain.status !== 400) return { scheme: 'http', answer: plain };
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    if (error.code !== 'E_NETWORK' && error.code !== 'E_REGISTRY_PROTOCOL') throw error;
    if (connectionCode(error) === 'ECONNREFUSED') return { scheme: 'http' };
  }
  try {
    return { scheme: 'https', answer: await send('https', false) };
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    if (plain !== undefined && speaksNoTls(error)) return { scheme: 'http', answer: plain };
    if (plain === undefined && (error.code === 'E_NETWORK' || speaksNoTls(error))) return { scheme: 'http' };
    // The server does use TLS, so the user needs the error of the TLS attempt.
    throw error;
  }
}
