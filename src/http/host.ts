/** Names of registry hosts: Docker Hub's aliases, loopback, exact comparison. */

/** The server of Docker Hub's API; `docker.io` itself is a name, not a server. */
const DOCKER_HUB_API = 'registry-1.docker.io';

/** The key under which docker stores the credential for Docker Hub. */
export const DOCKER_HUB_AUTH_KEY = 'https://index.docker.io/v1/';

const DOCKER_HUB_NAMES = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

/** True for every name that stands for Docker Hub. */
export function isDockerHub(host: string): boolean {
  return DOCKER_HUB_NAMES.has(host.toLowerCase());
}

/** True for two names of one registry. */
export function sameRegistry(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() || (isDockerHub(a) && isDockerHub(b));
}

/** `host[:port]` of the server for a registry's name. */
export function apiHost(host: string): string {
  return isDockerHub(host) ? DOCKER_HUB_API : host;
}

/** The name without its port and without the brackets of IPv6, lower case. */
export function hostName(host: string): string {
  const bracket = /^\[([^\]]*)\]/.exec(host);
  if (bracket?.[1] !== undefined) return bracket[1].toLowerCase();
  const colon = host.indexOf(':');
  // Several colons without brackets are an IPv6 address without a port.
  return (colon >= 0 && colon === host.lastIndexOf(':') ? host.slice(0, colon) : host).toLowerCase();
}

/** True for `localhost`, 127.0.0.0/8 and ::1, which never leave the machine. */
export function isLoopback(host: string): boolean {
  const name = hostName(host);
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    /^127(?:\.\d{1,3}){3}$/.test(name) ||
    /^(?:0*:)+0*1$/.test(name)
  );
}

/** True if the list (of `--plain-http` or `--insecure`) names the host; an entry without a port means all ports. */
export function hostListed(list: readonly string[], host: string): boolean {
  const wanted = host.toLowerCase();
  return list.some((entry) => {
    const name = entry.toLowerCase();
    return name === wanted || (!/:\d+$/.test(name) && name.replace(/^\[|\]$/g, '') === hostName(host));
  });
}
