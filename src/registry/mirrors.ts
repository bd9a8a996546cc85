/** Where a registry's content may be had: its mirrors in the order given, then the registry itself. */
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import { withoutUser } from '../core/shown-reference.ts';
import { apiHost, isDockerHub } from '../http/host.ts';

/** A repository of a registry; `host` is `host[:port]` as in a normalised reference. */
export interface RepositoryName {
  readonly host: string;
  readonly repository: string;
}

export interface Endpoint {
  /** The name that credentials are looked up under: the registry's, or the mirror's own. */
  readonly host: string;
  /** `host[:port]` of the server. */
  readonly api: string;
  /** The repository's path on that server. */
  readonly repository: string;
  readonly mirror: boolean;
  /**
   * The registry whose content is wanted from a mirror, sent as `?ns=` (distribution-spec, "Registry Proxying"): one that
   * serves several registries chooses by it, others ignore it.
   */
  readonly namespace?: string | undefined;
}

/**
 * The places that have a repository: the registry itself first, then its mirrors, which are to be asked before it, in this
 * order. E_CONFIG when a mirror is not `HOST[/PATH]`.
 */
export function endpointsFor(
  name: RepositoryName,
  mirrors: NetworkOptions['mirrors'],
): readonly [Endpoint, ...Endpoint[]] {
  const namespace = isDockerHub(name.host) ? 'docker.io' : name.host;
  const copies = mirrors
    .filter(({ host }) => sameRegistry(host, name.host))
    .map(({ mirror }): Endpoint => {
      const { host, path } = parseMirror(mirror);
      const repository = path === '' ? name.repository : `${path}/${name.repository}`;
      return { host, api: apiHost(host), repository, mirror: true, namespace };
    });
  const origin: Endpoint = { host: name.host, api: apiHost(name.host), repository: name.repository, mirror: false };
  return [origin, ...copies];
}

function sameRegistry(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() || (isDockerHub(a) && isDockerHub(b));
}

/** Splits `HOST[:PORT][/PATH]`. A scheme is not part of it: `--plain-http HOST` says that. */
export function parseMirror(text: string): { readonly host: string; readonly path: string } {
  const match = /^([A-Za-z0-9.-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?)((?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)\/?$/.exec(
    text,
  );
  if (match?.[1] === undefined) {
    throw new CtxsrcError('E_CONFIG', `${JSON.stringify(withoutUser(text))} is no mirror`, {
      hint: 'write --mirror docker.io=mirror.example[:PORT][/PATH], and --plain-http mirror.example if it has no TLS',
    });
  }
  return { host: match[1], path: (match[2] ?? '').slice(1) };
}
