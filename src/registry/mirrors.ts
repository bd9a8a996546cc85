/** Where a registry's content is fetched from: its mirrors in the given order, then the registry itself. */
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import { withoutUser } from '../core/shown-reference.ts';
import { apiHost, isDockerHub, sameRegistry } from '../http/host.ts';

/** A repository of a registry; `host` is `host[:port]` as in a normalised reference. */
export interface RepositoryName {
  readonly host: string;
  readonly repository: string;
}

export interface Endpoint {
  /** The name for looking up credentials: the registry's, or the mirror's own. */
  readonly host: string;
  /** `host[:port]` of the server. */
  readonly api: string;
  /** The repository's path on that server. */
  readonly repository: string;
  readonly mirror: boolean;
  /**
   * The registry whose content a mirror should serve, sent as `?ns=` (distribution-spec, "Registry Proxying"): mirrors
   * of several registries choose by it, others ignore it.
   */
  readonly namespace?: string | undefined;
}

/**
 * The endpoints of a repository: the registry first, then its mirrors, which are tried before it in this order.
 * E_CONFIG when a mirror is not `HOST[/PATH]`.
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

/** Splits `HOST[:PORT][/PATH]`. A scheme is not allowed: `--plain-http HOST` selects it. */
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
