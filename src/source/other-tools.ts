/**
 * Ways of other tools (skopeo and podman, helm, syft, Windows) to say which image or directory is meant: each is told
 * apart and answered by what to type here. Pure text.
 */
import { shellWord } from '../core/shell-word.ts';
import { parseNormalizedReference } from '../oci/reference.ts';

/** A reference as another tool would take it. */
export interface OtherForm {
  /** For people, behind the text: `is how skopeo and podman name an image in a registry`. */
  readonly what: string;
  /** What to type here. */
  readonly hint: string;
}

const SKOPEO = 'is how skopeo and podman name';

/** A path with or without `:REF` behind it, as skopeo reads it: the first colon ends the path. */
const pathAndTag = (rest: string): [path: string, tag: string | undefined] => {
  const colon = rest.indexOf(':');
  return colon < 0 ? [rest, undefined] : [rest.slice(0, colon), rest.slice(colon + 1) || undefined];
};

const type = (reference: string): string => `type ${shellWord(reference)}`;

function image(name: string): string {
  return isImageName(name) ? type(`docker-image://${name}`) : 'an image in a registry is docker-image://NAME[:TAG]';
}

function inPath(scheme: string, rest: string): string {
  const [path, tag] = pathAndTag(rest.replace(/^\/\/(?=[^/])/, ''));
  return type(`${scheme}://${path}${tag === undefined ? '' : `:${tag}`}`);
}

const savedAs = (command: string, reference: string): string => `${command}, then name ${reference}`;

/** By the word before the first colon; each gets what stands behind it, slashes included. */
const FORMS: Readonly<Record<string, (rest: string) => OtherForm>> = {
  docker: (rest) => ({ what: `${SKOPEO} an image in a registry`, hint: image(rest.replace(/^\/\//, '')) }),
  registry: (rest) => ({ what: 'is how syft names an image in a registry', hint: image(rest.replace(/^\/\//, '')) }),
  oci: (rest) =>
    rest.startsWith('//')
      ? { what: 'is how helm and flux name what lies in a registry', hint: image(rest.slice(2)) }
      : { what: `${SKOPEO} an OCI layout`, hint: inPath('oci-layout', rest) },
  'oci-dir': (rest) => ({ what: 'is how syft names an OCI layout', hint: inPath('oci-layout', rest) }),
  'oci-archive': (rest) => ({ what: `${SKOPEO} an image in a tar file`, hint: inPath('oci-archive', rest) }),
  'docker-archive': (rest) => ({ what: `${SKOPEO} a file of docker save`, hint: inPath('docker-archive', rest) }),
  dir: (rest) => ({
    what: `${SKOPEO} an image in a directory of its own form`,
    hint: `for files in a directory ${type(asPath(rest))}; for skopeo's form: ${savedAs(
      `skopeo copy dir:${rest} oci:LAYOUT:latest`,
      'oci-layout://LAYOUT',
    )}`,
  }),
  'docker-daemon': (rest) => ({
    what: `${SKOPEO} an image that a docker daemon has`,
    hint: savedAs(`docker save -o image.tar ${rest.replace(/^\/\//, '')}`, 'docker-archive://image.tar'),
  }),
  'containers-storage': (rest) => ({
    what: `${SKOPEO} an image that podman has`,
    hint: savedAs(`podman save -o image.tar ${rest.replace(/^\/\//, '')}`, 'docker-archive://image.tar'),
  }),
  'docker-image': (rest) => ({ what: 'lacks the slashes', hint: image(rest) }),
  'oci-layout': (rest) => ({ what: 'lacks the slashes', hint: inPath('oci-layout', rest) }),
  local: (rest) => ({ what: 'lacks the slashes', hint: type(asPath(rest)) }),
  file: (rest) => ({
    what: 'is a git repository or a file by its URL',
    hint: `for a directory ${type(asPath(rest.replace(/^\/\//, '')))}`,
  }),
};

/** Schemes of ours that need two slashes, and are a form of another tool without them. */
const OURS = new Set(['oci-archive', 'docker-archive', 'docker-image', 'oci-layout', 'local']);

/** What another tool means by this text; undefined when none is known to mean anything by it, or when it is ours. */
export function otherToolsForm(value: string): OtherForm | undefined {
  if (/^[A-Za-z]:[\\/]/.test(value) || value.startsWith('\\\\')) {
    return { what: 'is a path of Windows', hint: windowsPath(value) };
  }
  const colon = value.indexOf(':');
  const word = value.slice(0, Math.max(colon, 0)).toLowerCase();
  const rest = value.slice(colon + 1);
  if (!Object.hasOwn(FORMS, word) || rest.replace(/^\/\//, '') === '') return undefined;
  if (rest.startsWith('//') && (OURS.has(word) || word === 'file')) return undefined;
  return (FORMS[word] as (rest: string) => OtherForm)(rest);
}

/** What the user may have meant by a bare word that no file or directory bears. */
export function bareWordHint(value: string): string {
  const directory = `for a directory ${type(asPath(value))}`;
  return isImageName(value) ? `for an image ${type(`docker-image://${value}`)}, ${directory}` : directory;
}

/** What to type for a file that is named where a directory is wanted. */
export function fileHint(path: string): string {
  const named = asPath(path);
  if (/\.(?:tar|t[gx]z|tbz2?|tzst)$|\.tar\./i.test(path)) {
    return `for an image as docker save writes it ${type(`docker-archive://${named}`)}, for an OCI layout in a tar file oci-archive://${named}`;
  }
  const slash = named.lastIndexOf('/');
  return `name the directory that it lies in, with --include ${shellWord(named.slice(slash + 1))} for this file alone: ${shellWord(named.slice(0, slash) || '/')}`;
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
