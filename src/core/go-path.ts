/** Go's `path.Join` for relative paths: parts joined by `/`, empty ones dropped, `.` and `..` resolved as text. */
export function joinGoPath(...parts: readonly (string | undefined)[]): string {
  const kept: string[] = [];
  for (const name of parts.join('/').split('/')) {
    if (name === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (name !== '' && name !== '.') kept.push(name);
  }
  return kept.join('/');
}
