/** The Authorization header of an http source. */
import type { Session } from '../../contract/index.ts';
import { readTokenFile, usableSecret } from '../token-file.ts';

/**
 * Value of the header for this URL's host: the token of `--auth-token-file`, else the session's `HTTP_AUTH_HEADER` or
 * `HTTP_AUTH_TOKEN`, first those that name the host. Undefined: none.
 */
export async function authorization(
  url: URL,
  tokenFile: string | undefined,
  session: Session,
): Promise<string | undefined> {
  if (tokenFile !== undefined) return `Bearer ${await readTokenFile(tokenFile)}`;
  for (const suffix of [`.${url.host}`, '']) {
    const header = await session.secret(`HTTP_AUTH_HEADER${suffix}`);
    if (header !== undefined) return usableSecret(header, `the secret HTTP_AUTH_HEADER${suffix}`);
    const token = await session.secret(`HTTP_AUTH_TOKEN${suffix}`);
    if (token !== undefined) return `Bearer ${usableSecret(token, `the secret HTTP_AUTH_TOKEN${suffix}`)}`;
  }
  return undefined;
}
