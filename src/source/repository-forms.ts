/**
 * Other ways to name a git repository: URLs of pages of forges, and forms of package managers. Pure text; the results
 * are references for the git source.
 */

/** The page of a forge that a URL shows, and what to type instead. */
export interface ForgePage {
  /** For people: `a page of github.com`. */
  readonly what: string;
  /** The git reference of the repository, with branch and directory if the page has them. */
  readonly reference: string;
  /** The URL of the raw file that the page shows. */
  readonly file?: string | undefined;
}

/** Endings of file names, which `docker build` and others fetch as files; no page of a forge has them. */
const FILE_NAME =
  /\.(?:tar|t?gz|tgz|txz|tbz2?|zip|xz|bz2|zst|jar|whl|deb|rpm|apk|exe|msi|json|ya?ml|toml|xml|txt|md|sh|js|css|html?|pem|asc|sig|sha\d+|atom|patch|diff)$/i;

/** First path elements of URLs that are not owners of repositories. */
const NO_OWNER = new Set([
  'api',
  'assets',
  'explore',
  'help',
  'login',
  'orgs',
  'search',
  'settings',
  'static',
  'uploads',
  '-',
]);

/**
 * The repository of a page with an `http://` or `https://` URL; undefined if it is not a page, or not known to be one.
 * A branch is assumed to end at the first slash, as the URL does not show its end.
 */
