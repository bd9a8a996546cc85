/** A ref whose files are given in the test, and the job it is written with. */
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../src/contract/entry.ts';
import type { ImmutableRef, WriteOptions, WriteReport } from '../../src/contract/ref.ts';
import type { JobContext } from '../../src/contract/session.ts';
import { type ProgressEvent, silentProgress } from '../../src/core/progress.ts';
import { bytesOfText } from '../../src/fs/byte-string.ts';
import { metadataOf } from '../../src/fs/write/metadata.ts';

type FakeFile =
  | string
  | { readonly dir: true; readonly mode?: number }
  | { readonly file: string; readonly mode?: number }
  | { readonly symlink: string }
  | { readonly hardlink: string };

/** Paths (parents first) and what lies there; a text is a file's content. */
export type FakeTree = Readonly<Record<string, FakeFile>>;

export const WRITE_OPTIONS: WriteOptions = {
  owner: 'auto',
  mode: 'auto',
  limits: { maxBytes: 1e9, maxFiles: 1e6, maxRatio: 1000 },
};

/** A job without secrets. Events end in `events`. */
export function fakeJob(signal: AbortSignal = new AbortController().signal): JobContext & { events: ProgressEvent[] } {
  const events: ProgressEvent[] = [];
  return {
    session: {
      id: 'test',
      credentials: async () => undefined,
      secret: async () => undefined,
      localDirectory: () => undefined,
    },
    signal,
    progress: { ...silentProgress, emit: (event) => void events.push(event) },
    events,
  };
}

export interface FakeRefOptions {
  readonly lossCounts?: Readonly<Record<string, number>>;
  /** Runs after everything is written, before the report. */
  readonly after?: (dir: string) => void | Promise<void>;
}

export function fakeRef(tree: FakeTree, options: FakeRefOptions = {}): ImmutableRef {
  const unused = (): never => {
    throw new Error('not part of this test');
  };
  const ref: ImmutableRef = {
    id: `sha256:${createHash('sha256').update(JSON.stringify(tree)).digest('hex')}`,
    clone: () => ref,
    release: async () => undefined,
    finalize: async () => undefined,
    extract: unused,
    mount: unused,
    getRemotes: unused,
    layerChain: unused,
    async writeTo(_job, dir): Promise<WriteReport> {
      const report = writeTree(dir, tree);
      await options.after?.(dir);
      const lossCounts = options.lossCounts ?? {};
      const losses = Object.keys(lossCounts).map((kind) => ({ path: 'x', kind: kind as 'owner', detail: 'test' }));
      return { ...report, losses, lossCounts, via: 'unpack' };
    },
  };
  return ref;
}

/** Creates the files and lists them as a writer does. Directories get their modes last. */
function writeTree(dir: string, tree: FakeTree): Pick<WriteReport, 'files' | 'bytes' | 'entries'> {
  const mtime = 1_700_000_000;
  for (const [path, what] of Object.entries(tree)) {
    const full = join(dir, path);
    if (typeof what === 'string') writeFileSync(full, what);
    else if ('dir' in what) mkdirSync(full);
    else if ('file' in what) writeFileSync(full, what.file, { mode: what.mode });
    else if ('symlink' in what) symlinkSync(what.symlink, full);
    else linkSync(join(dir, what.hardlink), full);
    if (typeof what === 'string' || 'file' in what) utimesSync(full, mtime, mtime);
  }
  for (const [path, what] of Object.entries(tree).reverse()) {
    if (typeof what === 'object' && 'mode' in what && what.mode !== undefined) chmodSync(join(dir, path), what.mode);
  }
  let bytes = 0;
  const entries = Object.entries(tree).map(([path, what]): Entry => {
    const stat = lstatSync(join(dir, path), { bigint: true });
    const content = typeof what === 'string' ? what : 'file' in what ? what.file : undefined;
    if (content !== undefined) bytes += content.length;
    const type = content !== undefined ? 'file' : typeof what === 'object' && 'dir' in what ? 'dir' : undefined;
    return {
      ...metadataOf(stat),
      path: bytesOfText(path),
      type: type ?? (stat.isSymbolicLink() ? 'symlink' : 'hardlink'),
      size: Number(stat.size),
      ...(content === undefined ? {} : { digest: `sha256:${createHash('sha256').update(content).digest('hex')}` }),
      ...(typeof what === 'object' && 'symlink' in what ? { target: what.symlink } : {}),
      ...(typeof what === 'object' && 'hardlink' in what ? { target: what.hardlink } : {}),
    };
  });
  return { files: entries.length, bytes, entries };
}
