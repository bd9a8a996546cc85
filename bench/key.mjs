// Measures `ctxsrc key DIR` against nix-hash, git status and an empty Node program: a first run without any cache and a
// run with nothing changed, medians of five taken in turn, with the peak memory. With --large instead, over 400,000 files:
// one first run, runs with nothing changed beside git status, medians of three, and one run with a file more.
// Usage: node bench/key.mjs [DIR on a file system with room for 3 GB; default: the temporary directory] [--large]
// Needs dist/ (npm run build), nix-hash (nix-bin), git and GNU time.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTree } from './make-tree.mjs';

const ROUNDS = 5;
const cli = join(fileURLToPath(new URL('.', import.meta.url)), '..', 'bin', 'ctxsrc.js');
const arguments_ = process.argv.slice(2);
const large = arguments_.includes('--large');
const base = mkdtempSync(join(arguments_.find((text) => !text.startsWith('-')) ?? tmpdir(), 'ctxsrc-bench-'));
const tree = join(base, 'tree');
const store = join(base, 'store');
const gitDir = join(base, 'git');
const env = { ...process.env, CTXSRC_CACHE_DIR: store, GIT_DIR: gitDir, GIT_WORK_TREE: tree };

/** Wall and CPU seconds and peak memory (MB) of one run. */
function run(command, args) {
  const { stderr, status } = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', command, ...args], {
    env,
    cwd: tree,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  const [wall, user, system, kilobytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system, memory: kilobytes / 1024 };
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

const medians = (runs) => ({
  wall: median(runs.map(({ wall }) => wall)),
  cpu: median(runs.map(({ cpu }) => cpu)),
  memory: Math.max(...runs.map(({ memory }) => memory)),
});

const show = (name, { wall, cpu, memory }) =>
  console.log(`| ${name} | ${wall.toFixed(2)} | ${cpu.toFixed(2)} | ${memory.toFixed(0)} |`);

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const key = () => run(process.execPath, [cli, 'key', '-q', '.']);

/** Entries younger than two seconds are never taken from a cache, neither by git nor by ctxsrc. */
const SLACK_MS = 3_000;

function header(files, bytes) {
  console.log(
    `${files} files, ${(bytes / 1e9).toFixed(1)} GB; ${cpus().length} × ${cpus()[0].model}, Node ${process.version}, load ${loadavg()[0].toFixed(1)}`,
  );
  console.log('| run | wall s | cpu s | peak MB |\n|---|---|---|---|');
}

function commitAll() {
  execFileSync('git', ['init', '-q', tree], { env });
  execFileSync('git', ['add', '-A'], { env, cwd: tree });
  // Collecting so many new objects would keep both cores busy while the first rounds are measured.
  const settings = ['user.name=b', 'user.email=b@localhost', 'gc.auto=0', 'maintenance.auto=false'];
  const options = settings.flatMap((setting) => ['-c', setting]);
  execFileSync('git', [...options, 'commit', '-qm', 'tree'], { env, cwd: tree });
}

async function measure() {
  const files = makeTree(tree);
  commitAll();
  await wait(SLACK_MS);
  run('git', ['status', '--short']);
  const kinds = { 'nix-hash': [], first: [], unchanged: [], status: [], node: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    kinds['nix-hash'].push(run('nix-hash', ['--type', 'sha256', '.']));
    rmSync(store, { recursive: true, force: true });
    kinds.first.push(key());
    kinds.unchanged.push(key());
    kinds.status.push(run('git', ['status', '--short']));
    kinds.node.push(run(process.execPath, ['-e', '0']));
  }
  const of = Object.fromEntries(Object.entries(kinds).map(([name, runs]) => [name, medians(runs)]));
  header(files, 1e9);
  for (const [name, values] of Object.entries(of)) show(name, values);
  const bar = of.node.wall + 3 * of.status.wall;
  console.log(`first / nix-hash: ${(of.first.wall / of['nix-hash'].wall).toFixed(2)} (bar 1.05)`);
  console.log(`unchanged: ${of.unchanged.wall.toFixed(2)} s (bar: node + 3 x git status = ${bar.toFixed(2)} s)`);
}

async function measureLarge() {
  const bytes = 2_100_000_000;
  const files = makeTree(tree, { files: 400_000, bytes });
  commitAll();
  await wait(SLACK_MS);
  run('git', ['status', '--short']);
  header(files, bytes);
  show('first', key());
  const unchanged = Array.from({ length: 3 }, key);
  const status = Array.from({ length: 3 }, () => run('git', ['status', '--short']));
  const node = Array.from({ length: 3 }, () => run(process.execPath, ['-e', '0']));
  show('unchanged', medians(unchanged));
  show('git status', medians(status));
  const bar = medians(node).wall + 3 * medians(status).wall;
  console.log(`unchanged: ${medians(unchanged).wall.toFixed(2)} s (bar: node + 3 x git status = ${bar.toFixed(2)} s)`);
  writeFileSync(join(tree, 'one more'), '');
  show('a file more', key());
}

try {
  mkdirSync(tree, { recursive: true });
  await (large ? measureLarge() : measure());
} finally {
  rmSync(base, { recursive: true, force: true });
}
