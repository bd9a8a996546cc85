/**
 * Shared by the sources of one file (http bodies, blobs): BuildKit's rules for its name, its attributes, and writing
 * it.
 */
import { createHash } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import type { AttributeSpec, Attributes, Metadata, Source, WriteOptions, WriteReport } from '../contract/index.ts';
import { digestAlgorithm } from '../core/digest.ts';
import { CtxsrcError, ioError, localError } from '../core/errors.ts';
import { baseName } from '../core/go/path.ts';
import { trimGoSpace } from '../core/go/text.ts';
import { type ByteString, bytesOfText, isUtf8, textOfBytes } from '../fs/byte-string.ts';
import { LossList } from '../fs/write/losses.ts';
import { MetadataWriter, presentOf } from '../fs/write/metadata.ts';
import type { StoredBody } from './stored-body.ts';

export const FILE_ATTRIBUTES: readonly AttributeSpec[] = [
  {
    name: 'filename',
    kind: 'text',
    placeholder: 'NAME',
    help: 'name of the file; part of the key',
    example: 'context.tar',
  },
  {
    name: 'perm',
    kind: 'text',
    placeholder: 'MODE',
    help: 'permission bits of the file, octal with a leading 0; part of the key (unless given 0600)',
    example: '0644',
  },
  { name: 'uid', kind: 'text', placeholder: 'N', help: 'owner of the file; part of the key', example: '1000' },
  { name: 'gid', kind: 'text', placeholder: 'N', help: 'group of the file; part of the key', example: '1000' },
];

/** True for a source of one file, whose digest is that of its bytes; with `unpack` it is that of the archive. */
export function isOneFile(source: Source, { unpack }: Attributes): boolean {
  return unpack !== true && FILE_ATTRIBUTES.every((spec) => source.attributes.includes(spec));
}

/** The form of the file; absent numbers are 0 in keys, as in BuildKit. */
export interface FileShape {
  readonly filename: string | undefined;
  readonly perm: number;
  readonly uid: number;
  readonly gid: number;
}

/** Parses the attributes of `FILE_ATTRIBUTES`. Throws `E_ATTRIBUTE`. */
export function readShape(attributes: Attributes): FileShape {
  const { filename } = attributes;
  return {
    filename: typeof filename === 'string' && filename !== '' ? filename : undefined,
    perm: goInteger('perm', attributes.perm),
    uid: goInteger('uid', attributes.uid),
    gid: goInteger('gid', attributes.gid),
  };
}

/** The members of `attributes` that `readShape` reads. */
export function shapeAttributes(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(([name]) => FILE_ATTRIBUTES.some((spec) => spec.name === name)),
  );
}

const GO_DIGITS: readonly (readonly [RegExp, number])[] = [
  [/^0[xX](_?[0-9a-fA-F])+$/, 16],
  [/^0[bB](_?[01])+$/, 2],
  [/^0[oO](_?[0-7])+$/, 8],
  [/^0(_?[0-7])*$/, 8],
  [/^[1-9](_?[0-9])*$/, 10],
];

/** An integer as Go's `strconv.ParseInt` reads it with base 0: `0644`, `0o644`, `0x1a4`, `0b11`, `1_000`, with a sign. */
function goInteger(name: string, value: unknown): number {
  if (value === undefined || value === '') return 0;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  const [, sign, digits = ''] = /^([+-]?)(.*)$/s.exec(String(value)) ?? [];
  const base = GO_DIGITS.find(([form]) => form.test(digits))?.[1];
  const number = base === undefined ? Number.NaN : Number.parseInt(digits.replace(/_|^0[xXbBoO]/g, '') || '0', base);
  if (!Number.isSafeInteger(number)) {
    throw new CtxsrcError('E_ATTRIBUTE', `--${name} is no number: ${JSON.stringify(value)}`, {
      hint:
        name === 'perm' ? 'a mode is octal with a leading 0, for instance 0644' : 'give a number, for instance 1000',
    });
  }
  return sign === '-' ? 0 - number : number;
}

const DEFAULT_NAME = 'download';

/**
 * A safe file name: trimmed, without directories; `download` if nothing usable is left (empty, `.`, `..`, control
 * characters).
 */
export function safeFileName(name: ByteString): ByteString {
  const base = baseName(trimmed(name));
  if (['.', '..', '/'].includes(base)) return DEFAULT_NAME;
  return /[\u0000-\u001f\u007f-\u009f]/.test(textOfBytes(base)) ? DEFAULT_NAME : base;
}

function trimmed(name: ByteString): ByteString {
  // Not UTF-8: only ASCII white space is trimmed.
  if (!isUtf8(name)) return name.replace(/^[\t-\r ]+|[\t-\r ]+$/g, '');
  return bytesOfText(trimGoSpace(textOfBytes(name)));
}

export interface FileToWrite {
  readonly body: StoredBody;
  readonly name: ByteString;
  readonly shape: FileShape;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/**
 * Writes the file into `dir`, an empty directory. Errors: `E_LIMIT`, `E_STORE_CORRUPT`, those of local I/O, the abort
 * reason.
 */
export async function writeSingleFile(
  signal: AbortSignal,
  dir: string,
  file: FileToWrite,
  options: WriteOptions,
): Promise<WriteReport> {
  const { size } = await stat(file.body.path).catch((error: unknown) =>
    Promise.reject(ioError(error, `cannot read ${file.body.path}`)),
  );
  if (size > options.limits.maxBytes || options.limits.maxFiles < 1) {
    const message = `the file has ${size} bytes, and no more than ${options.limits.maxBytes} may be written`;
    throw new CtxsrcError('E_LIMIT', message, {
      hint: 'allow more with --max-bytes',
    });
  }
  const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(file.name, 'latin1')]);
  const { uid, gid, perm } = file.shape;
  const mode = perm === 0 ? 0o600 : perm & 0o7777;
  const meta: Metadata = { uid, gid, mode, mtime: file.mtime, mtimeNs: 0, xattrs: undefined };
  // Reports need sha256, and the digest of the body may use another algorithm.
  const hash = digestAlgorithm(file.body.digest) === 'sha256' ? undefined : createHash('sha256');
  const losses = new LossList();
  // An owner that was asked for is wanted, and its loss is named, also where all else becomes the user's own.
  const owner = options.owner === 'auto' && (uid !== 0 || gid !== 0) ? 'preserve' : options.owner;
  const writer = new MetadataWriter({ ...options, owner }, losses);
  try {
    const out = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of file.body.read(signal)) {
        hash?.update(chunk);
        await out.writeFile(chunk);
      }
      await file.body.check(signal);
      writer.finish(out.fd, file.name, 'file', meta, presentOf(await out.stat()));
    } finally {
      await out.close();
    }
    const root = presentOf(await stat(dir));
    writer.finish(dir, '', 'dir', { ...meta, ...root, mode: 0o755 }, root);
  } catch (error) {
    signal.throwIfAborted();
    // A damaged blob may be fetched, and written once more.
    await rm(path, { force: true });
    throw localError(error, `cannot write the file into ${dir}`);
  }
  return {
    files: 1,
    bytes: size,
    losses: losses.losses,
    lossCounts: losses.counts,
    entries: [
      {
        ...meta,
        path: file.name,
        type: 'file',
        size,
        digest: hash === undefined ? file.body.digest : `sha256:${hash.digest('hex')}`,
      },
    ],
    via: 'unpack',
  };
}
