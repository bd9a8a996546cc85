/** Random layers, written by the applier and by the model, and compared to the last time and hard link. */

import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { isCtxsrcError } from '../../src/core/errors.ts';
import { textOfTime } from '../../src/fs/entry/time.ts';
import { loadNative } from '../../src/fs/native/native.ts';
import { LayerApplier } from '../../src/layer/apply/apply.ts';
import { DigestTable } from '../../src/layer/apply/digest-table.ts';
import type { FileHelper } from '../../src/layer/apply/file-writer.ts';
import { packEntries, unpackReport } from '../../src/layer/apply/report.ts';
import { TarReader } from '../../src/layer/tar/reader.ts';
import { FileJobs, jobMemory } from '../../src/layer/threads/file-jobs.ts';
import { WRITE_OPTIONS } from './fake-ref.ts';
import { type Inode, LayerModel, type ModelEntry, Refused } from './layer-model.ts';
import { tar } from './tar-builder.ts';
import { listTree, type TreeEntry } from './tree.ts';

export interface FuzzCase {
  readonly layers: readonly (readonly ModelEntry[])[];
  /** How the archives are written and fed. */
  readonly long: 'auto' | 'pax' | 'gnu';
  readonly chunk: number;
  /** When another thread writes the files that it is offered: as soon, or as late, as it may; none: there is none. */
  readonly helper: 'none' | 'soon' | 'late';
}

const isRoot = process.getuid!() === 0;
const me = { uid: process.getuid!(), gid: process.getgid!() };
const hasNative = loadNative() !== undefined;

const part = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const longPart = fc.constantFrom('n'.repeat(120), 'ü\u001b', '.wh', '...');
const path = fc
  .array(fc.oneof({ arbitrary: part, weight: 20 }, { arbitrary: longPart, weight: 1 }), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));
const name = fc
  .tuple(
    fc.constantFrom('', '', '', './', '/', '../', 'a/../', './/', '.wh..wh.x/'),
    path,
    fc.constantFrom('', '', '', '/'),
  )
  .map(([before, middle, after]) => before + middle + after);
const target = fc.oneof(
  path,
  path.map((text) => `/${text}`),
  fc.constantFrom('.', '..', '/', '../..', 'a/..', '../b', 'b'),
  path.map((text) => `../${text}`),
);
/** A whiteout beside some name; now and then one that names no file. */
const whiteout = fc
  .tuple(name, fc.oneof({ arbitrary: part, weight: 30 }, { arbitrary: fc.constantFrom('', '.', '..'), weight: 1 }))
  .map(([beside, victim]) => beside.replace(/[^/]*\/?$/, `.wh.${victim}`));
const opaque = name.map((beside) => beside.replace(/[^/]*\/?$/, '.wh..wh..opq'));
// What a normal user must be able to read back.
const mode = fc.nat(0o7777).map((bits) => (isRoot ? bits : (bits & 0o777) | 0o700));
const mtime = fc.oneof(
  fc.integer({ min: -100, max: 1_900_000_000 }).map((seconds) => BigInt(seconds) * 1_000_000_000n),
  fc
    .bigInt({ min: -5_000_000_000n, max: 1_900_000_000_000_000_000n })
    .map((ns) => (hasNative ? ns : ns - (ns % 1000n))),
);
const facts = {
  mode,
  uid: fc.constantFrom(0, 1, 1000),
  gid: fc.constantFrom(0, 5),
  mtime,
  content: fc.constant(''),
  link: fc.constant(''),
};

const entry: fc.Arbitrary<ModelEntry> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      ...facts,
      name,
      type: fc.constant('file' as const),
      content: fc.string({ maxLength: 2000, unit: 'binary-ascii' }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ ...facts, name, type: fc.constant('dir' as const) }) },
  { weight: 3, arbitrary: fc.record({ ...facts, name, type: fc.constant('symlink' as const), link: target }) },
  {
    weight: 3,
    arbitrary: fc.record({ ...facts, name, type: fc.constant('hardlink' as const), link: fc.oneof(path, target) }),
  },
  { weight: 1, arbitrary: fc.record({ ...facts, name, type: fc.constantFrom('char' as const, 'fifo' as const) }) },
  { weight: 4, arbitrary: fc.record({ ...facts, name: whiteout, type: fc.constant('file' as const) }) },
  { weight: 2, arbitrary: fc.record({ ...facts, name: opaque, type: fc.constant('file' as const) }) },
);

/** A link to the place it is in, which goes away through itself: what was known of its name no longer holds. */
const trap: fc.Arbitrary<ModelEntry[]> = fc
  .tuple(part, fc.constantFrom('.', '../a', '/'), fc.constantFrom('.wh.', ''), fc.record(facts))
  .map(([name, link, prefix, rest]) => [
    { ...rest, name, type: 'symlink', link },
    { ...rest, name: `${name}/${prefix}${name}`, type: 'file' },
    { ...rest, name: `${name}/x`, type: 'file' },
  ]);
