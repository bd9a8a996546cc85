/** The registries that this user's settings name. */
import { readFileSync } from 'node:fs';
import type { NetworkOptions } from '../../contract/source.ts';
import type { Variables } from '../../core/home.ts';
import { isDockerHub } from '../../http/host.ts';
import { configFiles } from './credentials.ts';
import { keyTarget, parseDockerConfig } from './docker-config.ts';

/**
 * Hosts with a credential or a helper in a file of docker or podman, or in the environment, and the hosts of mirrors and
 * of `--plain-http`; docker.io where none of them is named. Each once, sorted, never more than 20.
 */
export function configuredRegistries(
  network: NetworkOptions,
  env: Variables,
  registryConfig: string | undefined,
): readonly string[] {
  const files = [...(registryConfig === undefined ? [] : [registryConfig]), ...configFiles(env)];
  const configs = [env.DOCKER_AUTH_CONFIG ?? '', ...files.map(textOf)].flatMap((text) => parseDockerConfig(text) ?? []);
  const keys = configs.flatMap(({ auths, credHelpers }) => [...auths.keys(), ...credHelpers.keys()]);
  const hosts = [
    ...keys.flatMap((key) => keyTarget(key)?.host ?? []),
    ...(env.CTXSRC_REGISTRY ? [env.CTXSRC_REGISTRY] : []),
    ...network.mirrors.map(({ host }) => host),
    ...network.plainHttp,
  ];
  const names = new Set(hosts.map((host) => (isDockerHub(host) ? 'docker.io' : host)));
  return names.size === 0 ? ['docker.io'] : [...names].sort().slice(0, MOST);
}

const MOST = 20;

/** Empty if there is no such file, or it cannot be read: looking for a credential says so. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
