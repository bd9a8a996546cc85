// Compares two trees entry by entry: type, mode, owner, size, content, link, device, inode groups, mtime, attributes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A line for each entry below `dir` (the root itself aside), by path. */
export function listTree(dir) {
  const entries = new Map();
  const inodes = new Map();
  const visit = (full, path) => {
    for (const name of readdirSync(full, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const child = Buffer.concat([full, Buffer.from('/'), name]);
      const childPath = (path === '' ? '' : `${path}/`) + name.toString('latin1');
      const stat = lstatSync(child, { bigint: true });
      const facts = [stat.mode.toString(8), stat.uid, stat.gid, stat.mtimeNs];
      if (stat.isFile()) facts.push(stat.size, createHash('sha256').update(readFileSync(child)).digest('hex'));
      if (stat.isSymbolicLink()) facts.push(readlinkSync(child, 'latin1'));
      if (stat.isCharacterDevice() || stat.isBlockDevice()) facts.push(stat.rdev);
      if (!stat.isDirectory() && stat.nlink > 1n) {
        if (!inodes.has(stat.ino)) inodes.set(stat.ino, childPath);
        facts.push(`links ${stat.nlink} as ${inodes.get(stat.ino)}`);
      }
      entries.set(childPath, facts.join(' '));
      if (stat.isDirectory()) visit(child, childPath);
    }
  };
  visit(Buffer.from(dir), '');
  for (const [path, attributes] of listXattrs(dir)) {
    if (entries.has(path)) entries.set(path, `${entries.get(path)} ${attributes}`);
  }
  return entries;
}

function listXattrs(dir) {
  const output = execFileSync('getfattr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: dir,
    encoding: 'latin1',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const unquote = (text) => text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  const found = [];
  for (const paragraph of output.split('\n\n')) {
    const [head, ...lines] = paragraph.split('\n').filter((line) => line !== '');
    const path = /^# file: (?:\.\/)?(.*)$/.exec(head ?? '')?.[1];
    if (path !== undefined) found.push([unquote(path), lines.map(unquote).sort().join(' ')]);
  }
  return found;
}

/** Differences between two lists, as text; empty when there are none. */
export function compareTrees(ours, theirs) {
  const differences = [];
  for (const [path, facts] of theirs) {
    const own = ours.get(path);
    if (own !== facts) differences.push(`${JSON.stringify(path)}: ${own ?? 'missing'}, but should be ${facts}`);
  }
  for (const path of ours.keys())
    if (!theirs.has(path)) differences.push(`${JSON.stringify(path)}: should not be there`);
  return differences;
}
