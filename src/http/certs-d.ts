/**
 * Certificates that docker, podman and similar tools keep for single hosts, in `certs.d/HOST[:PORT]/`: authorities in
 * `*.crt`, client certificates in `*.cert`, with a `*.key` of the same name.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { homeOf, type Variables } from '../core/home.ts';
import { certificatesIn, textOf } from './pem.ts';

export interface HostCertificates {
  /** Additional authorities to trust, in PEM. */
  readonly authorities: readonly string[];
  /** Files of a client certificate and its key; the key may be missing. */
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
}

/** The user's own folders, then the system's. */
function foldersOf(env: Variables): readonly string[] {
  const home = homeOf(env);
  const config = env.XDG_CONFIG_HOME || (home && join(home, '.config'));
  const own = [env.DOCKER_CONFIG || (home && join(home, '.docker')), config && join(config, 'containers')];
  return [...own.filter((folder) => folder !== undefined), '/etc/docker', '/etc/containers'];
}

/**
 * The certificates for a host: the authorities of all folders, and the first client certificate. A file that cannot be
 * read counts as missing (the system's keys often belong to root alone).
 * @param host `HOST[:PORT]` of a URL; without a port it is 443, which the name of the folder may hold or not
 */
export async function hostCertificates(host: string, env: Variables): Promise<HostCertificates> {
  // Not the name of a folder below certs.d.
  if (!/^[A-Za-z0-9[]/.test(host)) return { authorities: [] };
  const names = /:\d+$/.test(host) ? [host] : [host, `${host}:443`];
  const authorities: string[] = [];
  let identity: HostCertificates['identity'];
  for (const folder of foldersOf(env)) {
    for (const name of names) {
      const dir = join(folder, 'certs.d', name);
      const files = (await readdir(dir).catch(() => [])).sort();
      for (const file of files) {
        if (!file.endsWith('.crt')) continue;
        for (const one of certificatesIn(textOf(join(dir, file)))) authorities.push(one);
      }
      const cert = files.find((file) => file.endsWith('.cert') && textOf(join(dir, file)) !== '');
      const key = cert?.replace(/\.cert$/, '.key');
      if (cert !== undefined && key !== undefined && files.includes(key) && textOf(join(dir, key)) !== '') {
        identity ??= { cert: join(dir, cert), key: join(dir, key) };
      }
    }
  }
  return { authorities, identity };
}
