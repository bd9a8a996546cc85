// Images into directories: ctxsrc and its peers in turn, in one run, and a check that the tree is right.
//
//   node bench/snapshot.mjs [--corpora FOLDER] [--work FOLDER] [--rounds N] [--no-check] [--peers way,…] [--node PATH]… [image…]
//
// Needs docker-registry, skopeo, umoci, curl, gzip, zstd, tar and getfattr; run as root. Trees are written to a loop-mounted
// ext4 with a journal where one can be mounted, or below --work (the peers' and ours on the same). crane and undock take
// part where they are installed, other versions of Node by --node. Prints medians, ratios, and how busy the machine was.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { IMAGE_NAMES, makeImage } from './corpora.mjs';
import { journaledDisk } from './disk.mjs';
import { compareTrees, listTree } from './tree.mjs';

const CLI = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'ctxsrc.js');

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    corpora: { type: 'string', default: join(tmpdir(), 'ctxsrc-bench-corpora') },
    work: { type: 'string' },
    node: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    check: { type: 'boolean', default: true },
    peers: { type: 'string' },
  },
  allowNegative: true,
});

/** What is run for an image. Each gets fresh folders and leaves a tree in `tree`. */
const WAYS = {
  /** The yardstick: verifies nothing, knows no whiteouts, and leaves a directory where a file should replace it. */
  pipe: ({ registry, image, layers, tree }) => ({
    script: layers
      .map(({ digest, mediaType }) => {
        const unpack = mediaType.endsWith('zstd') ? 'zstd -dc' : 'gzip -dc';
        return `curl -s http://${registry}/v2/${image}/blobs/${digest} | ${unpack} | tar -C '${tree}' -x --xattrs --numeric-owner -p 2>/dev/null || :`;
      })
      .join('\n'),
  }),
  /** Knows whiteouts, verifies nothing but blobs, and tar fails where it may not make what is in the image. */
  'crane+tar': ({ registry, image, tree }) => ({
    script: `crane export --insecure ${registry}/${image}:latest - | tar -C '${tree}' -x --xattrs --numeric-owner -p 2>/dev/null || :`,
  }),
  undock: ({ registry, image, tree }) => ({
    argv: ['undock', '--insecure', '--rm-dist', '--platform', 'linux/amd64', `${registry}/${image}:latest`, tree],
    absent: true,
  }),
  ...Object.fromEntries(
    [process.execPath, ...flags.node].flatMap((node, index) => {
      const suffix = index === 0 ? '' : `@${versionOf(node)}`;
      const snapshot = (cache, ref, tree) => ({
        argv: [node, CLI, 'snapshot', '-q', '--cache-dir', cache, ...ref, tree],
        absent: true,
      });
      const remote = ({ registry, image }) => ['--plain-http', registry, `docker-image://${registry}/${image}:latest`];
      return [
        [`ctxsrc${suffix}`, (place) => snapshot(place.cache, remote(place), place.tree)],
        // The same again: its content key is in the store.
        [`ctxsrc-warm${suffix}`, (place) => snapshot(place.warmCache, remote(place), place.tree)],
        [
          `ctxsrc-layout${suffix}`,
          (place) => snapshot(place.cache, [`oci-layout://${place.layout}:latest`], place.tree),
        ],
      ];
    }),
  ),
  'umoci-layout': ({ layout, tree }) => ({
    argv: ['umoci', 'unpack', '--image', `${layout}:latest`, tree],
    absent: true,
  }),
  'skopeo+umoci': ({ registry, image, tree, cache }) => ({
    script: `skopeo copy -q --src-tls-verify=false docker://${registry}/${image}:latest 'oci:${cache}/layout:latest'
umoci unpack --image '${cache}/layout:latest' '${tree}'`,
    absent: true,
  }),
};

/** Ratios that have a bar, for the image or for all. */
const BARS = {
  'ctxsrc/pipe': { debian: 0.65, devimg: 0.55, manysmall: 0.85, 'devimg-zstd': 0.85 },
  'ctxsrc/crane+tar': { manylayers: 0.85 },
  'ctxsrc-layout/umoci-layout': { all: 0.35 },
  'ctxsrc-warm/pipe': { debian: 0.4, devimg: 0.4, manylayers: 0.2 },
  'ctxsrc-warm/ctxsrc': { all: 1 },
};

