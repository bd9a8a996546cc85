/**
 * Headers that precede an entry and hold what its own header cannot: PAX records, and long names of GNU tar. Of several
 * of one kind the last one counts, as in the readers of Go, containerd and umoci. Global PAX headers are checked but
 * otherwise ignored, as in every reader of layers: the meaning of a layer must not depend on its reader.
 */
import { archiveError, type ExtendedType, type Header } from './header.ts';
import { applyPax, type PaxFacts, type PaxRecord, parsePax } from './pax.ts';

/** Before one entry: writers make at most three. */
const MAX_IN_A_ROW = 100;

export class ExtendedHeaders {
  #count = 0;
  #records: readonly PaxRecord[] | undefined;
  #name: string | undefined;
  #link: string | undefined;

  /** True if a header waits for the entry that it describes. */
  get waiting(): boolean {
    return this.#records !== undefined || this.#name !== undefined || this.#link !== undefined;
  }

  /**
   * @param data the content of such a header
   * @throws CtxsrcError `E_ARCHIVE_INVALID`
   */
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

  /**
   * Applies the preceding headers to the header of the entry, and forgets them.
   * @throws CtxsrcError `E_ARCHIVE_INVALID`
   */
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
