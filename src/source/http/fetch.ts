/**
 * Downloads the body of an http source into the store. A body of unknown digest is received in a workspace of the
 * store, where a partial body waits for the next run; a body that is unchanged by the server's validators is not
 * downloaded again.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import type { IngestSource, JobContext, Store } from '../../contract/index.ts';
import { type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { drained } from '../../core/drained.ts';
import { CtxsrcError, isCtxsrcError, localError } from '../../core/errors.ts';
import { isObject } from '../../core/is-object.ts';
import { Task, tracked } from '../../core/progress.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { writeAll } from '../../fs/write/write-all.ts';
import type { HttpResponse } from '../../http/client.ts';
import { contentLength, header } from '../../http/headers.ts';
import { download, type Resume } from '../../http/resume.ts';
import type { AnswerFacts } from './key.ts';
import { ask, type FileRequest, tooLarge } from './request.ts';

interface Received {
  readonly digest: Digest;
  readonly size: number;
}

/** A body that is, or was, in the store, and its facts. */
export interface Body extends Received {
  /** Those that the key depends on. */
  readonly facts: AnswerFacts;
  /** Others, which `inspect` shows. */
  readonly shown: {
    readonly etag: string | undefined;
    readonly contentType: string | undefined;
    /** The address that answered, after redirects, without its query, which may be a signature. */
    readonly location: string | undefined;
  };
}

interface Remembered extends Body {
  /** When it was received, in milliseconds since the epoch. */
  readonly at: number;
}

/**
 * The current body. It is not downloaded again if it has not changed, or if another caller received it while this one
 * waited for it.
 */
export async function fetchBody(job: JobContext, store: Store, target: FileRequest): Promise<Body> {
  const asked = Date.now();
  const key = requestKey(target);
  const workspace = await store.workspace(job, 'http', key, shownReference(target.url.href));
  try {
    const known = readRemembered(await store.records.get('http', key));
    const usable = known !== undefined && (await store.blobs.size(known.digest)) === known.size ? known : undefined;
    if (usable !== undefined && usable.at >= asked) return usable;
    // The task starts before the response, which may take long.
    return await Task.run(job, 'download', target.subject.what, async (task) => {
      const response = await ask(job, target, usable === undefined ? {} : conditions(usable));
      if (response.status === 304 && usable !== undefined) {
        response.discard();
        task.end('cached');
        return usable;
      }
      const { headers } = response;
      const facts: AnswerFacts = {
        contentDisposition: header(headers, 'content-disposition'),
        lastModified: header(headers, 'last-modified'),
      };
      const shown = {
        etag: header(headers, 'etag'),
        contentType: header(headers, 'content-type'),
        location: `${response.url.origin}${response.url.pathname}`,
      };
      const received = await receive(job, store, target, response, join(workspace.path, 'body'), task);
      const url = shownReference(target.url.href);
      await store.records.set('http', key, { ...received, ...facts, ...shown, url, at: Date.now() });
      return { ...received, facts, shown };
    });
  } finally {
    await workspace.release();
  }
}

/**
 * Brings a body of known digest into the store.
 * @returns `cached` if another caller did so meanwhile
 * @throws E_CHECKSUM_MISMATCH if the server's body has another digest
 */
export async function fetchKnown(
  job: JobContext,
  store: Store,
  target: FileRequest,
  digest: Digest,
): Promise<'stored' | 'cached'> {
  const { what } = target.subject;
  try {
    return await Task.run(job, 'download', what, async (task) => {
      const result = await store.blobs.ingest(job, { digest }, async (resume) => {
        const origin = await openDownload(job, target, resume);
        return { ...origin, body: tracked(origin, task) };
      });
      if (result === 'cached') task.end('cached');
      return result;
    });
  } catch (error) {
    if (!isCtxsrcError(error, 'E_DIGEST_MISMATCH')) throw error;
    throw new CtxsrcError('E_CHECKSUM_MISMATCH', `${what} is not what was expected: its digest is not ${digest}`, {
      hint: 'the file has changed: review it, then use its new digest',
      cause: error,
      details: { expected: digest },
    });
  }
}

function conditions({ shown: { etag }, facts }: Remembered): Readonly<Record<string, string>> {
  if (etag !== undefined) return { 'if-none-match': etag };
  return facts.lastModified === undefined ? {} : { 'if-modified-since': facts.lastModified };
}

/** `download` of src/http for this URL; `first` is a response that has already arrived. */
function openDownload(
  job: JobContext,
  target: FileRequest,
  resume: Resume,
  first?: HttpResponse,
): Promise<IngestSource> {
  let pending = first;
  const from = {
    subject: target.subject,
    policy: target.client.policy,
    maxBytes: target.maxBytes,
    open: async (rangeHeaders: Readonly<Record<string, string>>) => {
      const given = pending;
      pending = undefined;
      const response = given ?? (await ask(job, target, rangeHeaders));
      // As in BuildKit, the body of every status below 400 is the file, unless it is a range.
      return response.status === 206 || response.status === 416 ? response : { ...response, status: 200 };
    },
  };
  return download(job, from, resume);
}

