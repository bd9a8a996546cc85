/** The Authorization header of an http source. */
import type { NetworkOptions, Session } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { readNamedFile } from '../../fs/small-file.ts';
import { hostListed, hostName, isLoopback } from '../../http/host.ts';
import { readTokenFile, sessionSecret } from '../token-file.ts';
import { netrcEntry } from './netrc.ts';

/**
 * Value of the header for this URL's host: the token of `--auth-token-file`, else the session's `HTTP_AUTH_HEADER` or
 * `HTTP_AUTH_TOKEN`, first those with the host in their name, else Basic with the entry of the netrc file. Undefined:
 * none.
 * @throws CtxsrcError `E_UNSAFE` for a secret that would be sent unencrypted, `E_CREDENTIALS` for one that cannot be
 * sent
 */
export async function authorization(
  url: URL,
  tokenFile: string | undefined,
  session: Session,
  network: Pick<NetworkOptions, 'netrc' | 'plainHttp'>,
): Promise<string | undefined> {
  const secret = await findSecret(url, tokenFile, session, network.netrc);
  if (secret === undefined) return undefined;
  if (url.protocol !== 'https:' && !isLoopback(url.host) && !hostListed(network.plainHttp, url.host)) {
    throw new CtxsrcError('E_UNSAFE', `${secret.what} would be sent to ${url.host} where others can read it`, {
      hint: `type https:// in place of http://, or, knowing what that gives up, allow it with --plain-http ${url.host}`,
    });
  }
  return secret.header;
}

interface Secret {
  readonly header: string;
  /** For messages. */
  readonly what: string;
}

async function findSecret(
  url: URL,
  tokenFile: string | undefined,
  session: Session,
  netrc: string | undefined,
): Promise<Secret | undefined> {
  if (tokenFile !== undefined)
    return { header: `Bearer ${await readTokenFile(tokenFile)}`, what: `the token in ${printable(tokenFile)}` };
  const secret = await sessionSecret(session, 'HTTP', [`.${url.host}`, '']);
  if (secret !== undefined) {
    const { kind, value, what } = secret;
    return { header: kind === 'token' ? `Bearer ${value}` : value, what };
  }
  return netrc === undefined ? undefined : basicFrom(netrc, url);
}

async function basicFrom(file: string, url: URL): Promise<Secret | undefined> {
  const what = `the netrc file ${printable(file)}`;
  const entry = netrcEntry((await readNamedFile(file, { what })).toString('utf8'), hostName(url.host));
  if (entry === undefined) return undefined;
  const { login, password } = entry;
  if (login.includes(':') || /[\0-\x1f\x7f]/.test(login + password)) {
    throw new CtxsrcError('E_CREDENTIALS', `the entry for ${url.host} in ${what} cannot be sent as HTTP Basic`, {
      hint: 'the login holds no colon, and neither of the two a control character',
    });
  }
  return {
    header: `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`,
    what: `the password for ${url.host} in ${what}`,
  };
}
