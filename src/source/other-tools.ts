/**
 * How other tools (skopeo and podman, helm, syft, package URLs, Windows, the shell) name an image or directory, with
 * what to type instead. Pure text.
 */
import { shellWord } from '../core/shell-word.ts';
import { parseNormalizedReference } from '../oci/reference.ts';

/** A reference in the form of another tool. */
export interface OtherForm {
  /** For people, after the text: `is how skopeo and podman name an image in a registry`. */
  readonly what: string;
  /** What to type here. */
  readonly hint: string;
}

const SKOPEO = 'is how skopeo and podman name';

/** A path with or without `:REF`, as skopeo parses it: the first colon ends the path. */
const pathAndTag = (rest: string): [path: string, tag: string | undefined] => {
  const colon = rest.indexOf(':');
  return colon < 0 ? [rest, undefined] : [rest.slice(0, colon), rest.slice(colon + 1) || undefined];
};

const type = (reference: string): string => `type ${shellWord(reference)}`;

/** @param written the name, perhaps behind slashes */
function image(written: string): string {
  const name = written.replace(/^\/{1,2}/, '');
  return isImageName(name) ? type(`docker-image://${name}`) : 'an image in a registry is docker-image://NAME[:TAG]';
}

function inPath(scheme: string, rest: string): string {
  const [path, tag] = pathAndTag(rest.replace(/^\/\/(?=[^/])/, ''));
  return type(`${scheme}://${path}${tag === undefined ? '' : `:${tag}`}`);
}

const savedAs = (command: string, reference: string): string => `${command}, then name ${reference}`;

function inTool(program: string, who: string): (rest: string) => OtherForm {
  return (rest) => ({
    what: `${SKOPEO} an image that ${who} has`,
    hint: savedAs(`${program} save -o image.tar ${shellWord(rest.replace(/^\/\//, ''))}`, 'docker-archive://image.tar'),
  });
}

function slashless(scheme: string): (rest: string) => OtherForm {
  return (rest) => ({ what: 'lacks a slash', hint: type(`${scheme}://${rest.replace(/^\/+/, '')}`) });
}

/** By the word before the first colon; each function receives the text after it, slashes included. */
const FORMS: Readonly<Record<string, (rest: string) => OtherForm>> = {
  docker: (rest) => ({ what: `${SKOPEO} an image in a registry`, hint: image(rest) }),
  registry: (rest) => ({ what: 'is how syft names an image in a registry', hint: image(rest) }),
  oci: (rest) =>
    rest.startsWith('//')
      ? { what: 'is how helm and flux name what lies in a registry', hint: image(rest) }
      : { what: `${SKOPEO} an OCI layout`, hint: inPath('oci-layout', rest) },
  'oci-dir': (rest) => ({ what: 'is how syft names an OCI layout', hint: inPath('oci-layout', rest) }),
  'oci-archive': (rest) => ({ what: `${SKOPEO} an image in a tar file`, hint: inPath('oci-archive', rest) }),
  'docker-archive': (rest) => ({ what: `${SKOPEO} a file of docker save`, hint: inPath('docker-archive', rest) }),
  dir: (rest) => ({
    what: `${SKOPEO} an image in a directory of its own form`,
    hint: `for files in a directory ${type(asPath(rest))}; for skopeo's form: ${savedAs(
      `skopeo copy ${shellWord(`dir:${rest}`)} oci:LAYOUT:latest`,
      'oci-layout://LAYOUT',
    )}`,
  }),
  'docker-daemon': inTool('docker', 'a docker daemon'),
  'containers-storage': inTool('podman', 'podman'),
  'docker-image': (rest) => ({ what: 'lacks the slashes', hint: image(rest) }),
  'oci-layout': (rest) => ({ what: 'lacks the slashes', hint: inPath('oci-layout', rest) }),
  local: (rest) => ({ what: 'lacks the slashes', hint: type(asPath(rest)) }),
  http: slashless('http'),
  https: slashless('https'),
  file: (rest) => ({
    what: 'is a git repository or a file by its URL',
    hint: `for a directory ${type(asPath(rest.replace(/^\/\//, '')))}`,
  }),
};

/** Our own schemes, which need two slashes; without them they are a form of another tool. */
const OURS = new Set(['oci-archive', 'docker-archive', 'docker-image', 'oci-layout', 'local', 'http', 'https']);

