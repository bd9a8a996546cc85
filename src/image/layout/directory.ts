/**
 * An OCI image layout on disk (image-spec, image-layout.md), read and never written to. All its content is treated as
 * hostile: a file must be regular, inside the layout and of limited size before any of it is used. Documents are read
 * synchronously: they are small, and loading the promises of `node:fs` alone would cost a key 5 ms.
 */

import { closeSync, createReadStream, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Digest, digestAlgorithm, digestHex } from '../../core/digest.ts';
import { CtxsrcError, ioError, isCtxsrcError } from '../../core/errors.ts';
import * as go from '../../core/go/json-decode.ts';
import { shortened } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { type OpenFile, openRegular, readOpened, type SmallFileOptions } from '../../fs/small-file.ts';
import { decodeIndex } from '../../oci/decode.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';

/** Limit of `index.json` in bytes: enough for some ten thousand images. */
export const MAX_INDEX_BYTES = 16 * 1024 * 1024;
export const MAX_LAYOUT_FILE_BYTES = 64 * 1024;
const LAYOUT_HINT = 'an OCI layout has the files oci-layout and index.json and a directory blobs';

const layoutFile = go.struct({ imageLayoutVersion: go.text });

/** The content of an OCI layout, in a directory or an archive. Blobs are not verified. */
export interface Layout {
  /**
   * The entries of `index.json`, which are not checked.
   * @throws E_LAYOUT_INVALID, E_LIMIT
   */
  entries(): Promise<readonly Descriptor[]>;
  /** A whole blob. @throws E_BLOB_NOT_FOUND, E_LIMIT over `maxBytes` */
  readBlob(digest: Digest, maxBytes: number): Promise<Buffer>;
  /**
   * The size of a blob in bytes.
   * @throws E_BLOB_NOT_FOUND
   */
  blobSize(digest: Digest): Promise<number>;
  /** The bytes of a blob from `start` on. @throws E_BLOB_NOT_FOUND */
  streamBlob(digest: Digest, start: number): AsyncIterable<Uint8Array>;
  /**
   * The file of a blob, if there is one.
   * @throws E_BLOB_NOT_FOUND
   */
  blobFile?(digest: Digest): Promise<string>;
}

/**
 * Checks the marker file of a layout.
 * @param invalid makes the error from a problem
 */
export function checkMarker(marker: Uint8Array, invalid: (problem: string) => CtxsrcError): void {
  const { imageLayoutVersion } = go.decodeGoJson(marker, layoutFile, (problem) => invalid(`oci-layout: ${problem}`));
  if (!/^1\.[0-9]+\.[0-9]+$/.test(imageLayoutVersion)) {
    throw invalid(`oci-layout: unknown imageLayoutVersion ${JSON.stringify(shortened(imageLayoutVersion))}`);
  }
}

/** The entries of an `index.json`. */
export function indexEntries(bytes: Uint8Array, invalid: (problem: string) => CtxsrcError): readonly Descriptor[] {
  try {
    return decodeIndex(bytes, MEDIA_TYPE.ociIndex, 'index.json').value.manifests;
  } catch (error) {
    if (isCtxsrcError(error, 'E_MANIFEST_INVALID')) throw invalid(error.message);
    throw error;
  }
}

/**
 * Opens a layout and checks its marker.
 * @param path as the user wrote it
 * @throws E_PATH_NOT_FOUND, E_LAYOUT_INVALID
 */
export function openLayoutDirectory(path: string): Layout {
  const root = rootOf(path);
  const word = shellWord(path);
  const invalid = (problem: string): CtxsrcError =>
    new CtxsrcError('E_LAYOUT_INVALID', `${path} is no valid OCI layout: ${problem}`, { hint: LAYOUT_HINT });

  const reading = (name: string, maxBytes?: number): SmallFileOptions => ({
    what: `${name} of the OCI layout ${path}`,
    within: bytesOfText(root),
    maxBytes,
    hint: 'copy the layout with its links resolved (cp -rL)',
  });

  /** Undefined if the name does not exist. */
  function openFile(name: string): OpenFile | undefined {
    try {
      return openRegular(join(root, name), reading(name));
    } catch (error) {
      if (isCtxsrcError(error, 'E_PATH_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** @param hint for a file over the limit */
  function required(name: string, maxBytes: number, hint?: string): Buffer {
    const file = openFile(name);
    if (file === undefined) throw invalid(`it has no file ${name}`);
    return readOpened(file, { ...reading(name, maxBytes), hint });
  }

  /**
   * A blob, open for reading. The caller closes it and verifies its bytes.
   * @throws E_BLOB_NOT_FOUND, E_UNSAFE for a link out of the layout or something that is not a file
   */
  function openBlob(digest: Digest): OpenFile {
    const file = openFile(join('blobs', digestAlgorithm(digest), digestHex(digest)));
    if (file !== undefined) return file;
    throw new CtxsrcError('E_BLOB_NOT_FOUND', `blob ${digest} is missing in the OCI layout ${path}`, {
      hint: 'copy the image into the layout again, all platforms that are needed included',
    });
  }

  function lookAtBlob(digest: Digest): OpenFile {
    const file = openBlob(digest);
    closeSync(file.fd);
    return file;
  }

  checkMarker(required('oci-layout', MAX_LAYOUT_FILE_BYTES), invalid);
  return {
    async entries() {
      const hint = `name the image by its digest: oci-layout://${word}@sha256:…`;
      return indexEntries(required('index.json', MAX_INDEX_BYTES, hint), invalid);
    },
    async readBlob(digest, maxBytes) {
      const hint = `a manifest has less: for the blob as a file type oci-layout+blob://${word}@${digest}`;
      return readOpened(openBlob(digest), { ...reading(digest, maxBytes), hint });
    },
    async *streamBlob(digest, start) {
      const { path: file, fd } = openBlob(digest);
      yield* createReadStream(file, { fd, start, highWaterMark: 1024 * 1024 });
    },
    blobSize: async (digest) => lookAtBlob(digest).size,
    blobFile: async (digest) => lookAtBlob(digest).path,
  };
}

/** The directory of a layout, without links. */
function rootOf(path: string): string {
  try {
    const root = realpathSync.native(resolve(path));
    if (statSync(root).isDirectory()) return root;
    const word = shellWord(path);
    throw new CtxsrcError('E_LAYOUT_INVALID', `${path} is no OCI layout: it is not a directory`, {
      hint: `an OCI layout in a tar file is oci-archive://${word}, an image as docker save writes it docker-archive://${word}`,
    });
  } catch (error) {
    throw ioError(error, `cannot open the OCI layout ${path}`);
  }
}
