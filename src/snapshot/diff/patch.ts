/** The differences of text files as patches, within limits that keep each quick and all of them readable. */
import { closeSync, fstatSync, lstatSync } from 'node:fs';
import type { StructuredPatchHunk } from 'diff';
import type { JobContext } from '../../contract/index.ts';
import { ioError } from '../../core/errors.ts';
import { type ByteString, bytesOfText, fsPath, isUtf8, printableBytes } from '../../fs/byte-string.ts';
import { openFile, readFully } from './disk-side.ts';
import { inodeOf, isListed } from './listed-side.ts';
import type { PathDifference } from './path-difference.ts';
import type { ComparableTree } from './trees.ts';

/** What differs in one file, as a patch. */
export interface FilePatch {
  /** As in `PathDifference`. */
  readonly path: string;
  /** The path is a byte string. */
  readonly pathBytes?: true;
  /** The file on either side; absent where it is not. */
  readonly from?: PatchedFile;
  /** The file on the second side. */
  readonly to?: PatchedFile;
  /** The hunks of a unified diff; empty if only the mode differs. */
  readonly hunks?: string;
  /** Why there are none. */
  readonly left?: 'binary' | 'too large' | 'too much' | 'another type';
}

/** A file of a patch. */
export interface PatchedFile {
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
}

/** Bytes and lines of a file that is patched. */
const MAX_FILE = 1_000_000;
const MAX_LINES = 20_000;
/** Bytes of content of either side, and characters of all patches. */
const MAX_READ = 64_000_000;
const MAX_OUTPUT = 4_000_000;
/** Lines that differ: the time grows with their square. Files with more of them are replaced as a whole. */
const MAX_EDITS = 1_000;
const CONTEXT = 3;

/** The patches of what differs, in its order. Files only: links, devices and folders have none. */
export async function patchesOf(
  job: JobContext,
  a: ComparableTree | undefined,
  b: ComparableTree | undefined,
  differences: readonly PathDifference[],
): Promise<FilePatch[]> {
  const paths = new Map<ByteString, PathDifference>();
  const [left, right] = [new Contents(a), new Contents(b)];
  for (const difference of differences) {
    const { what, path: name, pathBytes } = difference;
    if (!PATCHED.has(what)) continue;
    const path = pathBytes === true ? name : bytesOfText(name);
    if (paths.has(path)) continue;
    paths.set(path, difference);
    // What a side ignores may be on its disk all the same.
    if (what !== 'added' && what !== 'unignored') left.add(path);
    if (what !== 'deleted' && what !== 'ignored') right.add(path);
  }
  await Promise.all([left.read(job), right.read(job)]);
  let room = MAX_OUTPUT;
  const patches: FilePatch[] = [];
  for (const [path, { what, path: name, pathBytes }] of paths) {
    job.signal.throwIfAborted();
    const named = pathBytes === true ? { path: name, pathBytes } : { path: name };
    const [from, to] = [left.file(path), right.file(path)];
    if (from === undefined && to === undefined) continue;
    const files = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    const why = what === 'type' ? 'another type' : room <= 0 ? 'too much' : undefined;
    const body: Body = why === undefined ? await bodyOf(left.content(path), right.content(path)) : { left: why };
    room -= body.hunks?.length ?? 0;
    patches.push({ ...named, ...files, ...body });
  }
  return patches;
}

const PATCHED: ReadonlySet<string> = new Set(['added', 'unignored', 'deleted', 'ignored', 'content', 'type', 'mode']);

type Content = Buffer | 'too large' | 'too much' | undefined;

type Body = Pick<FilePatch, 'hunks' | 'left'>;

async function bodyOf(from: Content, to: Content): Promise<Body> {
  for (const content of [from, to]) if (typeof content === 'string') return { left: content };
  const [left, right] = [textOf(from as Buffer | undefined), textOf(to as Buffer | undefined)];
  if (left === undefined || right === undefined) return { left: 'binary' };
  if (lines(left) > MAX_LINES || lines(right) > MAX_LINES) return { left: 'too large' };
  return { hunks: left === right ? '' : await hunksOf(left, right) };
}

