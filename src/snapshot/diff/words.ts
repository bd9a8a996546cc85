/** Differences at a path in words, and folders whose files all changed alike as one row. */
import { formatGrowth } from '../../core/format.ts';
import { type ByteString, bytesOfText } from '../../fs/byte-string.ts';
import type { PathDifference } from './path-difference.ts';
import type { ChangeLetter, PathChange } from './report-types.ts';

/** A path, or a folder that stands for all below it. */
export interface ChangeRow {
  readonly letter: ChangeLetter;
  /** Ends in a slash if it is a folder. */
  readonly path: ByteString;
  /** Files of a folder that stands for them. */
  readonly files?: number;
  readonly bytes: PathChange['bytes'];
  /** The growth in bytes; empty where no content changed. */
  readonly amount: string;
  readonly words: readonly string[];
}

/** A row for each path, without folders that are there only because of what is in them. */
export function changeRows(changes: readonly PathChange[]): ChangeRow[] {
  return changes.filter((change, index) => !isImplied(change, changes[index + 1])).map(rowOf);
}

/**
 * Folders whose files all changed alike as one row with their number. What came or went folds with all that is below;
 * what changed, only with the files beside it. The largest rows come first, those without other content last.
 */
export function foldedRows(changes: readonly PathChange[]): ChangeRow[] {
  const root = new Folder('');
  for (const change of changes) root.add(rowOf(change));
  const rows: ChangeRow[] = [];
  root.collect(rows);
  return rows.sort((a, b) => Number(a.letter === 'm') - Number(b.letter === 'm') || sum(b) - sum(a));
}

const sum = ({ bytes }: ChangeRow): number => bytes.added + bytes.gone;

class Folder {
  readonly #path: ByteString;
  readonly #folders = new Map<ByteString, Folder>();
  readonly #rows: ChangeRow[] = [];
  /** The folder itself came, went or changed. */
  #isRow = false;
  #files = 0;
  readonly #bytes = { added: 0, gone: 0 };
  /** What all below have in common; empty if they have nothing. */
  #common: { readonly letter: ChangeLetter; readonly words: string } | undefined | '';

  constructor(path: ByteString) {
    this.#path = path;
  }

  /** Adds a row below this folder, and counts it in each folder on the way. */
  add(row: ChangeRow): void {
    const names = row.path.split('/');
    const file = names.pop()!;
    let folder: Folder = this;
    let path = '';
    for (const name of names) {
      path += `${name}/`;
      const child: Folder = folder.#folders.get(name) ?? new Folder(path);
      folder.#folders.set(name, child);
      folder = child;
      folder.#count(row, file !== '');
    }
    folder.#rows.push(row);
    if (file === '') folder.#isRow = true;
  }

  #count({ letter, words, bytes }: ChangeRow, isFile: boolean): void {
    if (isFile) this.#files += 1;
    this.#bytes.added += bytes.added;
    this.#bytes.gone += bytes.gone;
    const own = { letter, words: letter === 'm' ? words.join() : '' };
    this.#common ??= own;
    if (this.#common !== '' && (this.#common.letter !== letter || this.#common.words !== own.words)) this.#common = '';
  }

  collect(rows: ChangeRow[]): void {
    const folded = this.#path === '' ? undefined : this.#folded();
    if (folded !== undefined) {
      rows.push(folded);
      return;
    }
    for (const row of this.#rows) rows.push(row);
    for (const folder of this.#folders.values()) folder.collect(rows);
  }

  #folded(): ChangeRow | undefined {
    const common = this.#common;
    if (common === undefined || common === '') return undefined;
    const { letter } = common;
    const isWhole = letter === 'A' || letter === 'D';
    if (this.#files < (isWhole && this.#isRow ? 1 : 2) || (!isWhole && this.#folders.size > 0)) return undefined;
    const { added, gone } = this.#bytes;
    const amount = added === gone ? '' : formatGrowth(added - gone);
    const words = letter === 'm' ? this.#rows[0]!.words : [];
    return { letter, path: this.#path, files: this.#files, bytes: this.#bytes, amount, words };
  }
}

/** A folder that came or went, of which something follows that did so, too. */
function isImplied(change: PathChange, next: PathChange | undefined): boolean {
  if (change.type !== 'dir' || (change.letter !== 'A' && change.letter !== 'D')) return false;
  return next?.letter === change.letter && bytesOf(next).startsWith(`${bytesOf(change)}/`);
}

function bytesOf({ path, pathBytes }: PathChange): ByteString {
  return pathBytes === true ? path : bytesOfText(path);
}

function rowOf(change: PathChange): ChangeRow {
  const { letter, type, bytes, differences } = change;
  const path = type === 'dir' ? `${bytesOf(change)}/` : bytesOf(change);
  const hasContent = differences.some(({ what }) => what === 'content');
  const amount = bytes.added === bytes.gone ? '' : formatGrowth(bytes.added - bytes.gone);
  const sameSize = hasContent && amount === '' ? ['other bytes, same size'] : [];
  return { letter, path, bytes, amount, words: [...sameSize, ...differences.flatMap(wordsOf)] };
}

function wordsOf({ what, from, to, by, change }: PathDifference): string[] {
  const pair = `${from} → ${to}`;
  switch (what) {
    case 'mode':
    case 'device':
    case 'time':
    case 'type':
      return [`${what} ${pair}`];
    case 'target':
      return [`link ${pair}`];
    case 'owner':
      return [ownerWords(String(from), String(to))];
    case 'xattr':
      return [`${change}${by}`];
    case 'ignored':
      return [`ignored: ${by}`];
    case 'unignored':
      return [`no longer ignored: ${by}`];
    case 'added':
    case 'deleted':
      return from === 'file' || to === 'file' || from === 'dir' || to === 'dir' ? [] : [String(from ?? to)];
    case 'content':
      return [];
  }
}

function ownerWords(from: string, to: string): string {
  const [uid, gid] = from.split(':');
  const [newUid, newGid] = to.split(':');
  if (gid === newGid) return `owner ${uid} → ${newUid}`;
  return uid === newUid ? `group ${gid} → ${newGid}` : `owner ${from} → ${to}`;
}
