// What `key --build` costs beside the `key` of one of its inputs: node bench/build-key.mjs [PAIRS] [FILES]. Four images of a
// registry that answers each request after 30 ms, beside one of them; a Dockerfile without images that copies a folder,
// beside the folder. Pairs run one after the other; medians.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const [pairs, files] = [Number(process.argv[2] ?? 15), Number(process.argv[3] ?? 30_000)];
const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'ctxsrc.js');
const NAMES = ['one', 'two', 'three', 'four'];
const WAIT = 30;

const digestOf = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A registry in a thread of its own (the other one is blocked while it measures). */
function serve() {
  const answers = new Map();
  for (const name of NAMES) {
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Env: [`NAME=${name}`] },
      rootfs: { type: 'layers', diff_ids: [digestOf(name)] },
      history: [{ created_by: 'bench' }],
    });
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(name), size: name.length }],
    });
    for (const tag of ['latest', digestOf(manifest)])
      answers.set(`/v2/${name}/manifests/${tag}`, [mediaType, manifest]);
    answers.set(`/v2/${name}/blobs/${digestOf(config)}`, ['application/octet-stream', config]);
  }
  const server = createServer((request, response) => {
    const [type, text] = answers.get(request.url) ?? ['application/json', '{}'];
    const status = answers.has(request.url) || request.url === '/v2/' ? 200 : 404;
    setTimeout(() => {
      const headers = { 'content-type': type, 'content-length': text.length, 'docker-content-digest': digestOf(text) };
      response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : text);
    }, WAIT);
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

async function main() {
  const work = mkdtempSync(join(tmpdir(), 'ctxsrc-bench-'));
  const worker = new Worker(fileURLToPath(import.meta.url));
  try {
    const port = await new Promise((resolve) => worker.once('message', resolve));
    const project = join(work, 'project');
    for (let i = 0; i < files; i++) {
      const folder = join(project, i % 2 ? 'src' : 'other', String(i % 100));
      if (i < 200) mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${i}`), `file ${i}\n`.repeat(100));
    }
    const from = NAMES.map((name) => `FROM 127.0.0.1:${port}/${name} AS ${name}\nRUN true\n`).join('');
    const copies = NAMES.map((name) => `COPY --from=${name} /etc /${name}\n`).join('');
    writeFileSync(join(work, 'images'), `${from}FROM scratch\n${copies}`);
    writeFileSync(join(work, 'folder'), 'FROM scratch\nCOPY src/ .\n');
    // The home of a person has this folder, and newer Node versions keep compiled code in it (bin/ctxsrc.js).
    mkdirSync(join(work, '.cache'));
    let runs = 0;
    const time = (args, cacheDir) => {
      const env = { ...process.env, HOME: work, XDG_CACHE_HOME: '', DOCKER_CONFIG: work, CTXSRC_CACHE_DIR: cacheDir };
      const start = process.hrtime.bigint();
      const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      if (status !== 0) throw new Error(`${args.join(' ')}: exit ${status}: ${stderr}`);
      return Number(process.hrtime.bigint() - start) / 1e6;
    };
    const platform = ['--platform', 'linux/amd64'];
    const fresh = () => {
      runs += 1;
      return join(work, `store-${runs}`);
    };
    const kept = () => join(work, 'store');
    const cases = {
      'four images, beside one of them, empty store': [
        ['key', ...platform, `docker-image://127.0.0.1:${port}/one`],
        ['key', '--build', ...platform, '-f', join(work, 'images'), project],
        fresh,
      ],
      [`COPY of ${files / 2} files of ${files}, beside the folder, first run`]: [
        ['key', join(project, 'src')],
        ['key', '--build', ...platform, '-f', join(work, 'folder'), project],
        fresh,
      ],
      'the same, unchanged': [
        ['key', join(project, 'src')],
        ['key', '--build', ...platform, '-f', join(work, 'folder'), project],
        kept,
      ],
    };
    console.log(`Node ${process.version}, medians of ${pairs} pairs, ms`);
    for (const [name, [one, build, store]] of Object.entries(cases)) {
      for (const args of [one, build]) time(args, store());
      const [ones, differences] = [[], []];
      for (let i = 0; i < pairs; i++) {
        const beside = time(one, store());
        ones.push(beside);
        differences.push(time(build, store()) - beside);
      }
      console.log(`${name}: ${median(ones).toFixed(0)}, build +${median(differences).toFixed(0)}`);
    }
  } finally {
    await worker.terminate();
    rmSync(work, { recursive: true, force: true });
  }
}

if (isMainThread) await main();
else serve();
