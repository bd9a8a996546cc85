/** What a tree is, in one text: to see that nothing was written, and that two snapshots are the same. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One line for each path, in order: type, mode, content, link target.
 * @param times also the mtimes: a source that was only read keeps them
 */
export function fingerprint(path: string, times: boolean, shown = '.'): string {
  const stat = lstatSync(path);
  const mtime = times ? ` ${stat.mtimeMs}` : '';
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isSymbolicLink()) return `l ${shown} ${readlinkSync(path)}${mtime}\n`;
  if (stat.isDirectory()) {
    const children = readdirSync(path).sort();
    const head = `d ${shown} ${mode}${mtime}\n`;
    return head + children.map((name) => fingerprint(join(path, name), times, `${shown}/${name}`)).join('');
  }
  if (!stat.isFile()) return `o ${shown} ${mode}${mtime}\n`;
  return `f ${shown} ${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}${mtime}\n`;
}