/** What has to be installed for a way. */
const PROGRAMS = { 'crane+tar': 'crane', undock: 'undock' };

function versionOf(node) {
  return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function startRegistry(work) {
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
  const config = join(work, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(work, 'registry')}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  for (let i = 0; spawnSync('curl', ['-sf', `http://127.0.0.1:${port}/v2/`]).status !== 0; i += 1) {
    if (i > 100) throw new Error('the registry does not start');
    await sleep(50);
  }
  return { child, host: `127.0.0.1:${port}` };
}

function imageOf(layout) {
  const blob = (digest) => JSON.parse(readFileSync(join(layout, 'blobs', ...digest.split(':')), 'utf8'));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  return blob(index.manifests[0].digest);
}

/** Busy and all seconds of the machine's cores so far. */
function coreSeconds() {
  const [user, nice, system, idle, wait, irq, soft] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + soft;
  return { busy, all: busy + idle + wait };
}

/** Seconds of wall and of processor, children included, and which share of the cores was busy, with the registry. */
function measure({ argv, script }) {
  const command = argv ?? ['bash', '-e', '-o', 'pipefail', '-c', script];
  const timed = ['bash', '-c', 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null', 'bash', ...command];
  const before = coreSeconds();
  const result = spawnSync(timed[0], timed.slice(1), { encoding: 'utf8' });
  const after = coreSeconds();
  const times = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(result.stderr);
  if (result.status !== 0 || times === null) throw new Error(`${command.join(' ')} failed: ${result.stderr}`);
  const busy = (after.busy - before.busy) / (after.all - before.all);
  return { wall: Number(times[1]), cpu: Number(times[2]) + Number(times[3]), busy };
}

/** Peak resident memory of one run of a single process, in MB. */
async function peakMemory({ argv }) {
  const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let peak = 0;
  for (let running = true; running; ) {
    running = await Promise.race([ended.then(() => false), sleep(5, true)]);
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
    } catch {
      // It has ended.
    }
  }
  if ((await ended) !== 0) throw new Error(`${argv.join(' ')} failed`);
  return Math.round(peak / 1024);
}

function clear(path) {
  execFileSync('rm', ['-rf', path]);
}

async function benchImage(image, registry, work, ways, rounds) {
  const layout = makeImage(flags.corpora, image);
  execFileSync('skopeo', [
    'copy',
    '-q',
    '--dest-tls-verify=false',
    `oci:${layout}:latest`,
    `docker://${registry}/${image}:latest`,
  ]);
  const { layers } = imageOf(layout);
  const place = {
    registry,
    image,
    layers,
    layout,
    tree: join(work, 'tree'),
    cache: join(work, 'cache'),
    warmCache: join(work, 'warm-cache'),
  };
  const fresh = (way) => {
    for (const path of [place.tree, `${place.tree}.ctxsrc.json`, place.cache]) clear(path);
    const command = WAYS[way](place);
    mkdirSync(place.cache, { recursive: true });
    if (!command.absent) mkdirSync(place.tree);
    return command;
  };

  const results = Object.fromEntries(ways.map((way) => [way, []]));
  const earlier = join(work, 'earlier');
  for (const path of [earlier, `${earlier}.ctxsrc.json`, place.warmCache]) clear(path);
  // The first snapshot stays where it is: later ones are cloned from it.
  if (ways.some((way) => way.startsWith('ctxsrc-warm'))) {
    measure(WAYS['ctxsrc-warm']({ ...place, tree: earlier }));
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const way of ways) {
      const command = fresh(way);
      spawnSync('sync');
      results[way].push(measure(command));
    }
  }
  console.log(
    `\n${image} (${layers.length} layers, ${Math.round(layers.reduce((sum, { size }) => sum + size, 0) / 1e6)} MB compressed)`,
  );
  const walls = {};
  for (const [way, runs] of Object.entries(results)) {
    const wall = runs.map((run) => run.wall);
    walls[way] = median(wall);
    const cpu = median(runs.map((run) => run.cpu));
    const range = `[${Math.min(...wall).toFixed(2)}-${Math.max(...wall).toFixed(2)}]`;
    const busy = Math.round(100 * median(runs.map((run) => run.busy)));
    console.log(
      `  ${way.padEnd(24)} ${walls[way].toFixed(2).padStart(6)} s ${range.padEnd(15)} cpu ${cpu.toFixed(2).padStart(5)} s, cores ${busy} % busy`,
    );
  }
  for (const [pair, bars] of Object.entries(BARS)) {
    const [ours, theirs] = pair.split('/');
    const bar = bars[image] ?? bars.all;
    if (walls[ours] === undefined || walls[theirs] === undefined || bar === undefined) continue;
    const ratio = walls[ours] / walls[theirs];
    console.log(`  ${pair.padEnd(28)} ${ratio.toFixed(2)}  (bar ${bar}: ${ratio <= bar ? 'met' : 'NOT MET'})`);
  }
  for (const way of ways.filter((name) => name.includes('@'))) {
    console.log(
      `  ${`${way} to ${way.split('@')[0]}`.padEnd(38)} ${(walls[way] / walls[way.split('@')[0]]).toFixed(2)}`,
    );
  }
  for (const way of ways.filter((name) => name.startsWith('ctxsrc'))) {
    const peak = await peakMemory(fresh(way));
    console.log(`  peak memory of ${way.padEnd(14)} ${peak} MB  (bar 200: ${peak <= 200 ? 'met' : 'NOT MET'})`);
  }
  if (!flags.check) return true;
  const other = join(work, 'right');
  clear(other);
  execFileSync('umoci', ['unpack', '--image', `${layoutForUmoci(image, layout)}:latest`, other]);
  measure(fresh('ctxsrc'));
  const differences = compareTrees(listTree(place.tree), listTree(join(other, 'rootfs')));
  console.log(`  the tree ${differences.length === 0 ? 'equals' : 'DIFFERS from'} what umoci makes, entry by entry`);
  for (const difference of differences.slice(0, 10)) console.log(`    ${difference}`);
  clear(other);
  clear(place.tree);
  return differences.length === 0;
}

