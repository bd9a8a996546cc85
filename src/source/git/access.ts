/**
 * The settings with which git reaches one remote: token or header, certificates, proxy, ssh. A secret is bound to the
 * origin of the remote. git itself would send a header to the target of a redirect, so redirects are refused when there
 * is a header.
 */
import { delimiter, resolve } from 'node:path';
import type { NetworkOptions, Session } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shellWord } from '../../core/shell-word.ts';
import { hostListed, isLoopback } from '../../http/host.ts';
import { type NamedProxy, proxyFor } from '../../http/proxy.ts';
import { readTokenFile, type SessionSecret, sessionSecret } from '../token-file.ts';
import { Git, type GitReach, type GitSettings } from './command.ts';
import { type GitUrl, originOf } from './url.ts';

export interface AccessOptions {
  /** The remote has the origin of the reference: secrets for no particular host are meant for it. */
  readonly own: boolean;
  readonly authTokenFile?: string | undefined;
  readonly knownHosts?: string | undefined;
  /** The addresses that host names must resolve to, as values of `http.curloptResolve` (see submodule-host.ts). */
  readonly resolve?: readonly string[] | undefined;
}

/** Prints the two variables when git asks for a credential; git runs it only for the configured origin. */
const HELPER =
  '!f() { test "$1" = get && printf \'username=%s\\npassword=%s\\n\' "$CTXSRC_GIT_USERNAME" "$CTXSRC_GIT_PASSWORD"; }; f';

const USERNAME = 'x-access-token';

/** The transports that calls for this remote may use. */
export function reachOf(url: GitUrl): GitReach {
  return url.transport === 'file' ? 'file' : 'network';
}

/**
 * Returns git configured for `url`. Secrets: the token of `--auth-token-file`; else the session's `GIT_AUTH_HEADER` and
 * `GIT_AUTH_TOKEN`, first those with the host in their name (`GIT_AUTH_TOKEN.example.com`), as in BuildKit.
 */
export async function gitFor(
  url: GitUrl,
  options: AccessOptions,
  session: Session,
  network: NetworkOptions,
): Promise<Git> {
  if (url.transport === 'ssh') return new Git({ ...sshSettings(options.knownHosts), credential: true });
  if (url.transport === 'file') return new Git({ localPath: url.path });
  if (url.transport === 'git') return new Git();
  const origin = originOf(url);
  const proxy = proxyOf(origin);
  const config = [...tlsConfig(origin, url.host, network)];
  for (const target of options.resolve ?? []) config.push(['http.curloptResolve', target]);
  // git would use the certificate for the target of a redirect, too.
  if (network.clientCert !== undefined) config.push([`http.${origin}/.followRedirects`, 'false']);
  if (proxy !== undefined) config.push([`http.${origin}/.proxy`, proxy?.url.href ?? '']);
  const secret = await findSecret(url, options, session, network);
  const settings = {
    config,
    proxy: proxy ?? undefined,
    secure: url.transport === 'https',
    credential: secret !== undefined || network.clientCert !== undefined,
  };
  if (secret?.kind === 'token') {
    config.push([`credential.${origin}.helper`, HELPER]);
    return new Git({
      ...settings,
      environment: { CTXSRC_GIT_USERNAME: USERNAME, CTXSRC_GIT_PASSWORD: secret.value },
      secrets: [secret.value, Buffer.from(`${USERNAME}:${secret.value}`).toString('base64')],
    });
  }
  if (secret?.kind === 'header') {
    config.push([`http.${origin}/.extraHeader`, `Authorization: ${secret.value}`]);
    config.push([`http.${origin}/.followRedirects`, 'false']);
    return new Git({ ...settings, secrets: [secret.value, secret.value.replace(/^\S+\s+/, '')] });
  }
  return new Git(settings);
}

