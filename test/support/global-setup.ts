/**
 * Builds dist/ once per run of vitest when a source is newer than it (two runs that overlap build one after the other),
 * and says at the end what was skipped, a line for each reason.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SKIPS_FILE } from './needs.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const lock = join(root, 'node_modules', '.ctxsrc-build.lock');

/** @returns what is done when all tests have run */
export async function setup(): Promise<() => void> {
  while (!acquire()) await setTimeout(100);
  try {
    if (isStale()) execFileSync(process.execPath, ['.ci/build.mjs', '--no-types'], { cwd: root, stdio: 'inherit' });
  } finally {
    rmSync(lock, { force: true });
  }
  const dir = mkdtempSync(join(tmpdir(), 'ctxsrc-skips-'));
  const skips = join(dir, 'skips');
  writeFileSync(skips, '');
  process.env[SKIPS_FILE] = skips;
  return () => {
    const reasons = readFileSync(skips, 'utf8').split('\n').filter(Boolean);
    rmSync(dir, { recursive: true });
    for (const reason of new Set(reasons)) console.warn(`SKIPPED: ${reason}`);
  };
}

/** Takes the lock file, or takes it away from a process that is dead. */
function acquire(): boolean {
  try {
    const fd = openSync(lock, 'wx');
    writeSync(fd, String(process.pid));
    closeSync(fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    const age = Date.now() - statSync(lock).mtimeMs;
    if (pid > 0 ? !isAlive(pid) : age > 5000) rmSync(lock, { force: true });
  } catch {
    // The holder has just released it.
  }
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isStale(): boolean {
  const built = ['cli.cjs', 'index.js'].map(
    (name) => statSync(join(root, 'dist', name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  const newest = Math.max(...['src', '.ci/build.mjs', 'package.json'].map((path) => newestBelow(join(root, path))));
  return Math.min(...built) < newest;
}

/** Latest mtime of a file, or of everything below a directory (the directories count: a deleted file is a change). */
function newestBelow(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestBelow(join(path, name))));
}
