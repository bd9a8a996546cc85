// What the store costs and saves: node bench/store.mjs [FOLDER]. FOLDER (the temporary directory unless given) should be on
// tmpfs or a journaled file system of its own. Needs tar and gzip; about 2 GB of room. Prints a Markdown table.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');
const work = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'ctxsrc-bench-store-'));
const program = join(repository, 'bin', 'ctxsrc.js');
const rows = [];

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const row = (what, seconds, note = '') => rows.push(`| ${what} | ${seconds.toFixed(2)} | ${note} |`);

function timed(command, args, env = {}) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** A layout of one image: 20,000 small files in 500 directories, and 40 of 8 MB that cannot be compressed. */
function makeLayout() {
  const layout = join(work, 'layout');
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const tree = join(work, 'tree');
  for (let dir = 0; dir < 500; dir += 1) {
    mkdirSync(join(tree, 'small', String(dir)), { recursive: true });
    for (let i = 0; i < 40; i += 1) {
      writeFileSync(join(tree, 'small', String(dir), `f${i}`), `${dir} ${i}\n`.repeat(50 + ((dir * i) % 900)));
    }
  }
  mkdirSync(join(tree, 'big'));
  for (let i = 0; i < 40; i += 1) writeFileSync(join(tree, 'big', String(i)), randomBytes(8 << 20));
  const put = (bytes, mediaType) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layers = ['small', 'big'].map((name) => {
    const archive = join(work, `${name}.tar`);
    execFileSync('tar', [
      '-c',
      '--sort=name',
      '--mtime=@1700000000',
      '--owner=0',
      '--group=0',
      '-f',
      archive,
      '-C',
      tree,
      name,
    ]);
    const diffId = `sha256:${createHash('sha256').update(readFileSync(archive)).digest('hex')}`;
    execFileSync('gzip', ['-n', '-1', archive]);
    const bytes = readFileSync(`${archive}.gz`);
    rmSync(`${archive}.gz`);
    return { descriptor: put(bytes, 'application/vnd.oci.image.layer.v1.tar+gzip'), diffId };
  });
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: put(Buffer.from(JSON.stringify(config)), 'application/vnd.oci.image.config.v1+json'),
    layers: layers.map(({ descriptor }) => descriptor),
  };
  const root = put(Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [root] }));
  rmSync(tree, { recursive: true });
  return layout;
}

/** Snapshots of one image: the first, one beside it, one when that is gone (which keeps a copy), and by each means from then on. */
function snapshots(layout) {
  const runs = 3;
  const times = { first: [], beside: [], second: [], copy: [], hardlink: [], reflink: [], cp: [] };
  for (let run = 0; run < runs; run += 1) {
    const env = { CTXSRC_CACHE_DIR: join(work, 'cache') };
    const target = join(work, 'target');
    const remove = (dir) => {
      rmSync(dir, { recursive: true, force: true });
      rmSync(`${dir}.ctxsrc.json`, { force: true });
    };
    const take = (name, mode, dir = target) => {
      try {
        times[name].push(
          timed(
            process.execPath,
            [program, 'snapshot', '-q', '--platform', 'linux/amd64', `oci-layout://${layout}`, dir, '--mode', mode],
            env,
          ),
        );
      } catch (error) {
        if (name !== 'reflink') throw error;
      }
      if (dir === target) remove(dir);
    };
    const earlier = join(work, 'earlier');
    take('first', 'auto', earlier);
    take('beside', 'auto');
    remove(earlier);
    take('second', 'auto');
    take('copy', 'copy');
    take('hardlink', 'hardlink');
    take('hardlink', 'hardlink');
    take('reflink', 'reflink');
    const [name] = readdirSync(join(work, 'cache', 'snapshots'));
    times.cp.push(timed('cp', ['-a', join(work, 'cache', 'snapshots', name, 'fs'), target]));
    rmSync(target, { recursive: true });
    rmSync(join(work, 'cache'), { recursive: true });
  }
  const first = median(times.first);
  row('snapshot, first (unpacks)', first);
  row(
    'snapshot, the next beside it (cloned from it)',
    median(times.beside),
    `${(median(times.beside) / first).toFixed(2)} of first`,
  );
  row(
    'snapshot, when that is gone (unpacks and keeps a copy)',
    median(times.second),
    `${(median(times.second) / first).toFixed(2)} of first`,
  );
  for (const mode of ['copy', 'hardlink', 'reflink']) {
    if (times[mode].length > 0)
      row(
        `snapshot, warm, --mode ${mode}`,
        median(times[mode]),
        `${(median(times[mode]) / first).toFixed(2)} of first`,
      );
    else row(`snapshot, warm, --mode ${mode}`, Number.NaN, 'this file system cannot');
  }
  row('cp -a of the same files', median(times.cp));
}

