/**
 * What docker, podman and their kin keep for single hosts, in `certs.d/HOST[:PORT]/`: authorities in `*.crt`, and who one
 * is there in `*.cert` with the `*.key` of the same name.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { homeOf } from '../core/home.ts';
import { certificatesIn, textOf } from './pem.ts';
import type { Environment } from './proxy.ts';

export interface HostCertificates {
  /** Authorities to trust besides others, PEM. */
  readonly authorities: readonly string[];
  /** Files of a client certificate and its key; `key` may not be there. */
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
}

/** The user's own folders, then the machine's. */
function foldersOf(env: Environment): readonly string[] {
  const home = homeOf(env);
  const config = env.XDG_CONFIG_HOME || (home && join(home, '.config'));
  const own = [env.DOCKER_CONFIG || (home && join(home, '.docker')), config && join(config, 'containers')];
  return [...own.filter((folder) => folder !== undefined), '/etc/docker', '/etc/containers'];
}

/**
 * What there is for a host: the authorities of all folders, the client certificate of the first that has one. What
 * cannot be read (the machine's keys are often root's alone) counts as not there.
 * @param host `HOST[:PORT]` of a URL: without a port it is 443, which may be written in the folder's name or not
 */
export async function hostCertificates(host: string, env: Environment): Promise<HostCertificates> {
  // A name that is no name of a folder below certs.d.
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
