// Many runners, one registry: what they ask of it, and of the origin that a pushed context stands in for.
//
//   node bench/share.mjs [cache] [RUNNERS…]        (1 4 16 64)
//
// The context is an archive at an http server: 400 files, about 8 MB packed. Each runner is one process with a store of
// its own and writes the files into a directory: from the origin; from the registry that the files were pushed to; from
// that through a pull-through cache, which is new for each number of runners. `warm` is the same again with the store of
// `cold`. With `cache` the rounds are those of a shared cache (--cache-from, --cache-to) instead, for the archive by its
// digest and for a commit with the same files: without it; all runners at once to an empty one; to one that is filled;
// and again with their stores. Requests and bytes of bodies are counted by a proxy before the origin and the registry. Needs docker-registry,
// tar and git.
import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startRegistry } from './docker-registry.mjs';
import { gitServer } from './git-server.mjs';

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'ctxsrc.js');
const run = promisify(execFile);
const work = mkdtempSync(join(tmpdir(), 'ctxsrc-share-'));
writeFileSync(join(work, 'config.json'), '{}');

const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${server.address().port}`)));

/** Passes requests on and counts them, and the bytes of the answers' bodies. */
async function counter(host) {
  const seen = { requests: 0, bytes: 0 };
  const [hostname, port] = host.split(':');
  const server = createServer((incoming, outgoing) => {
    seen.requests += 1;
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.on('data', (piece) => {
        seen.bytes += piece.length;
      });
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  return { seen, host: await listen(server), stop: () => server.closeAllConnections() ?? server.close() };
}

function makeArchive() {
  const tree = join(work, 'context');
  for (let folder = 0; folder < 20; folder += 1) {
    const path = join(tree, `folder-${folder}`);
    mkdirSync(path, { recursive: true });
    // Incompressible, so that the size of what travels is plain.
    for (let file = 0; file < 20; file += 1) writeFileSync(join(path, `file-${file}`), randomBytes(20_000));
  }
  const archive = join(work, 'context.tar.gz');
  execFileSync('tar', ['-C', tree, '-czf', archive, '.']);
  return archive;
}

function ctxsrc(store, ...args) {
  const env = { ...process.env, HOME: work, DOCKER_CONFIG: work, CTXSRC_CACHE_DIR: store };
  return run(process.execPath, [PROGRAM, ...args], { env });
}

/** All runners at once. */
async function round(label, name, runners, servers, args) {
  for (const { seen } of Object.values(servers)) Object.assign(seen, { requests: 0, bytes: 0 });
  const start = performance.now();
  const targets = Array.from({ length: runners }, (_, number) => join(work, `${name}-${number}-tree`));
  await Promise.all(
    targets.map((target, number) => ctxsrc(join(work, `${name}-${number}-store`), 'snapshot', '-q', ...args, target)),
  );
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const all = ({ seen }) => `${seen.requests} | ${(seen.bytes / 1e6).toFixed(1)}`;
  console.log(`| ${runners} | ${label} | ${all(servers.origin)} | ${all(servers.registry)} | ${seconds} |`);
  for (const target of targets) rmSync(target, { recursive: true, force: true });
}

function printHead() {
  console.log('| runners | source | requests to the origin | MB | to the registry | MB | s |');
  console.log('|---|---|---|---|---|---|---|');
}

function removeStores(name, runners) {
  for (let number = 0; number < runners; number += 1)
    rmSync(join(work, `${name}-${runners}-${number}-store`), { recursive: true, force: true });
}

async function pushedContext(counts) {
  const url = `http://${servers.origin.host}/context.tar.gz`;
  const plain = ['--plain-http', servers.registry.host];
  const image = `docker-image://${servers.registry.host}/team/context`;
  await ctxsrc(join(work, 'pusher'), 'snapshot', '-q', '--unpack', url, join(work, 'unpacked'));
  const pushed = await ctxsrc(join(work, 'pusher'), 'push', '-q', ...plain, join(work, 'unpacked'), `${image}:v1`);
  const pinned = pushed.stdout.trim();
  printHead();
  for (const runners of counts) {
    const cache = await startRegistry(work, `proxy: {remoteurl: "http://${servers.registry.host}"}\n`);
    for (const store of ['cold', 'warm']) {
      await round(`origin, ${store}`, `origin-${runners}`, runners, servers, ['--unpack', url]);
      await round(`pushed, by tag, ${store}`, `tag-${runners}`, runners, servers, [...plain, `${image}:v1`]);
      await round(`pushed, by digest, ${store}`, `digest-${runners}`, runners, servers, [...plain, pinned]);
      const through = [
        ...plain,
        '--plain-http',
        cache.host,
        '--mirror',
        `${servers.registry.host}=${cache.host}`,
        pinned,
      ];
      await round(`the same through a cache, ${store}`, `cache-${runners}`, runners, servers, through);
    }
    await cache.stop();
    for (const source of ['origin', 'tag', 'digest', 'cache']) removeStores(source, runners);
  }
}

/** Commits the files of the archive; returns the commit. */
function makeRepository(dir) {
  const git = (...args) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], {
      cwd: join(work, 'context'),
    });
  git('init', '--quiet', `--separate-git-dir=${dir}`);
  git('add', '.');
  git('commit', '--quiet', '-m', 'context');
  return git('rev-parse', 'HEAD').toString().trim();
}

async function sharedCache(counts) {
  const commit = makeRepository(join(work, 'context.git'));
  const server = gitServer(work);
  const commits = await counter(await listen(server));
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
  const all = [
    [
      'http',
      servers.origin,
      ['--unpack', '--checksum', `sha256:${digest}`, `http://${servers.origin.host}/context.tar.gz`],
    ],
    ['git', commits, [`http://${commits.host}/context.git#${commit}`]],
  ];
  printHead();
  try {
    for (const runners of counts) {
      for (const [kind, origin, source] of all) {
        const these = { ...servers, origin };
        const cache = `docker-image://${servers.registry.host}/team/${kind}-${runners}`;
        const flags = ['--plain-http', servers.registry.host, '--cache-from', cache];
        await round(`${kind}, no cache`, `${kind}-none-${runners}`, runners, these, source);
        await round(`${kind}, empty cache`, `${kind}-first-${runners}`, runners, these, [
          ...flags,
          '--cache-to',
          cache,
          ...source,
        ]);
        for (const store of ['filled cache', 'and a store that is kept'])
          await round(`${kind}, ${store}`, `${kind}-${runners}`, runners, these, [...flags, ...source]);
        for (const name of [`${kind}-none`, `${kind}-first`, kind]) removeStores(name, runners);
      }
    }
  } finally {
    commits.stop();
    server.closeAllConnections();
    server.close();
  }
}

const archive = makeArchive();
const origin = createServer(({ headers }, response) => {
  const { size } = statSync(archive);
  if (headers['if-none-match'] === '"1"') return response.writeHead(304, { etag: '"1"' }).end();
  response.writeHead(200, { 'content-length': size, etag: '"1"' });
  return createReadStream(archive).pipe(response);
});
const registry = await startRegistry(work);
const servers = { origin: await counter(await listen(origin)), registry: await counter(registry.host) };
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}`);
try {
  const [first, ...others] = process.argv.slice(2);
  const isCache = first === 'cache';
  const given = (isCache ? others : process.argv.slice(2)).map(Number);
  await (isCache ? sharedCache : pushedContext)(given.length > 0 ? given : [1, 4, 16, 64]);
} finally {
  for (const { stop } of Object.values(servers)) stop();
  origin.closeAllConnections();
  origin.close();
  await registry.stop();
  rmSync(work, { recursive: true, force: true });
}
