/** An authority of the test's own, and certificates it signed: for servers on loopback, for another name, for a client. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  /** For localhost, 127.0.0.1, ::1 and registry.test. */
  readonly server: Pair;
  /** For other.test. */
  readonly other: Pair;
  /** Its common name is `ctxsrc-client`. */
  readonly client: Pair;
}

/** Makes them in a directory. Needs `openssl`. */
export function makeCertificates(dir: string): Certificates {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=ctxsrc-test-ca',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  const sign = (name: string, commonName: string, extensions: string): Pair => {
    writeFileSync(join(dir, `${name}.ext`), extensions);
    openssl('req', ...newKey, '-subj', `/CN=${commonName}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...ca,
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
    return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
  };
  return {
    ca: join(dir, 'ca.pem'),
    server: sign('server', 'server', 'subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1,IP:::1\n'),
    other: sign('other', 'other', 'subjectAltName=DNS:other.test\n'),
    client: sign('client', 'ctxsrc-client', 'extendedKeyUsage=clientAuth\n'),
  };
}
