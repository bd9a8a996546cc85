/**
 * Trusted authorities and client certificates. Node's own authorities come first, with those of the user and those of
 * `certs.d` for the host. The system's are read only when a server's authority is not among these, so that other
 * connections need not wait for them.
 */

import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { SecureContext } from 'node:tls';
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import { getOrMake } from '../core/get-or-make.ts';
import type { Variables } from '../core/home.ts';
import { printable } from '../core/printable.ts';
import { shellWord } from '../core/shell-word.ts';
import { readNamedFile } from '../fs/small-file.ts';
import { type HostCertificates, hostCertificates } from './certs-d.ts';
import { errorCode, UNKNOWN_AUTHORITY } from './failures.ts';
import { certificatesIn, textOf } from './pem.ts';

export interface Trust {
  /**
   * Runs `attempt` with a TLS context, and again with the system's authorities if the server's authority is unknown.
   * @param host `HOST[:PORT]` of the server
   * @param identify the client certificate may be used
   * @throws what `attempt` throws; E_CONFIG for an unusable certificate or key, E_PATH_NOT_FOUND or exit 74 for one
   * that cannot be read
   */
  connect<T>(host: string, identify: boolean, attempt: (context: SecureContext) => Promise<T>): Promise<T>;
}

/** Where systems keep their authorities: files, of which the first is used, and folders. */
export interface TrustStore {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

const SYSTEM: TrustStore = {
  files: [
    '/etc/ssl/certs/ca-certificates.crt', // Debian, Arch, Alpine
    '/etc/pki/tls/certs/ca-bundle.crt', // Fedora
    '/etc/ssl/ca-bundle.pem', // openSUSE
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // RHEL
    '/etc/ssl/cert.pem', // macOS, BSD
  ],
  folders: ['/etc/ssl/certs', '/etc/pki/tls/certs'],
};

/** Limit of the files of a folder that are read. */
const MOST_FILES = 5000;

/** @param system where the system's authorities are; SSL_CERT_DIR replaces its folders, as in OpenSSL and Go */
export function createTrust(network: NetworkOptions, env: Variables, system: TrustStore = SYSTEM): Trust {
  const hosts = new Map<string, Promise<HostCertificates>>();
  const contexts = new Map<string, Promise<SecureContext>>();
  // Read once: a named file may be a pipe.
  let naming: Promise<readonly string[]> | undefined;
  let fromSystem: readonly string[] = [];
  let lookingUp: Promise<void> | undefined;

  async function contextFor(own: HostCertificates, identify: boolean): Promise<SecureContext> {
    naming ??= namedAuthorities(network, env);
    const [named, identity, tls] = await Promise.all([
      naming,
      identify ? identityOf(network, own) : {},
      import('node:tls'),
    ]);
    const more = [...named, ...own.authorities, ...fromSystem];
    if (more.length === 0) return tls.createSecureContext(identity);
    // Node's option replaces its own authorities, so they are added to the list, with those of NODE_EXTRA_CA_CERTS. For
    // a file that cannot be read, Node itself only warns.
    const extra = env.NODE_EXTRA_CA_CERTS ? textOf(env.NODE_EXTRA_CA_CERTS) : '';
    return tls.createSecureContext({ ...identity, ca: [...tls.rootCertificates, ...certificatesIn(extra), ...more] });
  }

  async function context(host: string, identify: boolean): Promise<SecureContext> {
    const own = await getOrMake(hosts, host, () => hostCertificates(host, env));
    const special = own.authorities.length > 0 || own.identity !== undefined;
    return getOrMake(contexts, `${identify} ${special ? host : ''}`, () => contextFor(own, identify));
  }

  async function lookUp(): Promise<void> {
    const { rootCertificates } = await import('node:tls');
    const known = new Set(rootCertificates.map(bare));
    fromSystem = (await systemAuthorities(system, env)).filter((one) => !known.has(bare(one)));
    if (fromSystem.length > 0) contexts.clear();
  }

  return {
    async connect(host, identify, attempt) {
      const first = await context(host, identify);
      try {
        return await attempt(first);
      } catch (error) {
        if (!UNKNOWN_AUTHORITY.has(errorCode(error))) throw error;
        lookingUp ??= lookUp();
        await lookingUp;
        const second = await context(host, identify);
        if (second === first) throw error;
        return attempt(second);
      }
    },
  };
}

function bare(pem: string): string {
  return pem.replace(/\s+/g, '');
}

/** The authorities of `--ca-file` and SSL_CERT_FILE, in addition to all others. */
async function namedAuthorities(network: NetworkOptions, env: Variables): Promise<readonly string[]> {
  const named = [authoritiesOf(network.caFile, '--ca-file'), authoritiesOf(env.SSL_CERT_FILE, 'SSL_CERT_FILE')];
  return (await Promise.all(named)).flat();
}

/**
 * The authorities in a file, none where none is named.
 * @param by what names the file
 * @throws E_CONFIG for a file that cannot be read, or holds no certificate
 */
export async function authoritiesOf(file: string | undefined, by: string): Promise<readonly string[]> {
  if (!file) return [];
  const found = certificatesIn((await readNamed(file, `certificate file of ${by},`)).toString('latin1'));
  if (found.length > 0) return found;
  throw unusable(`the file of ${by}, ${file}, holds no certificate`, 'name a file with certificates in PEM form');
}

async function systemAuthorities(system: TrustStore, env: Variables): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const file of system.files) {
    const list = certificatesIn(textOf(file));
    for (const one of list) found.add(one);
    if (list.length > 0) break;
  }
  const folders = env.SSL_CERT_DIR ? env.SSL_CERT_DIR.split(delimiter).filter(Boolean) : system.folders;
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.slice(0, MOST_FILES)) {
      for (const one of certificatesIn(textOf(join(folder, name)))) found.add(one);
    }
  }
  return [...found];
}