async function* limited(body: AsyncIterable<Uint8Array>, target: FileRequest): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > target.maxBytes) throw tooLarge(target);
    yield chunk;
  }
}

/** Receives a body of unknown digest, resumes an earlier partial one if possible, and puts it into the store. */
async function receive(
  job: JobContext,
  store: Store,
  target: FileRequest,
  response: HttpResponse,
  part: string,
  task: Task,
): Promise<Received> {
  task.advance(0, { total: contentLength(response.headers) });
  try {
    // Some servers compress the transfer although it was not requested: the uncompressed bytes are the file. Such a
    // body cannot be resumed.
    const isEncoded = header(response.headers, 'content-encoding')?.toLowerCase() === 'gzip';
    const from = isEncoded
      ? { body: decoded(response, target), offset: 0 }
      : await resumed(job, target, response, part);
    const received = await write(part, from, task);
    await store.blobs.ingest(job, received, async ({ offset }) => ({
      body: createReadStream(part, { start: offset }),
      offset,
    }));
    await forget(part);
    return received;
  } catch (error) {
    if (isCtxsrcError(error, 'E_LIMIT')) await forget(part);
    throw localError(error, `cannot receive ${target.subject.what}`);
  }
}

/** Removes everything that could be resumed. */
async function forget(part: string): Promise<void> {
  await removeFile(part);
  await removeFile(`${part}.validator`);
}

/** The body from where an earlier run left it, else from its beginning. */
async function resumed(
  job: JobContext,
  target: FileRequest,
  response: HttpResponse,
  part: string,
): Promise<IngestSource> {
  const etag = header(response.headers, 'etag');
  const left = await partialOf(part);
  let source: IngestSource;
  // Only a body with the same strong ETag may be resumed.
  if (left !== undefined && left.size > 0 && left.validator === etag && !etag.startsWith('W/')) {
    response.discard();
    source = await openDownload(job, target, { offset: left.size, validator: left.validator });
  } else {
    source = await openDownload(job, target, { offset: 0 }, response);
  }
  if (source.validator !== undefined) await writeFile(`${part}.validator`, source.validator);
  else await removeFile(`${part}.validator`);
  return source;
}

/** The body without its gzip encoding. */
async function* decoded(response: HttpResponse, target: FileRequest): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const feeding = (async () => {
    // The compressed bytes are limited as well: empty members of gzip would never reach the other limit.
    for await (const chunk of limited(response.body, target)) {
      // A copy, because the transport reuses the chunk before the stream has consumed it.
      if (!gunzip.write(new Uint8Array(chunk))) await drained(gunzip);
    }
    gunzip.end();
  })().catch((error: Error) => gunzip.destroy(error));
  try {
    yield* limited(gunzip, target);
    await feeding;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_') !== true) throw error;
    const { host, what } = target.subject;
    throw new CtxsrcError('E_CONTENT_INVALID', `${host} sent ${what} in a broken gzip encoding`, {
      cause: error,
      hint: 'the server, or a proxy before it, is at fault: run again, or tell its owner',
    });
  } finally {
    gunzip.destroy();
  }
}

/** Writes a body into the file, from its offset on; what the file has before it is kept. */
async function write(
  part: string,
  { body, offset }: Pick<IngestSource, 'body' | 'offset'>,
  task: Task,
): Promise<Received> {
  const hash = createHash('sha256');
  const file = await open(part, offset > 0 ? 'r+' : 'w', 0o600);
  try {
    if (offset > 0) {
      await file.truncate(offset);
      for await (const chunk of createReadStream(part)) hash.update(chunk as Buffer);
    }
    let size = offset;
    for await (const chunk of body) {
      await writeAll(file, chunk, size);
      hash.update(chunk);
      size += chunk.length;
      task.advance(size);
    }
    return { digest: `sha256:${hash.digest('hex')}`, size };
  } finally {
    await file.close();
  }
}

async function partialOf(part: string): Promise<{ size: number; validator: string } | undefined> {
  try {
    const [{ size }, validator] = await Promise.all([stat(part), readFile(`${part}.validator`, 'utf8')]);
    return { size, validator };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key of a URL's record: other headers or users may get another body from the same URL. */
function requestKey({ url, headers, ownHeaders, authorization }: FileRequest): string {
  const sorted = Object.entries({ ...headers, ...ownHeaders }).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = authorization === undefined ? [] : ['authorization'];
  return sha256(JSON.stringify([url.href, sorted, names])).slice('sha256:'.length);
}

/** A record, checked, because any program may have written it. */
function readRemembered(value: unknown): Remembered | undefined {
  if (!isObject(value)) return undefined;
  const { digest, size, etag, at, contentDisposition, lastModified, contentType, location } = value;
  if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number' || typeof at !== 'number') {
    return undefined;
  }
  if (!isOptionalText(etag) || !isOptionalText(contentDisposition) || !isOptionalText(lastModified)) return undefined;
  if (!isOptionalText(contentType) || !isOptionalText(location)) return undefined;
  return { digest, size, at, facts: { contentDisposition, lastModified }, shown: { etag, contentType, location } };
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