const entries = fc
  .array(fc.oneof({ weight: 30, arbitrary: entry.map((one) => [one]) }, { weight: 1, arbitrary: trap }), {
    maxLength: 12,
  })
  .map((lists) => lists.flat());

/** A first layer that fills the names the others play with, so that they meet something. */
const ground: fc.Arbitrary<ModelEntry[]> = fc.constant(
  [
    ['a', 'dir', ''],
    ['a/b', 'dir', ''],
    ['a/b/c', 'file', ''],
    ['a/d', 'symlink', 'b'],
    ['b', 'dir', ''],
    ['b/a', 'file', ''],
    ['b/b', 'hardlink', 'b/a'],
    ['c', 'symlink', '/a/b'],
    ['d', 'symlink', 'b'],
  ].map(([name, type, link]) => ({
    name: name!,
    type: type as ModelEntry['type'],
    link: link!,
    mode: 0o750,
    ...me,
    mtime: 1_600_000_000_000_000_000n,
    content: type === 'file' ? 'ground' : '',
  })),
);

/** Leaves out what would be refused: else few cases would get far. */
function withoutRefused(layers: readonly (readonly ModelEntry[])[]): ModelEntry[][] {
  const kept: ModelEntry[][] = [];
  for (const layer of layers) {
    const own: ModelEntry[] = [];
    kept.push(own);
    for (const entry of layer) {
      own.push(entry);
      if (modelTree(kept) === 'refused') own.pop();
    }
  }
  return kept;
}

export const fuzzCase: fc.Arbitrary<FuzzCase> = fc.record({
  layers: fc
    .tuple(
      fc.constantFrom(true, true, true, true, true, false),
      fc.option(ground, { freq: 4 }),
      fc.array(entries, { minLength: 1, maxLength: 4 }),
    )
    .map(([tidy, base, rest]) => {
      const layers = base === null ? rest : [base, ...rest];
      return tidy ? withoutRefused(layers) : layers;
    }),
  long: fc.constantFrom('auto' as const, 'pax' as const, 'gnu' as const),
  chunk: fc.constantFrom(1 << 20, 4096, 700, 37),
  helper: fc.constantFrom('none', 'soon', 'late'),
});

/**
 * Runs one case below `scratch`.
 * @throws Error that shows the difference
 */
