/**
 * Runs all hostile cases as the user this process has and prints what came of each, a JSON line a case. Arguments: a
 * scratch directory.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CtxsrcError } from '../../src/core/errors.ts';
import { removeTree } from '../../src/fs/write/remove-tree.ts';
import { fakeJob, WRITE_OPTIONS } from './fake-ref.ts';
import { HOSTILE_CASES, type HostileCase } from './hostile-cases.ts';
import { listTree, treeText } from './tree.ts';
import { sha256Of, unpackBytes } from './unpack.ts';

export interface HostileOutcome {
  readonly name: string;
  readonly error?: string;
  readonly message?: string;
  readonly tree?: readonly string[];
  readonly losses?: Readonly<Record<string, number>>;
  /** Entries that the report lists, as lines. */
  readonly reported?: number;
  /** What changed beside the target; empty when nothing did. */
  readonly touched: string;
  readonly ms: number;
}

/** A tree as lines: type, path, and what is in it. Owners and times aside. */
function treeLines(dir: string): string[] {
  return listTree(dir).map(({ path, type, mode, size, target, device, linkOf }) => {
    let line = `${type} ${path}`;
    if (linkOf !== undefined) return `${line} = ${linkOf}`;
    if (type === 'symlink') line += ` -> ${target}`;
    if (device !== undefined) line += ` ${device}`;
    if (type === 'file' && size! > 0)
      line += `: ${readFileSync(Buffer.from(`${dir}/${path}`, 'latin1'), 'latin1').slice(0, 40)}`;
    return /^[1-7]/.test(mode) ? `${line} (${mode})` : line;
  });
}

/** Lets a normal user see what he has written, whatever modes it has. */
function openUp(dir: string): void {
  if (process.getuid!() === 0) return;
  for (const entry of readdirSync(dir, { withFileTypes: true, encoding: 'latin1' })) {
    const path = Buffer.from(`${dir}/${entry.name}`, 'latin1');
    const special = lstatSync(path).mode & 0o7000;
    if (entry.isDirectory() || entry.isFile()) chmodSync(path, special | 0o700);
    if (entry.isDirectory()) openUp(path.toString('latin1'));
  }
}

async function run(hostile: HostileCase, scratch: string): Promise<HostileOutcome> {
  const outside = join(scratch, 'outside');
  const target = join(scratch, 'target');
  mkdirSync(target);
  const before = treeText(outside, { root: true });
  const layers = hostile
    .layers(outside)
    .map((layer) => (Buffer.isBuffer(layer) ? { blob: layer } : { blob: layer.blob, diffId: sha256Of(layer.archive) }));
  const limits = { maxBytes: 1e9, maxFiles: 10_000, maxRatio: 100, ...hostile.limits };
  const started = Date.now();
  let outcome: Partial<HostileOutcome>;
  try {
    const report = await unpackBytes(fakeJob(), scratch, layers, target, { ...WRITE_OPTIONS, limits });
    openUp(target);
    outcome = { tree: treeLines(target), losses: report.lossCounts, reported: [...report.entries].length };
  } catch (error) {
    if (error instanceof CtxsrcError) outcome = { error: error.code, message: error.message };
    else outcome = { error: 'UNTYPED', message: String((error as Error).stack) };
  }
  const ms = Date.now() - started;
  const touched = treeText(outside, { root: true }) === before ? '' : treeText(outside, { root: true });
  await removeTree(target);
  return { name: hostile.name, touched, ms, ...outcome };
}

async function main(scratch: string): Promise<void> {
  const outside = join(scratch, 'outside');
  mkdirSync(outside);
  mkdirSync(join(outside, 'dir'));
  writeFileSync(join(outside, 'file'), 'untouched');
  chmodSync(join(outside, 'file'), 0o640);
  for (const hostile of HOSTILE_CASES) console.log(JSON.stringify(await run(hostile, scratch)));
  rmSync(outside, { recursive: true });
}

if (process.argv[2] !== undefined) await main(process.argv[2]);
