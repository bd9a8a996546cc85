// How the time of each command grows: node bench/growth.mjs [--rounds N] [--most FILES] [--svg FILE]. `key` (first and
// unchanged), `snapshot` (first and again), `verify`, `diff` and `prune` for 1,000 to 400,000 small files, and `snapshot`
// for 1 to 120 layers, on an ext4 with a journal where one can be mounted. Prints Markdown tables, and writes a picture.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { journaledDisk } from './disk.mjs';
import { growthPicture } from './growth-picture.mjs';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'ctxsrc.js');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    most: { type: 'string', default: '400000' },
    svg: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const SIZES = [1_000, 10_000, 100_000, 400_000].filter((files) => files <= Number(flags.most));
const LAYERS = [1, 10, 60, 120];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const remove = (...paths) => {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
};

function makeFiles(dir, count, text = '') {
  for (let i = 0; i < count; i += 1) {
    const folder = join(dir, String(Math.floor(i / 2000)), String(Math.floor(i / 50) % 40));
    if (i % 50 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${i}`), `${text}${i}\n`.repeat(1 + (i % 40)));
  }
}

/** A layout of one image whose layers are these folders. */
function makeLayout(layout, folders) {
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (bytes, mediaType) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const diffIds = [];
  const layers = folders.map((folder) => {
    const archive = join(layout, 'archive');
    execFileSync('tar', ['-c', '--sort=name', '--mtime=@1700000000', '-f', archive, '-C', folder, '.']);
    diffIds.push(`sha256:${createHash('sha256').update(readFileSync(archive)).digest('hex')}`);
    execFileSync('gzip', ['-n', '-1', '-f', archive]);
    const descriptor = put(readFileSync(`${archive}.gz`), 'application/vnd.oci.image.layer.v1.tar+gzip');
    remove(`${archive}.gz`);
    return descriptor;
  });
  const json = (value, mediaType) => put(Buffer.from(JSON.stringify(value)), mediaType);
  const config = json(
    { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: diffIds } },
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = json({ schemaVersion: 2, mediaType, config, layers }, mediaType);
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

/** Seconds of one run. `may` is an exit code beside 0 that is an answer. */
function timed(cache, args, may = 0) {
  const start = process.hrtime.bigint();
  const env = { ...process.env, CTXSRC_CACHE_DIR: cache };
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0 && status !== may) throw new Error(`${args.join(' ')}: exit ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Seconds of each command for a tree of so many files. */
function commandsOf(work, files) {
  const place = (name) => join(work, name);
  const [tree, changed, layout, cache] = ['tree', 'changed', 'layout', 'cache'].map(place);
  makeFiles(tree, files);
  cpSync(tree, changed, { recursive: true, preserveTimestamps: true });
  makeFiles(join(changed, 'more'), 10);
  makeLayout(layout, [tree]);
  // Entries younger than two seconds are never taken from a cache.
  spawnSync('sleep', ['3']);
  const snapshot = ['snapshot', '-q', '--platform', 'linux/amd64', `oci-layout://${layout}`];
  const times = {};
  for (let round = 0; round < rounds; round += 1) {
    remove(cache, place('first'), place('again'), place('first.ctxsrc.json'), place('again.ctxsrc.json'));
    const take = (name, ...rest) => {
      times[name] ??= [];
      times[name].push(timed(cache, ...rest));
    };
    take('key, first run', ['key', '-q', tree]);
    take('key, unchanged', ['key', '-q', tree]);
    take('snapshot, first', [...snapshot, place('first')]);
    take('snapshot, again', [...snapshot, place('again')]);
    take('verify', ['verify', '-q', place('first')]);
    take('diff', ['diff', '-q', '--exit-code', tree, changed], 6);
    take('prune', ['cache', 'prune', '-q', '--all']);
  }
  remove(tree, changed, layout, cache, place('first'), place('again'));
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
}

function layersOf(work, count) {
  const layout = join(work, 'layout');
  const folders = Array.from({ length: count }, (_, index) => join(work, 'layers', String(index)));
  for (const [index, folder] of folders.entries()) makeFiles(join(folder, `layer-${index}`), 60, `layer ${index} `);
  makeLayout(layout, folders);
  const values = Array.from({ length: rounds }, () => {
    const [cache, out] = [join(work, 'cache'), join(work, 'out')];
    remove(cache, out, `${out}.ctxsrc.json`);
    return timed(cache, ['snapshot', '-q', '--platform', 'linux/amd64', `oci-layout://${layout}`, out]);
  });
  remove(layout, join(work, 'layers'), join(work, 'out'), join(work, 'cache'));
  return median(values);
}

const disk = journaledDisk(12);
const work = mkdtempSync(join(disk.dir, 'ctxsrc-bench-'));
try {
  console.log(`${cpus().length} x ${cpus()[0].model}, Node ${process.version}, ${disk.what}, medians of ${rounds}\n`);
  const bySize = new Map(SIZES.map((files) => [files, commandsOf(work, files)]));
  const names = Object.keys(bySize.get(SIZES[0]));
  console.log(`| seconds | ${SIZES.map((files) => `${files.toLocaleString('en')} files`).join(' | ')} |`);
  console.log(`|---|${'---|'.repeat(SIZES.length)}`);
  for (const name of names) {
    console.log(`| ${name} | ${SIZES.map((files) => bySize.get(files)[name].toFixed(2)).join(' | ')} |`);
  }
  console.log(`\n| layers of 60 files | ${LAYERS.join(' | ')} |\n|---|${'---|'.repeat(LAYERS.length)}`);
  console.log(`| snapshot | ${LAYERS.map((count) => layersOf(work, count).toFixed(2)).join(' | ')} |`);
  const curves = names.map((name) => ({ name, points: SIZES.map((files) => [files, bySize.get(files)[name]]) }));
  if (flags.svg !== undefined) writeFileSync(flags.svg, growthPicture(curves, `files (Node ${process.version})`));
} finally {
  rmSync(work, { recursive: true, force: true });
  disk.release();
}
