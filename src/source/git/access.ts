/**
 * What git needs to reach one remote: token or header, certificates, known hosts. A secret is bound to the origin of the
 * remote; git itself would send a header on to wherever a server redirects, so with a header redirects are refused.
 */
import type { NetworkOptions, Session } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { readTokenFile, usableSecret } from '../token-file.ts';
import { Git, type Reach } from './command.ts';
import type { GitUrl } from './url.ts';

export interface AccessOptions {
  readonly authTokenFile?: string | undefined;
  readonly knownHosts?: string | undefined;
}

/** Prints the two variables when git asks for a credential; git runs it only for the origin it is configured for. */
const HELPER =
  '!f() { test "$1" = get && printf \'username=%s\\npassword=%s\\n\' "$CTXSRC_GIT_USERNAME" "$CTXSRC_GIT_PASSWORD"; }; f';

/** What calls for this remote may reach. */
export function reachOf(url: GitUrl): Reach {
  return url.transport === 'file' ? 'file' : 'network';
}

/**
 * git, able to reach `url`. Secrets: the token of `--auth-token-file`; else the session's `GIT_AUTH_HEADER` and
 * `GIT_AUTH_TOKEN`, first those that name the host (`GIT_AUTH_TOKEN.example.com`), as BuildKit looks for them.
 */
export async function gitFor(
  url: GitUrl,
  options: AccessOptions,
  session: Session,
  network: NetworkOptions,
): Promise<Git> {
  const config: [string, string][] = [];
  const environment: Record<string, string> = {};
  if (url.transport === 'http' || url.transport === 'https') {
    const origin = `${url.transport}://${url.host}`;
    addTls(config, origin, url.host, network);
    const secret = await findSecret(url.host, options, session);
    if (secret?.kind === 'token') {
      config.push([`credential.${origin}.helper`, HELPER]);
      environment['CTXSRC_GIT_USERNAME'] = 'x-access-token';
      environment['CTXSRC_GIT_PASSWORD'] = secret.value;
    } else if (secret?.kind === 'header') {
      config.push([`http.${origin}/.extraHeader`, `Authorization: ${secret.value}`]);
      config.push([`http.${origin}/.followRedirects`, 'false']);
    }
  } else if (url.transport === 'ssh') {
    environment['GIT_SSH_VARIANT'] = 'ssh';
    environment['GIT_SSH_COMMAND'] = sshCommand(options.knownHosts);
  }
  return new Git(config, environment);
}

function addTls(config: [string, string][], origin: string, host: string, network: NetworkOptions): void {
  const authorities = network.caFile ?? process.env['SSL_CERT_FILE'];
  if (authorities) config.push(['http.sslCAInfo', authorities]);
  if (network.clientCert !== undefined) {
    config.push([`http.${origin}/.sslCert`, network.clientCert]);
    config.push([`http.${origin}/.sslKey`, network.clientKey ?? network.clientCert]);
  }
  if (network.insecure.includes(host)) config.push([`http.${origin}/.sslVerify`, 'false']);
}

interface Secret {
  readonly kind: 'token' | 'header';
  readonly value: string;
}

async function findSecret(host: string, options: AccessOptions, session: Session): Promise<Secret | undefined> {
  if (options.authTokenFile !== undefined) {
    return { kind: 'token', value: await readTokenFile(options.authTokenFile) };
  }
  const names: readonly (readonly [string, Secret['kind']])[] = [
    [`GIT_AUTH_HEADER.${host}`, 'header'],
    [`GIT_AUTH_TOKEN.${host}`, 'token'],
    ['GIT_AUTH_HEADER', 'header'],
    ['GIT_AUTH_TOKEN', 'token'],
  ];
  for (const [name, kind] of names) {
    const value = await session.secret(name);
    if (value !== undefined) return { kind, value: usableSecret(value, `the secret ${name}`) };
  }
  return undefined;
}

/** ssh that asks nothing and accepts no unknown host. git hands this text to a shell, hence the quotes. */
function sshCommand(knownHosts: string | undefined): string {
  const command = 'ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=30';
  if (knownHosts === undefined) return command;
  if (/["\0-\x1f]/.test(knownHosts)) {
    throw new CtxsrcError(
      'E_ATTRIBUTE',
      `the name of the known hosts file ${JSON.stringify(knownHosts)} cannot be given to ssh`,
    );
  }
  // Inside ssh's own quotes only % has a meaning; inside the shell's only the quote itself.
  const option = `-oUserKnownHostsFile="${knownHosts.replaceAll('%', '%%')}"`;
  return `${command} -oGlobalKnownHostsFile=none '${option.replaceAll("'", "'\\''")}'`;
}
