// What looking into an image costs: node bench/look.mjs [MEGABYTES]. An image of two layers, a base of that size (1,000
// unless given) in files of 8 kB, and a small one on it, in a registry in this process; bytes received, wall and CPU time.
import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'ctxsrc.js');
const megabytes = Number(process.argv[2] ?? 1000);
const work = mkdtempSync(join(tmpdir(), 'ctxsrc-look-'));
const env = { ...process.env, HOME: work, DOCKER_CONFIG: work, CTXSRC_CACHE_DIR: join(work, 'cache') };
const OCI = 'application/vnd.oci.image';

function header(name, size, type) {
  const block = Buffer.alloc(512);
  block.write(`${name}\0`, 0);
  block.write('0000644\0' + '0000000\0' + '0000000\0', 100);
  block.write([size.toString(8).padStart(11, '0'), '14371470000', `        ${type}`].join('\0'), 124);
  block.write('ustar\0' + '00', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const blobs = new Map();
function put(bytes) {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  blobs.set(digest, bytes);
  return { digest, size: bytes.length };
}

const content = randomFillSync(Buffer.alloc(8192));
const files = Math.floor((megabytes * 1e6) / (content.length + 512));
const parts = Array.from({ length: files }, (_, i) => {
  const file = [header(`d${Math.floor(i / 200)}/file-${i}`, content.length, '0'), content];
  return i % 200 === 0 ? [header(`d${i / 200}/`, 0, '5'), ...file] : file;
});
const end = Buffer.alloc(1024);
const layers = [
  put(Buffer.concat([...parts.flat(), end])),
  put(Buffer.concat([header('app/', 0, '5'), header('app/main.js', 512, '0'), end.subarray(0, 512), end])),
];
const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
const config = put(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs })));
const manifest = put(
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: { mediaType: `${OCI}.config.v1+json`, ...config },
      layers: layers.map((layer) => ({ mediaType: `${OCI}.layer.v1.tar`, ...layer })),
    }),
  ),
);

let sent = 0;
const server = createServer((request, response) => {
  const name = request.url.split('/').at(-1);
  const bytes = blobs.get(name === 'latest' ? manifest.digest : name) ?? Buffer.from('{}');
  const type = request.url.includes('/manifests/') ? `${OCI}.manifest.v1+json` : 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': bytes.length });
  if (request.method === 'GET') sent += bytes.length;
  response.end(request.method === 'HEAD' ? undefined : bytes);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const reference = `docker-image://127.0.0.1:${server.address().port}/big`;

try {
  console.log(`${files} files, ${(layers[0].size / 1e6).toFixed(0)} MB; Node ${process.versions.node}`);
  const runs = [
    ['ls', reference, 'app/main.js'],
    ['cat', reference, 'app/main.js'],
    ['ls', '-R', reference],
    ['ls', '-R', reference],
    ['ls', reference, 'd7/file-1400'],
    ['cat', reference, 'd7/file-1400'],
  ];
  for (const args of runs) {
    sent = 0;
    const timed = ['-f', '%e %U %S %M', process.execPath, program, ...args, '--quiet', '--platform', 'linux/amd64'];
    const { stderr } = await promisify(execFile)('/usr/bin/time', timed, {
      env,
      maxBuffer: 1 << 30,
      encoding: 'buffer',
    });
    const [wall, user, system, memory] = String(stderr).trim().split(' ').map(Number);
    const cpu = (user + system).toFixed(2);
    console.log(`${args.join(' ')}: ${wall} s, cpu ${cpu} s, ${Math.round(memory / 1024)} MB, ${sent} bytes received`);
  }
} finally {
  server.close();
  server.closeAllConnections();
  rmSync(work, { recursive: true });
}
