// An image from a layout into an empty docker-registry: ctxsrc, and crane and skopeo where they are installed, in turn.
//
//   node bench/push.mjs [--rounds N] [--work FOLDER] [--crane FILE] [--line RATE] LAYOUT
//
// LAYOUT is an OCI layout with the tag `latest`, as bench/corpora.mjs makes; --work is where the registry stores;
// --line (1gbit) puts the registry at the end of a line of that speed, for which root is needed. Prints
// medians: wall, processor seconds of the client and of the registry, the client's peak of memory, and a second push.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRegistry } from './docker-registry.mjs';
import { layLine } from './line.mjs';

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'ctxsrc.js');
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    work: { type: 'string', default: tmpdir() },
    crane: { type: 'string', default: 'crane' },
    line: { type: 'string' },
  },
});
if (positionals.length !== 1) throw new Error('name one layout');
const layout = resolve(positionals[0]);
const work = mkdtempSync(join(flags.work, 'ctxsrc-bench-'));
writeFileSync(join(work, 'config.json'), '{}');
const env = { ...process.env, HOME: work, DOCKER_CONFIG: work, CTXSRC_CACHE_DIR: join(work, 'cache') };

const WAYS = {
  ctxsrc: (host) => [
    ...[process.execPath, PROGRAM, 'push', '-q', '--plain-http', host],
    ...[`oci-layout://${layout}:latest`, `docker-image://${host}/bench/image:v1`],
  ],
  crane: (host) => [flags.crane, 'push', '--insecure', craneLayout(), `${host}/bench/image:v1`],
  skopeo: (host) => [
    ...['skopeo', '--insecure-policy', 'copy', '-q', '--dest-tls-verify=false'],
    ...[`oci:${layout}:latest`, `docker://${host}/bench/image:v1`],
  ],
};
const installed = ([file]) => spawnSync(file, ['--version'], { stdio: 'ignore' }).error === undefined;
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** crane takes a layout with one manifest. */
function craneLayout() {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  if (manifests.length !== 1) throw new Error('crane wants a layout with one manifest');
  return layout;
}

/** Wall and processor seconds, and the peak of memory in MB, of one process. */
function measure(command) {
  const script = `import os, resource, sys, time
start = time.monotonic()
pid = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(pid, 0)
print(time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, status)`;
  const ran = spawnSync('python3', ['-c', script, ...command], { env, encoding: 'utf8' });
  const numbers = ran.stdout.trim().split('\n').at(-1).split(' ').map(Number);
  if (ran.status !== 0 || numbers[3] !== 0) throw new Error(`${command.join(' ')}: ${ran.stderr}`);
  return { wall: numbers[0], cpu: numbers[1], peak: numbers[2] };
}

const ways = Object.entries(WAYS).filter(([, commandFor]) => installed(commandFor('127.0.0.1')));
const runs = Object.fromEntries(ways.map(([name]) => [name, []]));
const line = flags.line === undefined ? undefined : layLine(flags.line);
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}`);
try {
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    for (const [name, commandFor] of ways) {
      const registry = await startRegistry(work, '', line);
      try {
        const before = registry.cpu();
        const first = measure(commandFor(registry.host));
        const server = registry.cpu() - before;
        runs[name].push({ ...first, server, again: measure(commandFor(registry.host)).wall });
      } finally {
        await registry.stop();
      }
    }
  }
} finally {
  line?.remove();
  rmSync(work, { recursive: true, force: true });
}
console.log('| push with | wall s | cpu s | registry cpu s | peak MB | second push s |\n|---|---|---|---|---|---|');
for (const [name, all] of Object.entries(runs)) {
  const of = (member, digits = 2) => median(all.map((one) => one[member])).toFixed(digits);
  console.log(`| ${name} | ${of('wall')} | ${of('cpu')} | ${of('server')} | ${of('peak', 0)} | ${of('again')} |`);
}