/** The layout itself, or one of the same layers in gzip: umoci knows no zstd. */
function layoutForUmoci(image, layout) {
  if (!image.endsWith('-zstd')) return layout;
  const twin = makeImage(flags.corpora, image.replace(/-zstd$/, ''));
  // A configuration holds the digests of the layers unpacked.
  if (imageOf(twin).config.digest !== imageOf(layout).config.digest) {
    throw new Error(`${twin} and ${layout} are not of the same layers: remove both, and make them anew`);
  }
  return twin;
}

const there = (way) => PROGRAMS[way] === undefined || spawnSync('which', [PROGRAMS[way]]).status === 0;
const ways = (flags.peers === undefined ? Object.keys(WAYS) : flags.peers.split(',')).filter(there);
const images = positionals.length > 0 ? positionals : IMAGE_NAMES;
const disk =
  flags.work === undefined ? journaledDisk(8) : { dir: flags.work, what: flags.work, release: () => undefined };
const work = mkdtempSync(join(disk.dir, 'ctxsrc-bench-'));
// The registry's own files lie elsewhere: what is measured is the disk that trees are written to.
const content = mkdtempSync(join(tmpdir(), 'ctxsrc-bench-registry-'));
const registry = await startRegistry(content);
let right = true;
try {
  console.log(
    `${cpus().length} x ${cpus()[0].model}, Node ${process.version}, ${disk.what}, medians of ${flags.rounds}`,
  );
  for (const image of images)
    right = (await benchImage(image, registry.host, work, ways, Number(flags.rounds))) && right;
} finally {
  registry.child.kill();
  clear(work);
  rmSync(content, { recursive: true });
  disk.release();
}
process.exitCode = right ? 0 : 1;
