/** Temporary directories that are gone after the test file, whatever modes a test left in them. */
import { chmodSync, lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];

// This module is loaded once per test file, before its tests: the hook belongs to the file.
afterAll(() => {
  for (const dir of made.splice(0)) removeTree(dir);
});

/** A fresh directory (mode 0755, so that other users may enter it) below the temporary directory of the machine. */
export function tempDir(label = 'test'): string {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), `ctxsrc-${label}-`));
  chmodSync(dir, 0o755);
  made.push(dir);
  return dir;
}

/** Removes a tree although directories in it may not be readable or writable by their owner. */
export function removeTree(dir: string): void {
  try {
    rmSync(dir, { recursive: true, force: true });
  } catch {
    openUp(Buffer.from(dir));
    rmSync(dir, { recursive: true, force: true });
  }
}

function openUp(dir: Buffer): void {
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return;
  chmodSync(dir, 0o700);
  for (const name of readdirSync(dir, { encoding: 'buffer' })) openUp(Buffer.concat([dir, Buffer.from('/'), name]));
}