export function forgePage(text: string): ForgePage | undefined {
  const match = /^https?:\/\/(?:www\.)?([^/?#@]+)\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/i.exec(text);
  if (match === null) return undefined;
  const host = (match[1] as string).toLowerCase();
  const parts = (match[2] as string).split('/').filter((part) => part !== '');
  if (parts[0] === undefined || NO_OWNER.has(parts[0])) return undefined;
  const kind = forgeOf(host);
  const found = kind === undefined ? undefined : PAGES[kind](host, parts, new URLSearchParams(match[3] ?? ''));
  if (found === undefined) return undefined;
  // A typed fragment is the #REF:DIRECTORY of a git reference; with a query it was copied and is a position on the
  // page.
  const meant = match[3] === undefined && !found.reference.includes('#') ? match[4] : undefined;
  return { what: `a page of ${host}`, ...found, reference: found.reference + (meant ? `#${meant}` : '') };
}

/**
 * What to type for `git+https://…` (npm, pip, Nix) and `git::https://…` (Terraform); undefined for other texts. pip's
 * `@REF` and the `ref` of a query become `#REF`, their directory the part after it; the http form gets the `.git` that
 * distinguishes a repository from a file.
 */
export function packageManagerForm(text: string): string | undefined {
  const url = /^git(?:\+|::)((?:https?|ssh|git|file):\/\/.*)$/i.exec(text)?.[1];
  if (url === undefined) return undefined;
  const [, address = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(url) ?? [];
  const [, root = '', rest = ''] = /^([a-z]+:\/\/[^/]*)(.*)$/i.exec(address) ?? [];
  const [, path = '', below = '', at = ''] = /^(.*?)(?:\/\/([^@]*))?(?:@([^@]+))?$/.exec(rest) ?? [];
  const asked = new URLSearchParams(query);
  // pip's fragment is a list of settings; that of npm and of the git source is a ref.
  const settings = new URLSearchParams(/^(?:egg|subdirectory)=/.test(fragment) ? fragment : '');
  const ref = at || asked.get('ref') || (settings.size > 0 ? '' : fragment);
  const directory = below || asked.get('dir') || settings.get('subdirectory') || '';
  const named = /^https?:/i.test(root) && !path.endsWith('.git') ? `${path.replace(/\/$/, '')}.git` : path;
  return `${root}${named}${ref === '' && directory === '' ? '' : `#${ref}`}${directory === '' ? '' : `:${directory}`}`;
}

type Forge = 'github' | 'gitlab' | 'bitbucket' | 'gitea' | 'azure' | 'gist' | 'sourcehut';
type Found = Omit<ForgePage, 'what'> | undefined;

/** By the host's name: a company's own forge mostly has the name of its software. */
function forgeOf(host: string): Forge | undefined {
  if (host === 'dev.azure.com' || host.endsWith('.visualstudio.com')) return 'azure';
  if (host === 'gist.github.com') return 'gist';
  if (host === 'git.sr.ht') return 'sourcehut';
  const names: readonly (readonly [RegExp, Forge])[] = [
    [/^github\./, 'github'],
    [/^gitlab\./, 'gitlab'],
    [/^bitbucket\.org$/, 'bitbucket'],
    [/^(?:gitea|forgejo)\.|^codeberg\.org$/, 'gitea'],
  ];
  return names.find(([pattern]) => pattern.test(host))?.[1];
}

/** `https://HOST/OWNER/NAME.git#REF:DIRECTORY`. */
function reference(
  host: string,
  repository: readonly string[],
  ref?: string,
  directory: readonly string[] = [],
): string {
  const fragment = `${ref ?? ''}${directory.length === 0 ? '' : `:${directory.join('/')}`}`;
  return `https://${host}/${repository.join('/').replace(/\.git$/, '')}.git${fragment === '' ? '' : `#${fragment}`}`;
}

/** The repository of a URL with nothing after its name. */
function repositoryAlone(host: string, parts: readonly string[]): Found {
  return FILE_NAME.test(parts.at(-1) ?? '') ? undefined : { reference: reference(host, parts) };
}

/** The page of a directory, or of a file in it. */
function treeOrFile(
  host: string,
  repository: readonly string[],
  isFile: boolean,
  rest: readonly string[],
  raw: string,
): Found {
  const [ref, ...path] = rest;
  if (ref === undefined) return undefined;
  if (!isFile) return { reference: reference(host, repository, ref, path) };
  const file = `https://${raw}/${[...rest].join('/')}`;
  return { reference: reference(host, repository, ref, path.slice(0, -1)), file };
}

const PAGES: Readonly<Record<Forge, (host: string, parts: readonly string[], query: URLSearchParams) => Found>> = {
  github(host, parts) {
    const [owner = '', name, page, ...rest] = parts;
    if (name === undefined) return undefined;
    const repository = [owner, name];
    const [first, second] = rest;
    switch (page) {
      case undefined:
        return repositoryAlone(host, repository);
      case 'tree':
      case 'blob':
        return treeOrFile(host, repository, page === 'blob', rest, `${host}/${owner}/${name}/raw`);
      case 'commit':
        return first === undefined || FILE_NAME.test(first)
          ? undefined
          : { reference: reference(host, repository, first) };
      case 'pull':
        return first === undefined || FILE_NAME.test(first)
          ? undefined
          : { reference: reference(host, repository, `refs/pull/${first}/head`) };
      case 'releases':
        if (first === undefined) return { reference: reference(host, repository) };
        return first === 'tag' && second !== undefined ? { reference: reference(host, repository, second) } : undefined;
      default:
        return undefined;
    }
  },

  gitlab(host, parts) {
    const dash = parts.indexOf('-');
    const repository = dash < 0 ? parts : parts.slice(0, dash);
    if (repository.length < 2) return undefined;
    // Before GitLab 12.0 URLs had no `-`; without it, the URL is more often a file than a page.
    if (dash < 0)
      return parts.some((part) => /^(?:raw|uploads|builds|blob|tree)$/.test(part))
        ? undefined
        : repositoryAlone(host, parts);
    const [page, ...rest] = parts.slice(dash + 1);
    if (page === 'tree' || page === 'blob') {
      return treeOrFile(host, repository, page === 'blob', rest, `${host}/${repository.join('/')}/-/raw`);
    }
    const [first] = rest;
    if (first === undefined || FILE_NAME.test(first)) return undefined;
    if (page === 'commit' || page === 'tags') return { reference: reference(host, repository, first) };
    return page === 'merge_requests'
      ? { reference: reference(host, repository, `refs/merge-requests/${first}/head`) }
      : undefined;
  },

  bitbucket(host, parts) {
    const [owner = '', name, page, ...rest] = parts;
    if (name === undefined) return undefined;
    if (page === undefined) return repositoryAlone(host, [owner, name]);
    if (page !== 'src') return undefined;
    const isFile = FILE_NAME.test(rest.at(-1) ?? '');
    return treeOrFile(host, [owner, name], isFile, rest, `${host}/${owner}/${name}/raw`);
  },

  gitea(host, parts) {
    const [owner = '', name, page, kind, ...rest] = parts;
    if (name === undefined) return undefined;
    if (page === undefined) return repositoryAlone(host, [owner, name]);
    if (page !== 'src' || !/^(?:branch|tag|commit)$/.test(kind ?? '')) return undefined;
    const isFile = FILE_NAME.test(rest.at(-1) ?? '');
    return treeOrFile(host, [owner, name], isFile, rest, `${host}/${owner}/${name}/raw/${kind}`);
  },

  gist(host, parts) {
    const at = parts.findIndex((part) => /^[0-9a-f]{20,}$/.test(part));
    const [id, revision, ...rest] = parts.slice(at);
    if (at < 0 || at > 1 || id === undefined || rest.length > 0 || FILE_NAME.test(revision ?? '')) return undefined;
    return revision === 'raw' ? undefined : { reference: reference(host, [id], revision) };
  },

  // URLs of sourcehut and Azure do not end in .git; by ssh they need not.
  sourcehut(host, [owner = '', name, page, ref, item, ...directory]) {
    if (!owner.startsWith('~') || name === undefined) return undefined;
    const repository = `git@${host}:${owner}/${name}`;
    if (page === undefined) return { reference: repository };
    if (page !== 'tree' || ref === undefined) return undefined;
    return { reference: `${repository}#${ref}${item === 'item' ? `:${directory.join('/')}` : ''}` };
  },

  azure(host, parts, query) {
    const at = parts.indexOf('_git');
    const name = parts[at + 1];
    if (at < 0 || name === undefined || parts.length > at + 2) return undefined;
    const organisation =
      host === 'dev.azure.com' ? parts.slice(0, at) : [host.split('.')[0] as string, ...parts.slice(0, at)];
    // The first repository of a project may be named without the project.
    const [owner = '', project = name] = organisation.filter((part) => part !== 'DefaultCollection');
    const version = /^G[BTC](.+)$/.exec(query.get('version') ?? '')?.[1] ?? '';
    const directory = (query.get('path') ?? '').replace(/^\/+|\/+$/g, '');
    const fragment = `${version}${directory === '' ? '' : `:${directory}`}`;
    return {
      reference: `git@ssh.dev.azure.com:v3/${owner}/${project}/${name}${fragment === '' ? '' : `#${fragment}`}`,
    };
  },
};
