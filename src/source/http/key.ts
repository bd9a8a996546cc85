/** BuildKit's key of an http source (`docs/buildkit.md#http-and-https`), and where the file's name comes from. Pure. */
import { sha256 } from '../../core/digest.ts';
import { encodeGoJson } from '../../core/go/json-encode.ts';
import { baseName } from '../../core/go/path.ts';
import { type ByteString, bytesOfText } from '../../fs/byte-string.ts';
import { type FileShape, safeFileName } from '../single-file.ts';
import { dispositionFilename } from './content-disposition.ts';
import { parseHttpTime } from './last-modified.ts';

/** The facts of a response that go into the key. Header values are byte strings. */
export interface AnswerFacts {
  readonly contentDisposition: string | undefined;
  readonly lastModified: string | undefined;
}

/** No request was made: the digest was given. */
export const NO_FACTS: AnswerFacts = { contentDisposition: undefined, lastModified: undefined };

/** A header of the request, with its canonical name. */
export interface RequestHeader {
  readonly name: string;
  readonly value: string;
}

export interface HttpKey {
  readonly key: string;
  readonly preimage: string;
}

/** The key of a body with this digest. Of the headers, only Accept and User-Agent are part of it. */
export function httpKey(
  filename: ByteString,
  shape: FileShape,
  digest: string,
  facts: AnswerFacts,
  headers: readonly RequestHeader[],
): HttpKey {
  const keyed = headers
    .filter(({ name }) => name === 'Accept' || name === 'User-Agent')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const preimage = encodeGoJson({
    Filename: Buffer.from(filename, 'latin1'),
    Perm: shape.perm,
    UID: shape.uid,
    GID: shape.gid,
    Checksum: digest,
    LastModTime: facts.lastModified === undefined ? undefined : parseHttpTime(facts.lastModified)?.text,
    Header: keyed.length === 0 ? undefined : keyed.map(({ name, value }) => ({ Name: name, Value: value })),
  });
  return { key: sha256(preimage), preimage };
}

/**
 * Name of the file: from the attribute, else from Content-Disposition, else the last element of the URL's path.
 * @param path of the URL, unescaped
 */
export function httpFilename(path: ByteString, attribute: string | undefined, facts: AnswerFacts): ByteString {
  if (attribute !== undefined) return safeFileName(bytesOfText(attribute));
  const said = facts.contentDisposition === undefined ? undefined : dispositionFilename(facts.contentDisposition);
  if (said !== undefined && said !== '' && !said.endsWith('/')) return safeFileName(baseName(said));
  return safeFileName(baseName(path));
}

/** A header's name as Go's net/textproto spells it: `user-agent` is `User-Agent`. */
export function canonicalHeaderName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (text) => text.toUpperCase());
}
