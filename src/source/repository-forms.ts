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
const NO_OWNER = /^(?:api|assets|explore|help|login|orgs|search|settings|static|uploads|-)$/;

/**
 * The repository of a page with an `http://` or `https://` URL; undefined if it is not a page, or not known to be one.
 * A branch is assumed to end at the first slash, as the URL does not show its end.
 */
export function forgePage(text: string): ForgePage | undefined {
  const match = /^https?:\/\/(?:www\.)?([^/?#@]+)\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/i.exec(text);
  if (match === null) return undefined;
  const host = (match[1] as string).toLowerCase();
  const parts = (match[2] as string).split('/').filter((part) => part !== '');
  if (parts[0] === undefined || NO_OWNER.test(parts[0])) return undefined;
  const page = FORGES.find(([name]) => name.test(host))?.[1];
  const found = page?.(host, parts.join('/'), new URLSearchParams(match[3]));
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
  return root + named + fragmentOf(ref, directory);
}

type Found = Omit<ForgePage, 'what'> | undefined;

/** By the host's name: a company's own forge mostly has the name of its software. */
const FORGES: readonly (readonly [RegExp, (host: string, path: string, query: URLSearchParams) => Found])[] = [
  [/^gist\.github\.com$/, pageOf('(?:(?![0-9a-f]{20,}/)[^/]+/)?(?<repo>[0-9a-f]{20,})(?:/(?!raw$)(?<single>[^/]+))?$')],
  [
    /^github\./,
    pageOf(
      '(?<repo>[^/]+/[^/]+)$',
      '(?<repo>[^/]+/[^/]+)/releases(?:$|/tag/)(?<ref>[^/]*)',
      '(?<repo>[^/]+/[^/]+)/commit/(?<single>[^/]+)',
      '(?<repo>[^/]+/[^/]+)/pull/(?<pull>[^/]+)',
      '(?<repo>[^/]+/[^/]+)/(?<page>tree|blob)/(?<ref>[^/]+)(?:/(?<below>.+))?$',
    ),
  ],
  [
    /^gitlab\./,
    pageOf(
      // Before GitLab 12.0 URLs had no `-`; without it, the URL is more often a file than a page.
      '(?!(?:.*/)?(?:-|raw|uploads|builds|blob|tree)(?:/|$))(?<repo>.+/.+)$',
      '(?<repo>[^/]+(?:/(?!-/)[^/]+)+)/-/(?:commit|tags)/(?<single>[^/]+)',
      '(?<repo>[^/]+(?:/(?!-/)[^/]+)+)/-/merge_requests/(?<merge>[^/]+)',
      '(?<repo>[^/]+(?:/(?!-/)[^/]+)+)/-/(?<page>tree|blob)/(?<ref>[^/]+)(?:/(?<below>.+))?$',
    ),
  ],
  [
    /^bitbucket\.org$/,
    pageOf('(?<repo>[^/]+/[^/]+)$', '(?<repo>[^/]+/[^/]+)/(?<page>src)/(?<ref>[^/]+)(?:/(?<below>.+))?$'),
  ],
  [
    /^(?:gitea|forgejo)\.|^codeberg\.org$/,
    pageOf(
      '(?<repo>[^/]+/[^/]+)$',
      '(?<repo>[^/]+/[^/]+)/(?<page>src)/(?:branch|tag|commit)/(?<ref>[^/]+)(?:/(?<below>.+))?$',
    ),
  ],
  [/^git\.sr\.ht$/, sourcehutPage],
  [/^dev\.azure\.com$|\.visualstudio\.com$/, azurePage],
];

/**
 * Finds the reference for a page by the path of its URL. The groups of the patterns: `repo`; `ref`, and the path `below`
 * it; `single`, `pull` and `merge` for one object or request; `page` says whether it shows a file, `src` leaves it open.
 */
function pageOf(...patterns: readonly string[]): (host: string, path: string) => Found {
  const pages = patterns.map((pattern) => new RegExp(`^${pattern}`));
  return (host, path) => {
    const groups = pages.map((page) => page.exec(path)?.groups).find((found) => found !== undefined);
    if (groups === undefined) return undefined;
    const { repo = '', ref, below = '', single, pull, merge, page } = groups;
    if (ref === undefined && FILE_NAME.test(single ?? pull ?? merge ?? repo)) return undefined;
    const request = (pull && `refs/pull/${pull}/head`) ?? (merge && `refs/merge-requests/${merge}/head`);
    const isFile = page === 'blob' || (page === 'src' && FILE_NAME.test(below || ref || ''));
    const directory = isFile ? below.replace(/(?:^|\/)[^/]*$/, '') : below;
    const address = `https://${host}/${repo.replace(/\.git$/, '')}.git`;
    const reference = address + fragmentOf(ref ?? single ?? request ?? '', directory);
    if (!isFile) return { reference };
    return { reference, file: `https://${host}/${repo}${path.slice(repo.length).replace(page!, 'raw')}` };
  };
}

const fragmentOf = (ref: string, directory: string): string =>
  ref === '' && directory === '' ? '' : `#${ref}${directory === '' ? '' : `:${directory}`}`;

// URLs of sourcehut and Azure do not end in .git; by ssh they need not.
function sourcehutPage(host: string, path: string): Found {
  const [owner = '', name, page, ref, item, ...directory] = path.split('/');
  if (!owner.startsWith('~') || name === undefined) return undefined;
  const repository = `git@${host}:${owner}/${name}`;
  if (page === undefined) return { reference: repository };
  if (page !== 'tree' || ref === undefined) return undefined;
  return { reference: `${repository}#${ref}${item === 'item' ? `:${directory.join('/')}` : ''}` };
}

function azurePage(host: string, path: string, query: URLSearchParams): Found {
  const parts = path.split('/');
  const at = parts.indexOf('_git');
  const name = parts[at + 1];
  if (at < 0 || name === undefined || parts.length > at + 2) return undefined;
  const organisation =
    host === 'dev.azure.com' ? parts.slice(0, at) : [host.split('.')[0] as string, ...parts.slice(0, at)];
  // The first repository of a project may be named without the project.
  const [owner = '', project = name] = organisation.filter((part) => part !== 'DefaultCollection');
  const version = /^G[BTC](.+)$/.exec(query.get('version') ?? '')?.[1] ?? '';
  const directory = (query.get('path') ?? '').replace(/^\/+|\/+$/g, '');
  return { reference: `git@ssh.dev.azure.com:v3/${owner}/${project}/${name}${fragmentOf(version, directory)}` };
}
