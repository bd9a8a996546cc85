// What a new version of a context costs to send: one layer for everything, against one layer for each folder at the
// top (at most 60; files at the top are one more). `node bench/split.mjs REPOSITORY TAG TAG…`: a clone and its tags,
// oldest first. Needs git, tar and gzip. `--without PATH` leaves a path out, where a partial clone lacks it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const MOST_LAYERS = 60;
/** The same files give the same archive. */
const PLAIN = ['--sort=name', '--mtime=1980-01-02T00:00:00Z', '--owner=0', '--group=0', '--numeric-owner'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { without: { type: 'string', multiple: true, default: [] } },
});
const [repository, ...tags] = positionals;

/** The compressed layers of a version, by digest, with their sizes. */
function layersOf(names, dir) {
  const layers = new Map();
  for (const group of names) {
    const files = group.map((name) => `./${name}`);
    const archive = execFileSync('tar', [...PLAIN, '-C', dir, '-cf', '-', ...files], { maxBuffer: 2 ** 31 - 1 });
    const layer = execFileSync('gzip', ['-6', '-n'], { input: archive, maxBuffer: 2 ** 31 - 1 });
    layers.set(createHash('sha256').update(layer).digest('hex'), layer.length);
  }
  return layers;
}

/** Folders at the top, one group each; beyond the limit those that are left share the last one. Files are one group. */
function split(dir) {
  const entries = readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const groups = folders.slice(0, MOST_LAYERS - 2).map((name) => [name]);
  return [...groups, folders.slice(MOST_LAYERS - 2), files].filter((group) => group.length > 0);
}

function sent(layers, before) {
  return [...layers].reduce((sum, [digest, size]) => (before.has(digest) ? sum : sum + size), 0);
}

const total = { whole: 0, split: 0 };
let before = { whole: new Map(), split: new Map() };
for (const [number, tag] of tags.entries()) {
  const dir = mkdtempSync(join(tmpdir(), 'split-'));
  const paths = ['.', ...values.without.map((path) => `:!${path}`)];
  const archive = execFileSync('git', ['-C', repository, 'archive', tag, '--', ...paths], { maxBuffer: 2 ** 31 - 1 });
  execFileSync('tar', ['-x', '-C', dir], { input: archive });
  const groups = split(dir);
  const now = { whole: layersOf([groups.flat()], dir), split: layersOf(groups, dir) };
  if (number > 0) {
    const bytes = { whole: sent(now.whole, before.whole), split: sent(now.split, before.split) };
    total.whole += bytes.whole;
    total.split += bytes.split;
    console.log(`${tag}: whole ${bytes.whole}, split ${bytes.split} in ${groups.length} layers`);
  }
  before = now;
  rmSync(dir, { recursive: true });
}
console.log(`together: whole ${total.whole}, split ${total.split} (${(total.split / total.whole).toFixed(2)})`);