function runFuzzCase(fuzz: FuzzCase, scratch: string): void {
  const expected = modelTree(fuzz.layers);
  const dir = join(scratch, 'fuzz');
  mkdirSync(dir, { mode: 0o755 });
  try {
    let report: ReturnType<typeof unpackReport>;
    try {
      report = applyLayers(fuzz, dir);
    } catch (error) {
      const refused = isCtxsrcError(error, 'E_ARCHIVE_INVALID') || isCtxsrcError(error, 'E_UNSAFE');
      if (refused && expected === 'refused') return;
      throw new Error(`failed, but the model has ${JSON.stringify(expected)}`, { cause: error });
    }
    const actual = listTree(dir);
    if (expected === 'refused') throw new Error(`must be refused, but made ${JSON.stringify(actual)}`);
    same('the tree', actual, expected);
    // The report says what is on the disk.
    same(
      'the report',
      [...report.entries].map(({ path, type, mode, digest, ...time }) =>
        [path, type, mode, textOfTime(time), digest ?? ''].join(' '),
      ),
      actual.map(({ path, type, mode, mtime, sha256, linkOf }) =>
        [
          path,
          linkOf === undefined ? type : 'hardlink',
          Number.parseInt(mode, 8),
          mtime,
          sha256 === undefined || linkOf !== undefined ? '' : `sha256:${sha256}`,
        ].join(' '),
      ),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A layer of a case as an archive. */
export function archiveOf(layer: readonly ModelEntry[], long: FuzzCase['long']): Buffer {
  return tar(
    layer.map((entry) => ({
      name: entry.name,
      type: entry.type,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      linkname: entry.link,
      content: entry.content,
      devmajor: 1,
      devminor: 3,
      long,
      ...(entry.mtime % 1_000_000_000n === 0n && entry.mtime >= 0n
        ? { mtime: Number(entry.mtime / 1_000_000_000n) }
        : { pax: { mtime: decimal(entry.mtime) } }),
    })),
  );
}

/** Applies a case to an empty directory. */
export function applyLayers({ layers, long, chunk, helper }: FuzzCase, dir: string): ReturnType<typeof unpackReport> {
  const archives = layers.map((layer) => archiveOf(layer, long));
  const memory = new SharedArrayBuffer(archives.reduce((sum, { length }) => sum + length, 0));
  const applier = new LayerApplier(dir, WRITE_OPTIONS, helper === 'none' ? undefined : fileHelper(memory, dir, helper));
  try {
    let start = 0;
    for (const made of archives) {
      // Where another thread could read it.
      const archive = Buffer.from(memory, start, made.length);
      start += made.copy(archive);
      const reader = new TarReader(applier);
      applier.beginLayer();
      for (let at = 0; at < archive.length; at += chunk) reader.push(archive.subarray(at, at + chunk));
      reader.finish();
      applier.endLayer();
    }
    applier.finish();
    const { losses, counts: lossCounts } = applier.losses;
    return unpackReport({ ...packEntries(applier.root, applier.digests), losses: losses, lossCounts });
  } finally {
    applier.close();
  }
}

/** What another thread does, done here at a moment of choice: the order in which files are written decides, not time. */
function fileHelper(contents: SharedArrayBuffer, root: string, when: 'soon' | 'late'): FileHelper {
  const memory = jobMemory(contents);
  const digests = new DigestTable();
  const offering = new FileJobs(memory, root, digests);
  const writing = new FileJobs(memory, root);
  return {
    digests,
    keeps: 1 << 20,
    offer(file, digest) {
      const isTaken = offering.offer(file, digest, 0);
      if (when === 'soon') writing.work();
      return isTaken;
    },
    drain() {
      while (writing.work());
      offering.collect();
    },
  };
}

function decimal(ns: bigint): string {
  const abs = ns < 0n ? -ns : ns;
  return `${ns < 0n ? '-' : ''}${abs / 1_000_000_000n}.${String(abs % 1_000_000_000n).padStart(9, '0')}`;
}

function modelTree(layers: FuzzCase['layers']): TreeEntry[] | 'refused' {
  const model = new LayerModel(me);
  try {
    for (const layer of layers) model.apply(layer);
  } catch (error) {
    if (error instanceof Refused) return 'refused';
    throw error;
  }
  const entries: TreeEntry[] = [];
  const counts = new Map<Inode, number>();
  const count = (dir: Inode): void => {
    for (const inode of dir.names.values()) {
      counts.set(inode, (counts.get(inode) ?? 0) + 1);
      if (inode.type === 'dir') count(inode);
    }
  };
  count(model.root);
  const firsts = new Map<Inode, string>();
  const list = (dir: Inode, prefix: string): void => {
    const named = [...dir.names].map(([name, inode]) => [Buffer.from(name).toString('latin1'), inode] as const);
    for (const [name, inode] of named.sort(([a], [b]) => (a < b ? -1 : 1))) {
      const path = prefix + name;
      // A normal user cannot make a device: it is a loss and nothing else.
      if (inode.type === 'char' && !isRoot) continue;
      entries.push(treeEntry(path, inode, firsts.get(inode)));
      if (inode.type === 'dir') list(inode, `${path}/`);
      else if (counts.get(inode)! > 1 && !firsts.has(inode)) firsts.set(inode, path);
    }
  };
  list(model.root, '');
  return entries;
}

function treeEntry(path: string, inode: Inode, linkOf: string | undefined): TreeEntry {
  const owner = isRoot ? { uid: inode.uid, gid: inode.gid } : me;
  const { type, content } = inode;
  return {
    path,
    type,
    mode: inode.mode.toString(8).padStart(4, '0'),
    ...owner,
    mtime: String(inode.mtime),
    ...(type === 'file'
      ? { size: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') }
      : {}),
    ...(type === 'symlink' ? { target: Buffer.from(inode.link).toString('latin1') } : {}),
    ...(type === 'char' ? { device: '1:3' } : {}),
    ...(linkOf === undefined ? {} : { linkOf }),
  };
}

function same(what: string, actual: unknown[], expected: unknown[]): void {
  const [a, b] = [actual, expected].map((list) => list.map((item) => canonical(item)));
  if (a!.join('\n') === b!.join('\n')) return;
  const extra = a!.filter((line) => !b!.includes(line));
  const missing = b!.filter((line) => !a!.includes(line));
  throw new Error(`${what} differs:\n  has    ${extra.join('\n         ')}\n  wanted ${missing.join('\n         ')}`);
}

function canonical(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, Object.keys(value as object).sort());
}

/** @returns what fast-check has to say, or undefined when every case passed */
export function fuzzLayers(scratch: string, runs: number, seed: number): string | undefined {
  const outcome = fc.check(
    fc.property(fuzzCase, (fuzz) => runFuzzCase(fuzz, scratch)),
    { numRuns: runs, seed },
  );
  if (!outcome.failed) return undefined;
  const cause = outcome.errorInstance instanceof Error ? outcome.errorInstance : undefined;
  const counterexample = JSON.stringify(outcome.counterexample, (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
  return `seed ${seed}, run ${outcome.numRuns}: ${cause?.message}\n${(cause?.cause as Error | undefined)?.message ?? ''}\n${counterexample}`;
}