async function loadStore() {
  const outfile = join(work, 'store.mjs');
  await build({
    absWorkingDir: repository,
    entryPoints: ['src/store/store.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['koffi'],
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}

const job = {
  session: {
    id: 'bench',
    credentials: async () => undefined,
    secret: async () => undefined,
    localDirectory: () => undefined,
  },
  signal: new AbortController().signal,
  progress: { emit: () => undefined },
};

async function pruning({ openStore }) {
  const root = join(work, 'many');
  const store = await openStore({ root });
  await store.blobs.put(`sha256:${createHash('sha256').update('').digest('hex')}`, Buffer.alloc(0));
  await store.close();
  for (let i = 0; i < 10_000; i += 1) {
    const bytes = Buffer.from(`blob ${i}`);
    writeFileSync(join(root, 'blobs/sha256', createHash('sha256').update(bytes).digest('hex')), bytes);
  }
  const again = await openStore({ root });
  const start = performance.now();
  const { removed } = await again.prune(job, { maxSize: 40_000 });
  row(
    'prune of a store with 10,000 blobs',
    (performance.now() - start) / 1000,
    `${removed.length} removed, in process`,
  );
  await again.close();
}

/** A blob of 512 MB in pieces of 64 kB, as they come from a network. */
async function ingesting({ openStore }) {
  const piece = randomBytes(1 << 16);
  const pieces = 8192;
  const hash = createHash('sha256');
  for (let i = 0; i < pieces; i += 1) hash.update(piece);
  const digest = `sha256:${hash.digest('hex')}`;
  const times = { plain: [], hashed: [], store: [] };
  for (let run = 0; run < 3; run += 1) {
    for (const hashes of [false, true]) {
      const start = performance.now();
      const sum = createHash('sha256');
      const fd = openSync(join(work, 'plain.tmp'), 'w');
      for (let i = 0; i < pieces; i += 1) {
        if (hashes) sum.update(piece);
        writeSync(fd, piece);
      }
      fdatasyncSync(fd);
      closeSync(fd);
      renameSync(join(work, 'plain.tmp'), join(work, 'plain'));
      times[hashes ? 'hashed' : 'plain'].push((performance.now() - start) / 1000);
      rmSync(join(work, 'plain'));
    }
    const store = await openStore({ root: join(work, 'ingest') });
    const start = performance.now();
    await store.blobs.ingest(job, { digest }, async () => ({
      offset: 0,
      body: (async function* () {
        for (let i = 0; i < pieces; i += 1) yield piece;
      })(),
    }));
    times.store.push((performance.now() - start) / 1000);
    await store.close();
    rmSync(join(work, 'ingest'), { recursive: true });
  }
  row('512 MB written and synced', median(times.plain));
  row('the same, hashed on the way', median(times.hashed));
  row(
    'the same, into the store',
    median(times.store),
    `${(median(times.store) / median(times.hashed)).toFixed(2)} of hashed`,
  );
}

try {
  snapshots(makeLayout());
  const module = await loadStore();
  await pruning(module);
  await ingesting(module);
  console.log(`| what | seconds | |\n|---|---|---|\n${rows.join('\n')}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
