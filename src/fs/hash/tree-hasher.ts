/**
 * The recursive digest of a tree, made while its entries arrive in the order of the walk. One buffer holds the input of
 * the digests of all open directories, each after its parent's: when a directory ends, its digest replaces its input,
 * so that memory does not grow with the tree.
 */
import { hash } from 'node:crypto';
import type { ByteString, Latin1Buffer } from '../byte-string.ts';
import { DIGEST_LENGTH } from '../entry/rows.ts';

/**
 * The parent directory hashes names that begin with this byte a second time:
 * `docs/buildkit.md#order-and-the-digest-of-a-directory`.
 */
const ECHOED = '\u00ff';

/** An entry that the parent hashes again: its path from the child directory, with a NUL before each component. */
interface Echo {
  readonly suffix: ByteString;
  readonly digest: string;
}

/** The digest of the root in hex, and the bytes that it is made of. */
export interface FinishedTree {
  readonly digest: string;
  readonly preimage: ByteString;
}

interface HashedDirectory {
  readonly name: ByteString;
  /** Length of its path; -1 for the root, whose entries have no slash before their names. */
  readonly length: number;
  /** Where the input of its digest begins. */
  readonly start: number;
  /** Entries that the parent hashes again. */
  echoes: Echo[] | undefined;
}

/** Takes entries in the order of a walk: a directory before its content. */
export class TreeHasher {
  #buffer = Buffer.allocUnsafeSlow(1 << 16) as Latin1Buffer;
  #end = 0;
  /** The directories from the root to the current one. */
  readonly #open: HashedDirectory[] = [];

  /** @param rootHeader hex digest of the root's header */
  constructor(rootHeader: string) {
    this.#begin('', -1, rootHeader);
  }

  /** Adds an entry that is not a directory, with its digest in hex. */
  file(path: ByteString, digest: string): void {
    const slash = path.lastIndexOf('/');
    this.entry(slash, `${path.slice(slash + 1)}sha256:${digest}`);
  }

  /** Adds a directory, with the digest of its header in hex; its entries follow. */
  directory(path: ByteString, header: string): void {
    const slash = path.lastIndexOf('/');
    this.enter(slash, path.slice(slash + 1), header);
  }

  /**
   * Adds an entry that is not a directory.
   * @param parent length of the path of its directory; -1 for the root
   * @param text its name, followed by the digest with its algorithm
   */
  entry(parent: number, text: ByteString): void {
    this.#leaveTo(parent);
    this.#append(text);
    if (!text.startsWith(ECHOED)) return;
    this.#echo({ suffix: `\0${text.slice(0, -DIGEST_LENGTH)}`, digest: text.slice(-64) });
  }

  /** Adds a directory, with parameters as in `entry`; its entries follow. */
  enter(parent: number, name: ByteString, header: string): void {
    this.#leaveTo(parent);
    this.#append(`${name}sha256:`);
    this.#begin(name, parent + 1 + name.length, header);
  }

  /** The digest of the whole tree, after the last entry. */
  finish(): FinishedTree {
    while (this.#open.length > 1) this.#leave();
    const preimage = this.#buffer.latin1Slice(0, this.#end);
    return { digest: hash('sha256', this.#buffer.subarray(0, this.#end), 'hex'), preimage };
  }

  /** Ends the open directories that do not contain the next entry. They are nested, so lengths of paths tell. */
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

  /** Appends a NUL and the bytes, and makes room for a digest after them. */
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
