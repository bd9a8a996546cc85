/**
 * What precedes the header of an entry and has no room in it: PAX records, and the long names of GNU tar. Of several of
 * one kind the last counts, as in Go's reader and with it in containerd's and umoci's. Global PAX headers are checked and
 * otherwise ignored, as every reader of layers does: what a layer means must not depend on who reads it.
 */
import { archiveError, type Header, type TypeFlag } from './header.ts';
import { applyPax, type PaxFacts, type PaxRecord, parsePax } from './pax.ts';

export type ExtendedType = 'x' | 'g' | 'L' | 'K';

export function isExtended(type: TypeFlag): type is ExtendedType {
  return type === 'x' || type === 'g' || type === 'L' || type === 'K';
}

/** In front of one entry: writers make three at most. */
const MAX_IN_A_ROW = 100;

export class ExtendedHeaders {
  #count = 0;
  #records: readonly PaxRecord[] | undefined;
  #name: string | undefined;
  #link: string | undefined;

  /** Something waits for the entry that it describes. */
  get waiting(): boolean {
    return this.#records !== undefined || this.#name !== undefined || this.#link !== undefined;
  }

  /** @param data the content of such a header @throws CtxsrcError `E_ARCHIVE_INVALID` */
  take(type: ExtendedType, data: Buffer): void {
    this.#count += 1;
    if (this.#count > MAX_IN_A_ROW) throw archiveError(`an entry has more than ${MAX_IN_A_ROW} extended headers`);
    switch (type) {
      case 'g':
        parsePax(data);
        break;
      case 'x':
        this.#records = parsePax(data);
        break;
      case 'L':
        this.#name = textOf(data);
        break;
      default:
        this.#link = textOf(data);
    }
  }

  /** Lays over the header what was said in front of it, and forgets it. @throws CtxsrcError `E_ARCHIVE_INVALID` */
  apply(header: Header): PaxFacts | undefined {
    const facts = this.#records === undefined ? undefined : applyPax(header, this.#records);
    if (this.#name !== undefined) header.name = this.#name;
    if (this.#link !== undefined) header.linkName = this.#link;
    this.#count = 0;
    this.#records = undefined;
    this.#name = undefined;
    this.#link = undefined;
    return facts;
  }
}

/** Bytes up to the first NUL. */
function textOf(data: Buffer): string {
  const nul = data.indexOf(0);
  return data.toString('latin1', 0, nul === -1 ? data.length : nul);
}
