/**
 * Sparse files: maps of the pieces of a file with holes that an archive contains. GNU tar has written them in four
 * formats: in the header (type S), and as PAX records of the versions 0.0, 0.1 and 1.0.
 */
import { archiveError, number } from './header.ts';
import { decimal } from './pax.ts';

export interface SparsePiece {
  readonly offset: number;
  readonly length: number;
}

/** Limit of the pieces in a map; GNU tar writes at most one per 512 bytes. */
const MAX_PIECES = 1 << 17;

/** What the PAX records of a sparse file say. */
export interface SparseRecords {
  readonly name: string | undefined;
  readonly realSize: number;
  /** Undefined in version 1.0, where the data begins with the map. */
  readonly pieces: SparsePiece[] | undefined;
}

/** Parses the `GNU.sparse.*` records (keys without that prefix); undefined if they describe no sparse file. */
export function sparseRecords(records: readonly (readonly [string, string])[]): SparseRecords | undefined {
  const single = new Map(records);
  const numbers: number[] = [];
  const map = single.get('map');
  if (map !== undefined) {
    for (const part of map.split(',')) numbers.push(decimal('GNU.sparse.map', part));
  } else {
    for (const [key, value] of records) {
      if (key !== 'offset' && key !== 'numbytes') continue;
      if ((numbers.length % 2 === 0) !== (key === 'offset')) throw archiveError('a sparse map is out of order');
      numbers.push(decimal(`GNU.sparse.${key}`, value));
    }
  }
  const major = single.get('major');
  const inData = major !== undefined && major !== '0';
  if (inData && (major !== '1' || single.get('minor') !== '0')) {
    throw archiveError('a sparse file is of an unknown version');
  }
  const size = single.get('realsize') ?? single.get('size');
  if (size === undefined) {
    if (inData || numbers.length > 0) throw archiveError('a sparse file has no size');
    return undefined;
  }
  return {
    name: single.get('name'),
    realSize: decimal('GNU.sparse.realsize', size),
    pieces: inData ? undefined : pairs(numbers),
  };
}

function pairs(numbers: readonly number[]): SparsePiece[] {
  if (numbers.length % 2 !== 0) throw archiveError('a sparse map is cut short');
  const pieces: SparsePiece[] = [];
  for (let i = 0; i < numbers.length; i += 2) pieces.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return pieces;
}

/** Reads the map at the beginning of the data (version 1.0), which has whole blocks. */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  #expected: number | undefined;
  #digits = '';

  /**
   * Reads one block.
   * @returns the pieces when the map is complete
   */
  block(block: Buffer): SparsePiece[] | undefined {
    for (const byte of block) {
      if (byte !== 0x0a) {
        this.#digits += String.fromCharCode(byte);
        if (this.#digits.length > 16) throw archiveError('a sparse map is malformed');
        continue;
      }
      const value = decimal('GNU.sparse.map', this.#digits);
      this.#digits = '';
      if (this.#expected === undefined) {
        if (value > MAX_PIECES) throw archiveError('a sparse map is too long');
        this.#expected = 2 * value;
      } else {
        this.#numbers.push(value);
      }
      if (this.#numbers.length === this.#expected) return pairs(this.#numbers);
    }
    return undefined;
  }
}

/** Reads the map of a header of type S, which continues in further blocks. */
export class OldSparseReader {
  readonly pieces: SparsePiece[] = [];
  readonly realSize: number;
  /** True if another block of the map follows. */
  more: boolean;

  constructor(header: Buffer) {
    this.#read(header, 386, 4);
    this.more = header[482] !== 0;
    this.realSize = number(header, 483, 12, 'size');
  }

  block(block: Buffer): void {
    this.#read(block, 0, 21);
    this.more = block[504] !== 0;
  }

  #read(block: Buffer, start: number, count: number): void {
    for (let i = 0; i < count; i += 1) {
      const at = start + 24 * i;
      // An unused slot ends the map.
      if (block[at] === 0) return;
      if (this.pieces.length === MAX_PIECES) throw archiveError('a sparse map is too long');
      this.pieces.push({
        offset: number(block, at, 12, 'sparse map'),
        length: number(block, at + 12, 12, 'sparse map'),
      });
    }
  }
}

/** Refuses a map that overlaps itself, exceeds its file, or does not match the number of bytes in the archive. */
export function validateSparse(pieces: readonly SparsePiece[], stored: number, realSize: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of pieces) {
    if (offset < end || offset + length > realSize) throw archiveError('a sparse map contradicts itself');
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw archiveError('a sparse map does not account for the data of its file');
}