/** Undefined for what is no text. */
function textOf(content: Buffer = Buffer.alloc(0)): string | undefined {
  return content.includes(0) || !isUtf8(content.toString('latin1')) ? undefined : content.toString('utf8');
}

function lines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

async function hunksOf(from: string, to: string): Promise<string> {
  const { structuredPatch } = await import('diff');
  const patch = structuredPatch('', '', from, to, '', '', { context: CONTEXT, maxEditLength: MAX_EDITS });
  if (patch === undefined) return wholeHunk(from, to);
  return patch.hunks.map((hunk) => `${hunkHead(hunk)}${hunk.lines.join('\n')}\n`).join('');
}

/** One hunk that takes away all lines and adds all. */
function wholeHunk(from: string, to: string): string {
  const [gone, come] = [marked('-', from), marked('+', to)];
  const head = hunkHead({ oldStart: 1, oldLines: gone.count, newStart: 1, newLines: come.count });
  return `${head}${gone.text}${come.text}`;
}

function marked(mark: string, text: string): { readonly count: number; readonly text: string } {
  if (text === '') return { count: 0, text: '' };
  const ends = text.endsWith('\n');
  const all = (ends ? text.slice(0, -1) : text).split('\n');
  const body = all.map((line) => `${mark}${line}\n`).join('');
  return { count: all.length, text: ends ? body : `${body}\\ No newline at end of file\n` };
}

/** Of no lines, the line before them is named. */
function hunkHead({ oldStart, oldLines, newStart, newLines }: Omit<StructuredPatchHunk, 'lines'>): string {
  const place = (start: number, count: number): string => `${count === 0 ? start - 1 : start},${count}`;
  return `@@ -${place(oldStart, oldLines)} +${place(newStart, newLines)} @@\n`;
}

/** The files of one side that are patched, and their content. */
class Contents {
  readonly #tree: ComparableTree | undefined;
  readonly #files = new Map<ByteString, PatchedFile>();
  readonly #contents = new Map<ByteString, Content>();
  #room = MAX_READ;

  constructor(tree: ComparableTree | undefined) {
    this.#tree = tree;
  }

  file(path: ByteString): PatchedFile | undefined {
    return this.#files.get(path);
  }

  content(path: ByteString): Content {
    return this.#contents.get(path);
  }

  add(path: ByteString): void {
    const file = this.#stat(path);
    if (file === undefined) return;
    this.#files.set(path, file);
    if (file.size > MAX_FILE) this.#contents.set(path, 'too large');
    else if (file.size > this.#room) this.#contents.set(path, 'too much');
    else this.#room -= file.size;
  }

  async read(job: JobContext): Promise<void> {
    const tree = this.#tree;
    const wanted = [...this.#files.keys()].filter((path) => !this.#contents.has(path));
    if (isListed(tree)) {
      const inodes = wanted.map((path) => inodeOf(tree, path));
      const contents = await tree.files.readSeveral(job, [...new Set(inodes.flatMap((inode) => inode ?? []))]);
      for (const [index, path] of wanted.entries()) this.#contents.set(path, contents.get(inodes[index]!));
    } else {
      for (const path of wanted) {
        job.signal.throwIfAborted();
        this.#contents.set(path, readDisk(tree!.root, path));
      }
    }
  }

  #stat(path: ByteString): PatchedFile | undefined {
    const tree = this.#tree;
    if (tree === undefined) return undefined;
    if (isListed(tree)) {
      const inode = inodeOf(tree, path);
      return inode?.type === 'file' ? { size: inode.size, mode: inode.meta.mode } : undefined;
    }
    const info = lstatSync(fsPath(`${tree.root}/${path}`), { throwIfNoEntry: false });
    return info?.isFile() === true ? { size: info.size, mode: info.mode & 0o7777 } : undefined;
  }
}

function readDisk(root: ByteString, path: ByteString): Content {
  try {
    const fd = openFile(fsPath(`${root}/${path}`));
    try {
      if (!fstatSync(fd).isFile()) return undefined;
      const buffer = Buffer.allocUnsafe(MAX_FILE + 1);
      const length = readFully(fd, buffer);
      return length > MAX_FILE ? 'too large' : Buffer.from(buffer.subarray(0, length));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw ioError(error, `cannot read ${printableBytes(path)}`);
  }
}
