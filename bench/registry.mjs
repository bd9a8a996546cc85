// What asking a registry costs: node bench/registry.mjs [ROUNDS]. ctxsrc beside skopeo and curl against docker-registry on
// loopback, by requests, bytes received and wall time; many references in one call and in as many calls; and the same over
// a line of 50 ms. Needs docker-registry, skopeo and curl.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const program = join(root, 'bin', 'ctxsrc.js');
const rounds = Number(process.argv[2] ?? 7);
const work = mkdtempSync(join(tmpdir(), 'ctxsrc-bench-'));
const cache = join(work, 'cache');
const env = { ...process.env, HOME: work, DOCKER_CONFIG: work, CTXSRC_CACHE_DIR: cache };

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startRegistry() {
  const port = await freePort();
  const config = join(work, 'registry.yml');
  const storage = `storage: {filesystem: {rootdirectory: ${join(work, 'content')}}}`;
  writeFileSync(config, `version: 0.1\nlog: {level: error}\n${storage}\nhttp: {addr: "127.0.0.1:${port}"}\n`);
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}/v2/`);
      return { port, stop: () => child.kill('SIGKILL') };
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(50);
    }
  }
}

/** Counts what passes. With a delay each piece waits half of it on each way, and a new connection one round trip. */
async function startMeter(port, delay) {
  const seen = { requests: 0, received: 0 };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const opened = Date.now() + delay;
    near.setNoDelay(true);
    far.setNoDelay(true);
    near.on('data', (chunk) => {
      if (/^(GET|HEAD|POST) /.test(chunk.subarray(0, 5).toString('latin1'))) seen.requests += 1;
      setTimeout(() => far.write(chunk), Math.max(delay / 2, opened + delay / 2 - Date.now()));
    });
    far.on('data', (chunk) => {
      seen.received += chunk.length;
      setTimeout(() => near.write(chunk), delay / 2);
    });
    // What is still under way arrives before the end does.
    near.on('end', () => setTimeout(() => far.end(), delay));
    far.on('end', () => setTimeout(() => near.end(), delay));
    for (const socket of [near, far]) {
      socket.on('error', () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { seen, host: `127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** Median wall time, and requests and bytes of one run. */
async function measure(meter, commands, before = () => undefined) {
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    before();
    Object.assign(meter.seen, { requests: 0, received: 0 });
    const start = performance.now();
    for (const [file, ...args] of commands) await run(file, args, { env, maxBuffer: 64 << 20 });
    times.push(performance.now() - start);
  }
  return { ms: median(times), ...meter.seen };
}

function row(name, { ms, requests, received }) {
  console.log(`| ${name} | ${requests} | ${received} | ${ms.toFixed(0)} |`);
}

async function main() {
  const registry = await startRegistry();
  const images = Array.from({ length: 100 }, (_, index) => `bench/image-${index}:v1`);
  try {
    const layout = `oci:${join(root, 'fixtures', 'layouts', 'hello')}`;
    const copy = ['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', layout];
    for (const image of images) await run('skopeo', [...copy, `docker://127.0.0.1:${registry.port}/${image}`]);
    const ctxsrc = (...args) => [process.execPath, program, ...args];
    const empty = () => rmSync(cache, { recursive: true, force: true });
    const quick = await startMeter(registry.port, 0);
    const near = (image) => `docker-image://${quick.host}/${image}`;
    const curl = ['-sSI', '-H', 'Accept: application/vnd.oci.image.manifest.v1+json'];
    const one = images[0];
    console.log('| one image | requests | bytes received | ms |\n|---|---|---|---|');
    row('`node -e 0`', await measure(quick, [[process.execPath, '-e', '0']]));
    row('`ctxsrc digest`', await measure(quick, [ctxsrc('digest', near(one))]));
    row('`ctxsrc key`, nothing in the store', await measure(quick, [ctxsrc('key', near(one))], empty));
    row('`ctxsrc key` again', await measure(quick, [ctxsrc('key', near(one))]));
    row(
      '`skopeo inspect`',
      await measure(quick, [['skopeo', 'inspect', '--tls-verify=false', `docker://${quick.host}/${one}`]]),
    );
    row('`curl -I`', await measure(quick, [['curl', ...curl, `http://${quick.host}/v2/bench/image-0/manifests/v1`]]));
    for (const count of [20, 100]) {
      const some = images.slice(0, count);
      console.log(`\n| ${count} images | requests | bytes received | ms |\n|---|---|---|---|`);
      row('`ctxsrc digest`, one call', await measure(quick, [ctxsrc('digest', ...some.map(near))]));
      row(
        '`ctxsrc key`, one call, nothing in the store',
        await measure(quick, [ctxsrc('key', ...some.map(near))], empty),
      );
      if (count > 20) continue;
      row(
        `\`ctxsrc digest\`, ${count} calls`,
        await measure(
          quick,
          some.map((image) => ctxsrc('digest', near(image))),
        ),
      );
      const inspect = (image) => ['skopeo', 'inspect', '--tls-verify=false', `docker://${quick.host}/${image}`];
      row(`\`skopeo inspect\`, ${count} calls`, await measure(quick, some.map(inspect)));
    }
    quick.stop();
    const slow = await startMeter(registry.port, 50);
    const far = (image) => `docker-image://${slow.host}/${image}`;
    console.log('\n| over 50 ms | requests | bytes received | ms |\n|---|---|---|---|');
    row('`ctxsrc digest`', await measure(slow, [ctxsrc('digest', far(one))]));
    row('`ctxsrc key`, nothing in the store', await measure(slow, [ctxsrc('key', far(one))], empty));
    row('`ctxsrc digest` of 20 images', await measure(slow, [ctxsrc('digest', ...images.slice(0, 20).map(far))]));
    row(
      '`skopeo inspect`',
      await measure(slow, [['skopeo', 'inspect', '--tls-verify=false', `docker://${slow.host}/${one}`]]),
    );
    slow.stop();
  } finally {
    registry.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

await main();
process.exit(0);
