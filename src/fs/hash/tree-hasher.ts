/**
 * The recursive digest of a tree, made while its entries come in the order of a walk. What the directories on the way are
 * the digests of lies in one buffer, each behind the one that it lies in: a directory that is left becomes its digest
 * there, so that memory does not grow with the tree.
 */
import { hash } from 'node:crypto';
import type { ByteString, Latin1Buffer } from '../byte-string.ts';
import { DIGEST_LENGTH } from '../entry/rows.ts';

/** Names that begin with this byte are hashed once more by the directory above (a quirk of BuildKit's). */
const ECHOED = '\u00ff';

/** An entry that the parent hashes again: the path from the child directory, each component after a NUL. */
interface Echo {
  readonly suffix: ByteString;
  readonly digest: string;
}

/** Hex digest of the root, and the bytes that it is the digest of. */
export interface FinishedTree {
  readonly digest: string;
  readonly preimage: ByteString;
}

interface OpenDirectory {
  readonly name: ByteString;
  /** Length of its path; -1 for the root, whose entries have no slash before their names. */
  readonly length: number;
  /** Where what it is the digest of begins. */
  readonly start: number;
  /** What the directory above hashes again. */
  echoes: Echo[] | undefined;
}

/** Takes entries in the order of a walk: a directory before its content. */
export class TreeHasher {
  #buffer = Buffer.allocUnsafeSlow(1 << 16) as Latin1Buffer;
  #end = 0;
  /** The directories on the way to the present one. */
  readonly #open: OpenDirectory[] = [];

  /** @param rootHeader hex digest of the root's header */
  constructor(rootHeader: string) {
    this.#begin('', -1, rootHeader);
  }

  /** An entry that is no directory, with its hex digest. */
  file(path: ByteString, digest: string): void {
    const slash = path.lastIndexOf('/');
    this.entry(slash, `${path.slice(slash + 1)}sha256:${digest}`);
  }

  /** A directory with the hex digest of its header; what lies in it follows. */
  directory(path: ByteString, header: string): void {
    const slash = path.lastIndexOf('/');
    this.enter(slash, path.slice(slash + 1), header);
  }

  /**
   * An entry that is no directory.
   * @param parent length of the path of the directory that it lies in; -1 for the root
   * @param text its name, and right behind it the digest with its algorithm
   */
  entry(parent: number, text: ByteString): void {
    this.#leaveTo(parent);
    this.#append(text);
    if (!text.startsWith(ECHOED)) return;
    this.#echo({ suffix: `\0${text.slice(0, -DIGEST_LENGTH)}`, digest: text.slice(-64) });
  }

  /** A directory, as `entry`; what lies in it follows. */
  enter(parent: number, name: ByteString, header: string): void {
    this.#leaveTo(parent);
    this.#append(`${name}sha256:`);
    this.#begin(name, parent + 1 + name.length, header);
  }

  /** The digest of all, after the last entry. */
  finish(): FinishedTree {
    while (this.#open.length > 1) this.#leave();
    const preimage = this.#buffer.latin1Slice(0, this.#end);
    return { digest: hash('sha256', this.#buffer.subarray(0, this.#end), 'hex'), preimage };
  }

  /** Leaves the directories that an entry does not lie in: those that are open lie in each other, so that lengths tell. */
  #leaveTo(parent: number): void {
    while (this.#open.at(-1)!.length > parent) this.#leave();
  }

  #begin(name: ByteString, length: number, header: string): void {
    this.#open.push({ name, length, start: this.#end, echoes: undefined });
    this.#append(`sha256:${header}`);
  }

  #leave(): void {
    const { name, start, echoes } = this.#open.pop()!;
    const digest = hash('sha256', new Uint8Array(this.#buffer.buffer, start, this.#end - start), 'hex');
    this.#end = start + this.#buffer.latin1Write(digest, start);
    const isEchoed = name.startsWith(ECHOED);
    if (isEchoed) this.#echo({ suffix: `\0${name}`, digest });
    for (const { suffix, digest: below } of echoes ?? []) {
      this.#append(`${name}${suffix}sha256:${below}`);
      if (isEchoed) this.#echo({ suffix: `\0${name}${suffix}`, digest: below });
    }
  }

  #echo(echo: Echo): void {
    const dir = this.#open.at(-1)!;
    dir.echoes ??= [];
    dir.echoes.push(echo);
  }

  /** Appends a NUL and the bytes, with room left for a digest behind them. */
  #append(bytes: ByteString): void {
    const end = this.#end + 1 + bytes.length + DIGEST_LENGTH;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, end));
      this.#buffer.copy(larger, 0, 0, this.#end);
      this.#buffer = larger as Latin1Buffer;
    }
    this.#buffer[this.#end] = 0;
    this.#end += 1 + this.#buffer.latin1Write(bytes, this.#end + 1);
  }
}
