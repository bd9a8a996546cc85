/**
 * Paths as Go's `path` and `path/filepath` treat them on Unix: BuildKit's keys depend on their exact rules. Paths are
 * text, or bytes as one character each: only `/` and `.` have a meaning.
 */

/** The shortest equivalent path by purely lexical rules; empty becomes `.` (`path.Clean`). */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/');
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!rooted) kept.push(part);
  }
  const joined = kept.join('/');
  return rooted ? `/${joined}` : joined === '' ? '.' : joined;
}

/** Non-empty parts joined and cleaned; nothing at all stays empty (`path.Join`). */
export function joinPath(...parts: string[]): string {
  const given = parts.filter((part) => part !== '');
  return given.length === 0 ? '' : cleanPath(given.join('/'));
}

/** All but the last element, cleaned (`path.Dir`). */
export function dirName(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf('/') + 1));
}

/** The last element (`path.Base`): `.` for nothing, `/` for slashes only. */
export function baseName(path: string): string {
  if (path === '') return '.';
  const trimmed = path.replace(/\/+$/, '');
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
}
