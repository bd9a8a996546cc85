/** The Authorization header of an http source. */
import type { NetworkOptions, Session } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { readNamedFile } from '../../fs/small-file.ts';
import { hostListed, hostName, isLoopback } from '../../registry/host.ts';
import { readTokenFile, usableSecret } from '../token-file.ts';
import { netrcEntry } from './netrc.ts';

/**
 * Value of the header for this URL's host: the token of `--auth-token-file`, else the session's `HTTP_AUTH_HEADER` or
 * `HTTP_AUTH_TOKEN`, first those that name the host, else Basic with the entry of the netrc file. Undefined: none.
 */
export async function authorization(
  url: URL,
  tokenFile: string | undefined,
  session: Session,
  network: Pick<NetworkOptions, 'netrc' | 'plainHttp'>,
): Promise<string | undefined> {
  if (tokenFile !== undefined) return `Bearer ${await readTokenFile(tokenFile)}`;
  for (const suffix of [`.${url.host}`, '']) {
    const header = await session.secret(`HTTP_AUTH_HEADER${suffix}`);
    if (header !== undefined) return usableSecret(header, `the secret HTTP_AUTH_HEADER${suffix}`);
    const token = await session.secret(`HTTP_AUTH_TOKEN${suffix}`);
    if (token !== undefined) return `Bearer ${usableSecret(token, `the secret HTTP_AUTH_TOKEN${suffix}`)}`;
  }
  return network.netrc === undefined ? undefined : basicFrom(network.netrc, url, network.plainHttp);
}

async function basicFrom(file: string, url: URL, plainHttp: readonly string[]): Promise<string | undefined> {
  const what = `the netrc file ${printable(file)}`;
  const entry = netrcEntry((await readNamedFile(file, { what })).toString('utf8'), hostName(url.host));
  if (entry === undefined) return undefined;
  if (url.protocol !== 'https:' && !isLoopback(url.host) && !hostListed(plainHttp, url.host)) {
    throw new CtxsrcError(
      'E_CREDENTIALS',
      `the password for ${url.host} in ${what} would be sent unprotected by http`,
      {
        hint: `use https, or, knowing what that gives up, --plain-http ${url.host}`,
      },
    );
  }
  const { login, password } = entry;
  if (login.includes(':') || /[\0-\x1f\x7f]/.test(login + password)) {
    throw new CtxsrcError('E_CREDENTIALS', `the entry for ${url.host} in ${what} cannot be sent as HTTP Basic`, {
      hint: 'the login holds no colon, and neither of the two a control character',
    });
  }
  return `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`;
}
