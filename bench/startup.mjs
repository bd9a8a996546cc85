// What a start costs beside an empty Node program: node bench/startup.mjs [PAIRS]. Pairs run one after the other, so that
// both halves meet the same noise; medians of the differences.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pairs = Number(process.argv[2] ?? 20);
const work = mkdtempSync(join(tmpdir(), 'ctxsrc-bench-'));
const env = {
  ...process.env,
  HOME: work,
  XDG_CACHE_HOME: join(work, '.cache'),
  CTXSRC_CACHE_DIR: join(work, 'cache'),
  DOCKER_CONFIG: work,
};

/** Milliseconds from start to exit. */
function time(args) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`${args.join(' ')}: exit ${status}: ${stderr}`);
  return ms;
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A registry in a thread of its own (this one is blocked while it measures) that knows one manifest. */
async function startRegistry() {
  const worker = new Worker(fileURLToPath(import.meta.url));
  const port = await new Promise((resolve) => worker.once('message', resolve));
  return { host: `127.0.0.1:${port}`, stop: () => worker.terminate() };
}

async function serve() {
  const { createHash } = await import('node:crypto');
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 },
    layers: [],
  });
  const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
  const server = createServer((request, response) => {
    response.writeHead(200, {
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'content-length': manifest.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : manifest);
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

async function main() {
  const registry = await startRegistry();
  try {
    // As a user's home has it: newer versions of Node keep compiled code there.
    mkdirSync(join(work, '.cache'));
    cpSync(join(root, 'fixtures', 'layouts', 'hello'), join(work, 'hello'), { recursive: true });
    const program = join(root, 'bin', 'ctxsrc.js');
    const cases = {
      '--version': [program, '--version'],
      'key of an OCI layout': [program, 'key', `oci-layout://${join(work, 'hello')}`],
      'key of a small directory': [program, 'key', join(root, 'fixtures', 'dirs', 'app')],
      'digest of an image': [program, 'digest', `docker-image://${registry.host}/bench:latest`],
    };
    console.log(`Node ${process.version}, medians of ${pairs} pairs, ms`);
    for (const [name, args] of Object.entries(cases)) {
      time(args);
      const empty = [];
      const differences = [];
      for (let i = 0; i < pairs; i++) {
        const floor = time(['-e', '0']);
        empty.push(floor);
        differences.push(time(args) - floor);
      }
      console.log(`${name}: + ${median(differences).toFixed(0)} (node -e 0: ${median(empty).toFixed(0)})`);
    }
  } finally {
    await registry.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

if (isMainThread) await main();
else await serve();
