/**
 * Where the members of a tar file lie, so that they can be read in place. Only headers are read, once. Names are looked
 * up and never written to, so that nothing in them can lead anywhere; links between members are followed within the file.
 */
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { CtxsrcError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { archiveError, BLOCK, type Header, isZeroBlock, parseHeader } from './header.ts';
import { applyPax, type PaxRecord, parsePax } from './pax.ts';

/** Members of one archive: images of a thousand layers have some thousand. */
const MAX_MEMBERS = 1_000_000;
/** Bytes of one extended header or long name. */
const MAX_METADATA = 1 << 20;
const MAX_LINKS = 16;

export interface TarMember {
  /** Of its content in the file, in bytes. */
  readonly offset: number;
  readonly size: number;
}

interface Link {
  readonly target: string;
}

export class TarIndex {
  readonly #members: ReadonlyMap<string, TarMember | Link>;

  private constructor(members: ReadonlyMap<string, TarMember | Link>) {
    this.#members = members;
  }

  /** Reads the headers of a tar file of that size. @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT` */
  static async read(file: FileHandle, size: number, signal: AbortSignal): Promise<TarIndex> {
    const members = new Map<string, TarMember | Link>();
    const block = Buffer.alloc(BLOCK);
    let pending: PendingHeaders = {};
    let position = 0;
    while (position + BLOCK <= size) {
      signal.throwIfAborted();
      await readExactly(file, block, position);
      if (isZeroBlock(block, 0)) break;
      const header = parseHeader(block, 0);
      const offset = position + BLOCK;
      if (header.type === 'x' || header.type === 'L' || header.type === 'K') {
        pending = { ...pending, ...(await readPending(file, header, offset, size)) };
      } else if (header.type !== 'g') {
        add(members, complete(header, pending), offset, size);
        pending = {};
      }
      position = offset + Math.ceil(header.size / BLOCK) * BLOCK;
    }
    if (members.size === 0) throw archiveError('it has no members');
    return new TarIndex(members);
  }

  /** The member of that name, links followed; undefined when there is none. @throws `E_ARCHIVE_INVALID` for links without end */
  find(name: string): TarMember | undefined {
    let current = cleanName(name);
    for (let links = 0; links <= MAX_LINKS; links += 1) {
      const found = this.#members.get(current);
      if (found === undefined || 'offset' in found) return found;
      current = found.target;
    }
    throw archiveError(`the links of ${JSON.stringify(printable(name))} have no end`);
  }
}

interface PendingHeaders {
  readonly records?: readonly PaxRecord[];
  readonly name?: string;
  readonly linkName?: string;
}

async function readPending(file: FileHandle, header: Header, offset: number, size: number): Promise<PendingHeaders> {
  if (header.size > MAX_METADATA) throw new CtxsrcError('E_LIMIT', `the archive has a header of ${header.size} bytes`);
  if (offset + header.size > size) throw archiveError('it ends within a header');
  const data = Buffer.alloc(header.size);
  await readExactly(file, data, offset);
  if (header.type === 'x') return { records: parsePax(data) };
  const text = data.toString('latin1').replace(/\0.*$/s, '');
  return header.type === 'L' ? { name: text } : { linkName: text };
}

/** The header with what the headers before it say. Its size may change, and with it where the next one begins. */
function complete(header: Header, pending: PendingHeaders): Header {
  if (pending.name !== undefined) header.name = pending.name;
  if (pending.linkName !== undefined) header.linkName = pending.linkName;
  if (pending.records !== undefined && applyPax(header, pending.records).sparse !== undefined) {
    throw archiveError('it holds a sparse file');
  }
  return header;
}

function add(members: Map<string, TarMember | Link>, header: Header, offset: number, size: number): void {
  const name = cleanName(header.name);
  if (members.size >= MAX_MEMBERS) throw new CtxsrcError('E_LIMIT', `the archive has more than ${MAX_MEMBERS} members`);
  if (header.type === '1') {
    members.set(name, { target: cleanName(header.linkName) });
  } else if (header.type === '2') {
    members.set(name, { target: cleanName(posix.join(posix.dirname(name), header.linkName)) });
  } else if (header.type === '0' || header.type === '7') {
    if (offset + header.size > size) throw archiveError(`it ends within ${JSON.stringify(printable(name))}`);
    const known = members.get(name);
    // Which of two would count depends on who reads: an archive of an image has none such.
    if (known !== undefined) throw archiveError(`it has ${JSON.stringify(printable(name))} twice`);
    members.set(name, { offset, size: header.size });
  }
}

function cleanName(name: string): string {
  return posix.join('/', name).replace(/\/+$/, '').slice(1);
}

async function readExactly(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) throw archiveError('it was cut off while it was read');
    done += bytesRead;
  }
}
