/** Paths inside the image, by the rules of its operating system: Windows has `\` and the drive C:, nothing else differs. */
import { cleanPath, joinPath } from '../../core/go/path.ts';
import { DockerfileProblem } from '../problem.ts';

/**
 * The path made absolute below `parent`, with slashes. An absolute one is not cleaned: `/w/` is not `/w`.
 * @param keepSlash keeps a final `/` and `/.`, which say that a destination is a directory
 */
export function absolutePath(parent: string, path: string, os: string, keepSlash = false): string {
  const written = withSlashes(path, os);
  const above = withoutDrive(withSlashes(parent === '' ? '/' : parent, os), os, keepSlash);
  const root = above.startsWith('/') ? above : joinPath('/', above);
  const own = written === '' ? root : withoutDrive(written, os, keepSlash);
  const absolute = own.startsWith('/') ? own : joinPath(root, own);
  return withSlashes(keepSlash ? keepEnd(absolute, written) : absolute, os);
}

/** The working directory that WORKDIR or an image sets, with the separators of its operating system. */
export function workingDirectory(current: string, path: string, os: string): string {
  const absolute = absolutePath(current, path, os);
  return os === 'windows' ? absolute.replaceAll('/', '\\') : absolute;
}

export function withSlashes(path: string, os: string): string {
  return os === 'windows' ? path.replaceAll('\\', '/') : path;
}

/** A path of Windows without its drive; other paths as they are. */
export function withoutDrive(path: string, os: string, keepSlash = false): string {
  if (os !== 'windows') return path;
  if (/^.:$/s.test(path)) throw new DockerfileProblem(`${JSON.stringify(path)} is a drive without a path`);
  if (/^[\\/]{2}/.test(path))
    throw new DockerfileProblem(`${JSON.stringify(path)}: paths of a network are not supported`);
  const colon = path.indexOf(':');
  if (colon >= 0 && path.slice(0, colon).toLowerCase() !== 'c') {
    throw new DockerfileProblem(`${JSON.stringify(path)} is not on the drive C:`);
  }
  const rest = withSlashes(colon < 0 ? path : path.slice(colon + 1), os);
  const cleaned = cleanPath(rest);
  return keepSlash && cleaned.length > 1 && rest.endsWith('/') ? `${cleaned}/` : cleaned;
}

/** The path with the `/` or `/.` with which the written one ended. */
export function keepEnd(path: string, written: string): string {
  if (written.endsWith('/')) return path.endsWith('/') ? path : `${path}/`;
  if (written.endsWith('/.')) return path === '/' ? '/.' : `${path}/.`;
  return path;
}
