/**
 * The recursive digest of a tree (buildkit-semantics 5.3), made while its entries come in the order of a walk. What the
 * directories on the way are the digests of lies in one buffer, each behind the one that it lies in: a directory that is
 * left becomes its digest there, so that memory does not grow with the tree.
 */
import { hash } from 'node:crypto';
import type { ByteString } from './byte-string.ts';

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
  #buffer = Buffer.allocUnsafeSlow(1 << 16);
  #end = 0;
  /** The directories on the way to the present one. */
  readonly #open: OpenDirectory[] = [];

  /** @param rootHeader hex digest of the root's header */
  constructor(rootHeader: string) {
    this.#enter('', -1, rootHeader);
  }

  /** An entry that is no directory, with its hex digest. */
  file(path: ByteString, digest: string): void {
    const name = this.#nameOf(path);
    this.#append(`\0${name}sha256:${digest}`);
    if (name.startsWith(ECHOED)) this.#echo({ suffix: `\0${name}`, digest });
  }

  /** A directory with the hex digest of its header; what lies in it follows. */
  directory(path: ByteString, header: string): void {
    const name = this.#nameOf(path);
    this.#append(`\0${name}sha256:`);
    this.#enter(name, path.length, header);
  }

  /** The digest of all, after the last entry. */
  finish(): FinishedTree {
    while (this.#open.length > 1) this.#leave();
    const preimage = this.#buffer.toString('latin1', 0, this.#end);
    return { digest: hash('sha256', this.#buffer.subarray(0, this.#end), 'hex'), preimage };
  }

  /** The last component; leaves the directories that do not lead to it. */
  #nameOf(path: ByteString): ByteString {
    const slash = path.lastIndexOf('/');
    // Those that are open lie in each other, and the one of this entry is among them: its length tells it.
    while (this.#open.at(-1)!.length > slash) this.#leave();
    return path.slice(slash + 1);
  }

  #enter(name: ByteString, length: number, header: string): void {
    this.#open.push({ name, length, start: this.#end, echoes: undefined });
    this.#append(`\0sha256:${header}`);
  }

  #leave(): void {
    const { name, start, echoes } = this.#open.pop()!;
    const digest = hash('sha256', this.#buffer.subarray(start, this.#end), 'hex');
    this.#end = start;
    this.#append(digest);
    const isEchoed = name.startsWith(ECHOED);
    if (isEchoed) this.#echo({ suffix: `\0${name}`, digest });
    for (const { suffix, digest: below } of echoes ?? []) {
      this.#append(`\0${name}${suffix}sha256:${below}`);
      if (isEchoed) this.#echo({ suffix: `\0${name}${suffix}`, digest: below });
    }
  }

  #echo(echo: Echo): void {
    const dir = this.#open.at(-1)!;
    dir.echoes ??= [];
    dir.echoes.push(echo);
  }

  #append(bytes: ByteString): void {
    if (this.#end + bytes.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes.length));
      this.#buffer.copy(larger, 0, 0, this.#end);
      this.#buffer = larger;
    }
    this.#end += this.#buffer.write(bytes, this.#end, 'latin1');
  }
}