interface Identity {
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** The client certificate that the user names, else the one in the host's folder. */
async function identityOf({ clientCert, clientKey }: NetworkOptions, own: HostCertificates): Promise<Identity> {
  if (clientCert !== undefined) return readIdentity(clientCert, clientKey);
  return own.identity === undefined ? {} : readIdentity(own.identity.cert, own.identity.key);
}

async function readIdentity(certFile: string, namedKey: string | undefined): Promise<Identity> {
  const cert = await readNamed(certFile, 'client certificate');
  // One file may hold both, as for curl.
  const key = namedKey === undefined ? cert : await readNamed(namedKey, 'client key');
  const { createPrivateKey, X509Certificate } = await import('node:crypto');
  const keyFile = namedKey ?? certFile;
  const certificate = attempt(
    () => new X509Certificate(cert),
    `the client certificate ${certFile} holds no certificate`,
    'name a file with a certificate in PEM form',
  );
  const secret = attempt(
    () => createPrivateKey(key),
    `the key in ${keyFile} cannot be used: it is no private key in PEM form, or is encrypted`,
    namedKey === undefined
      ? 'name the key with --client-key FILE'
      : `if it is encrypted: openssl pkey -in ${shellWord(keyFile)} -out PLAIN.pem`,
  );
  if (certificate.checkPrivateKey(secret)) return { cert, key };
  throw unusable(
    `the client certificate ${certFile} and the key ${keyFile} do not belong together`,
    'name the key that the certificate was made for with --client-key FILE',
  );
}

function attempt<T>(work: () => T, failure: string, hint: string): T {
  try {
    return work();
  } catch (cause) {
    throw unusable(failure, hint, cause);
  }
}

function unusable(message: string, hint: string, cause?: unknown): CtxsrcError {
  return new CtxsrcError('E_CONFIG', message, { hint, cause });
}

function readNamed(file: string, what: string): Promise<Buffer> {
  return readNamedFile(file, { what: `the ${what} ${printable(file)}` });
}