/** The form of another tool that a text has; undefined if none is known, or if the form is ours. */
export function otherToolsForm(value: string): OtherForm | undefined {
  if (/^[A-Za-z]:[\\/]/.test(value) || value.startsWith('\\\\')) {
    return { what: 'is a path of Windows', hint: windowsPath(value) };
  }
  if (/^\.{0,2}\\/.test(value))
    return { what: 'is a path of Windows', hint: type(asPath(value.replaceAll('\\', '/'))) };
  if (/^~[^/]*(?:\/|$)/.test(value)) {
    const isOwn = value === '~' || value.startsWith('~/');
    return {
      what: 'was not expanded by the shell',
      hint: isOwn ? `type "$HOME"${value === '~' ? '' : shellWord(value.slice(1))}` : 'type the whole path',
    };
  }
  if (/^sha(?:256|384|512):[0-9a-f]{32,}$/.test(value)) {
    return { what: 'is a digest without a name before it', hint: `type docker-image://NAME@${value}` };
  }
  const colon = value.indexOf(':');
  const word = value.slice(0, Math.max(colon, 0)).toLowerCase();
  const rest = value.slice(colon + 1);
  if (!Object.hasOwn(FORMS, word) || rest.replace(/^\/\//, '') === '') return undefined;
  if (rest.startsWith('//') && (OURS.has(word) || word === 'file')) return undefined;
  return (FORMS[word] as (rest: string) => OtherForm)(rest);
}

/** Hint for a bare word that is not an existing file or directory; `***@` stands for user and password. */
export function bareWordHint(value: string): string {
  if (value.startsWith('***@')) return `leave user and password out: ${image(value.slice('***@'.length))}`;
  const directory = `for a directory ${type(asPath(value))}`;
  return isImageName(value) ? `for an image ${type(`docker-image://${value}`)}, ${directory}` : directory;
}

/** The hint for a file where a directory is expected. */
export function fileHint(path: string): string {
  const named = asPath(path);
  if (/\.(?:tar|t[gx]z|tbz2?|tzst)$|\.tar\./i.test(path)) {
    return `for an image as docker save writes it ${type(`docker-archive://${named}`)}, for an OCI layout in a tar file ${shellWord(`oci-archive://${named}`)}`;
  }
  const slash = named.lastIndexOf('/');
  return `name the directory that it lies in, with --include ${shellWord(named.slice(slash + 1))} for this file alone: ${shellWord(named.slice(0, slash) || '/')}`;
}

/**
 * The image or repository of a package URL, `pkg:docker/alpine@3.20`; undefined if it is not one, or not a package that
 * could be a context. It may have a digest as its version, and another registry.
 */
export function packageUrlForm(value: string): OtherForm | undefined {
  const match = /^pkg:(docker|oci|github|gitlab|bitbucket)\/([a-z0-9._/-]+)(?:@([^?#]+))?(?:\?([^#]*))?(?:#.*)?$/i.exec(
    value,
  );
  if (match === null) return undefined;
  const [, kind = '', name = '', written = '', query] = match;
  const version = written.replace(/%3a/gi, ':');
  const what = 'is a package URL';
  if (kind !== 'docker' && kind !== 'oci') {
    const host = kind === 'bitbucket' ? 'bitbucket.org' : `${kind}.com`;
    return { what, hint: type(`https://${host}/${name}.git${version === '' ? '' : `#${version}`}`) };
  }
  const qualifiers = new URLSearchParams(query);
  const registry = qualifiers.get('repository_url');
  // The qualifier of an OCI package is the whole repository, that of a docker package only the registry.
  const repository = registry === null ? name : kind === 'oci' ? registry : `${registry}/${name}`;
  const tag = qualifiers.get('tag');
  const mark = version === '' ? '' : version.includes(':') ? `@${version}` : `:${version}`;
  return { what, hint: image(`${repository}${tag === null ? '' : `:${tag}`}${mark}`) };
}

function isImageName(value: string): boolean {
  try {
    parseNormalizedReference(value);
    return true;
  } catch {
    return false;
  }
}

const asPath = (path: string): string => (/^(?:\/|\.\.?(?:\/|$))/.test(path) ? path : `./${path}`);

/** WSL shows drives below `/mnt`. */
function windowsPath(value: string): string {
  const [, drive, path = ''] = /^([A-Za-z]):[\\/]*(.*)$/.exec(value) ?? [];
  if (drive === undefined) return 'mount the share, and name the directory where it is mounted';
  return `in WSL ${type(`/mnt/${drive.toLowerCase()}/${path.replaceAll('\\', '/')}`)}`;
}