/** File names are made absolute, because git runs in another directory. */
function* tlsConfig(origin: string, host: string, network: NetworkOptions): Generator<[string, string]> {
  const { SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS } = process.env;
  const authorities = network.caFile ?? (SSL_CERT_FILE || NODE_EXTRA_CA_CERTS);
  if (authorities) yield ['http.sslCAInfo', resolve(authorities)];
  // git accepts one directory; OpenSSL and Go, which read the same variable, several.
  const directory = SSL_CERT_DIR?.split(delimiter)[0];
  if (directory) yield ['http.sslCAPath', resolve(directory)];
  if (network.clientCert !== undefined) {
    yield [`http.${origin}/.sslCert`, resolve(network.clientCert)];
    yield [`http.${origin}/.sslKey`, resolve(network.clientKey ?? network.clientCert)];
  }
  if (hostListed(network.insecure, host)) yield [`http.${origin}/.sslVerify`, 'false'];
}

/**
 * The proxy of the environment for an origin, by the same rules as for other requests; null for a direct connection.
 * Undefined for a proxy that only git can use (SOCKS): git reads the variables itself.
 */
function proxyOf(origin: string): NamedProxy | null | undefined {
  try {
    return proxyFor(new URL(origin), process.env) ?? null;
  } catch {
    return undefined;
  }
}

async function findSecret(
  url: GitUrl,
  options: AccessOptions,
  session: Session,
  network: NetworkOptions,
): Promise<Pick<SessionSecret, 'kind' | 'value'> | undefined> {
  const { host, transport } = url;
  const readable = transport === 'http' && !isLoopback(host) && !hostListed(network.plainHttp, host);
  if (readable && !options.own) return undefined;
  const { own, authTokenFile: file } = options;
  const secret =
    own && file !== undefined
      ? { kind: 'token' as const, value: await readTokenFile(file) }
      : await sessionSecret(session, 'GIT', own ? [`.${host}`, ''] : [`.${host}`]);
  if (secret === undefined || !readable) return secret;
  throw new CtxsrcError('E_UNSAFE', `a token for ${url.remote} would be sent where others can read it`, {
    hint: `type https:// in place of http://, or, knowing what that gives up, allow it with --plain-http ${shellWord(host)}`,
  });
}

/**
 * The settings for ssh: the user's `GIT_SSH_COMMAND` or `GIT_SSH`, with the user's environment and directory, on which
 * they may depend; else an ssh that accepts no unknown host. ssh never has a terminal for questions.
 */
function sshSettings(knownHosts: string | undefined): GitSettings {
  const { GIT_SSH_COMMAND, GIT_SSH, GIT_SSH_VARIANT } = process.env;
  const known = knownHosts === undefined ? '' : ` ${knownHostsOptions(resolve(knownHosts))}`;
  if (!GIT_SSH_COMMAND && !GIT_SSH) {
    const command = 'ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=30';
    return { environment: { GIT_SSH_VARIANT: 'ssh', GIT_SSH_COMMAND: command + known } };
  }
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith('GIT_')) environment[name] = value;
  }
  if (GIT_SSH_VARIANT) environment.GIT_SSH_VARIANT = GIT_SSH_VARIANT;
  // ssh uses the first of two equal options, so the user's command takes precedence.
  if (GIT_SSH_COMMAND) environment.GIT_SSH_COMMAND = GIT_SSH_COMMAND + known;
  else if (GIT_SSH && known === '') environment.GIT_SSH = GIT_SSH;
  else if (GIT_SSH) environment.GIT_SSH_COMMAND = shellWord(GIT_SSH) + known;
  return { environment, cwd: process.cwd() };
}

/** Options of ssh for a file of host keys, quoted because git gives them to a shell. */
function knownHostsOptions(knownHosts: string): string {
  if (/["\0-\x1f]/.test(knownHosts)) {
    throw new CtxsrcError(
      'E_ATTRIBUTE',
      `the name of the known hosts file ${JSON.stringify(knownHosts)} cannot be given to ssh`,
    );
  }
  // Inside ssh's own quotes only % is special.
  const option = `-oUserKnownHostsFile="${knownHosts.replaceAll('%', '%%')}"`;
  return `-oGlobalKnownHostsFile=none ${shellWord(option)}`;
}
