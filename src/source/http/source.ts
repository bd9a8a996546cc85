/** A file behind an http or https URL, or the archive in it unpacked. */
import type {
  AttributeSpec,
  JobContext,
  Source,
  SourceEnv,
  SourceInstance,
  WriteOptions,
  WriteReport,
} from '../../contract/index.ts';
import { NO_CACHE_OPTS } from '../../contract/index.ts';
import { type Digest, sha256 } from '../../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { Once } from '../../core/once.ts';
import { warnOrRefuse } from '../../core/progress.ts';
import { DEFAULT_MAX_BYTES } from '../../core/read-limits.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { withGoodBlob } from '../../core/with-good-blob.ts';
import { textOfBytes } from '../../fs/byte-string.ts';
import { createHttpClient } from '../../http/client.ts';
import { ownIdentifier } from '../own-identifier.ts';
import { FILE_ATTRIBUTES, readShape, writeSingleFile } from '../single-file.ts';
import { pullGoodBlob, StoredBody } from '../stored-body.ts';
import { type Body, fetchBody, fetchKnown } from './fetch.ts';
import { crossesOrigins, parseHeaders } from './headers.ts';
import { type HttpIdentifier, identify, parseUrl, urlPath } from './identifier.ts';
import { type AnswerFacts, httpFilename, httpKey, NO_FACTS, type RequestHeader } from './key.ts';
import { parseHttpTime } from './last-modified.ts';
import type { FileRequest } from './request.ts';
import { authorization } from './secrets.ts';

const ATTRIBUTES: readonly AttributeSpec[] = [
  {
    name: 'checksum',
    kind: 'text',
    placeholder: 'DIGEST',
    help: 'digest the file has to have; with it the key needs no network',
    example: 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  },
  ...FILE_ATTRIBUTES,
  {
    name: 'header',
    kind: 'list',
    placeholder: "'NAME: VALUE'",
    secret: true,
    help: 'header of the request, for its own host alone; Accept and User-Agent are part of the key, and of redirects',
    example: 'Accept: application/json',
  },
  {
    name: 'auth-token-file',
    kind: 'text',
    placeholder: 'FILE',
    locked: 'never',
    help: 'file with a bearer token for the host of the URL',
    example: '/run/secrets/token',
  },
  {
    name: 'unpack',
    kind: 'flag',
    keyed: false,
    help: 'write what is in the archive: tar, tar.gz, tar.zst, tar.xz, tar.bz2 or zip',
  },
  {
    name: 'strip-components',
    kind: 'number',
    keyed: false,
    placeholder: 'N',
    help: 'with --unpack: leave out so many leading directories',
    example: '1',
  },
];

interface Resolved extends Partial<Pick<Body, 'shown'>> {
  readonly digest: Digest;
  readonly size: number | undefined;
  readonly facts: AnswerFacts;
}

function httpInstance(
  id: HttpIdentifier,
  { store, network, limits, offline, sharedCache: cache }: SourceEnv,
): SourceInstance {
  const { checksum, header, unpack, 'strip-components': strip, 'auth-token-file': tokenFile } = id.attributes;
  const known = checksum as Digest | undefined;
  const shape = readShape(id.attributes);
  const headers = parseHeaders((header as readonly string[] | undefined) ?? []);
  const maxBytes = limits?.maxBytes ?? DEFAULT_MAX_BYTES;
  const resolved = new Once<Resolved>();

  const filename = (facts: AnswerFacts) => httpFilename(urlPath(id.url), shape.filename, facts);
  const keyOf = ({ digest, facts }: Resolved) => httpKey(filename(facts), shape, digest, facts, headers);

  function resolve(job: JobContext): Promise<Resolved> {
    return resolved.runFor(job.signal, async () => {
      if (known !== undefined) return { digest: known, size: undefined, facts: NO_FACTS };
      const { doubt } = id;
      if (doubt !== undefined) warnOrRefuse(job, 'E_DOUBTFUL', doubt.text, doubt.hint);
      if (offline) {
        throw new CtxsrcError('E_OFFLINE', `what ${shownUrl(id)} is now cannot be asked with --offline`, {
          hint: 'with --checksum DIGEST a file that is in the store can be used offline',
        });
      }
      return withTarget(job, async (target) => {
        const body = await fetchBody(job, store, target);
        await offer(job, target, body.digest);
        return body;
      });
    });
  }

  /** Brings the body into the store, also if it was collected since; false if it was there. */
  async function bring(job: JobContext, digest: Digest): Promise<boolean> {
    if ((await store.blobs.size(digest)) !== undefined) return false;
    if (offline) {
      throw new CtxsrcError('E_OFFLINE', `the content ${digest} of ${shownUrl(id)} is not in the store`, {
        hint: 'run it once without --offline',
      });
    }
    if (cache?.reads === true) {
      const { takeBody } = await import('./shared-body.ts');
      if (await takeBody(job, { cache, store, maxBytes }, { digest, what: shownUrl(id) })) return true;
    }
    try {
      await withTarget(job, async (target) => {
        if ((await fetchKnown(job, store, target, digest)) === 'stored') await offer(job, target, digest);
      });
      return true;
    } catch (error) {
      if (known !== undefined || !isCtxsrcError(error, 'E_CHECKSUM_MISMATCH')) throw error;
      throw new CtxsrcError('E_DRIFT', `${shownUrl(id)} has changed since its key was made`, {
        hint: 'run it again',
        cause: error,
      });
    }
  }

  /** Puts a body that came from its origin into the shared cache. */
  async function offer(job: JobContext, target: FileRequest, digest: Digest): Promise<void> {
    if (cache === undefined) return;
    const { offerBody } = await import('./shared-body.ts');
    // The query of a URL may be a signature.
    const secret =
      target.authorization !== undefined ||
      Object.keys(target.ownHeaders).length > 0 ||
      target.url.search !== '' ||
      network.clientCert !== undefined;
    await offerBody(job, { cache, store, secret }, { digest, what: shownUrl(id) });
  }

  async function withTarget<T>(job: JobContext, work: (target: FileRequest) => Promise<T>): Promise<T> {
    const url = parseUrl(id.url);
    url.hash = '';
    const secret = await authorization(url, tokenFile as string | undefined, job.session, network);
    const client = createHttpClient({ network });
    const those = (wanted: (one: RequestHeader) => boolean) =>
      Object.fromEntries(headers.filter(wanted).map(({ name, value }) => [name.toLowerCase(), value]));
    try {
      return await work({
        client,
        url,
        headers: those(crossesOrigins),
        ownHeaders: those((one) => !crossesOrigins(one)),
        authorization: secret,
        subject: { host: url.host, what: `${url.origin}${url.pathname}`, kind: 'file' },
        maxBytes,
      });
    } finally {
      await client.close();
    }
  }

  async function produce(
    job: JobContext,
    { digest, facts }: Resolved,
    dir: string,
    options: WriteOptions,
  ): Promise<WriteReport> {
    await bring(job, digest);
    const body = new StoredBody(store, digest);
    if (unpack === true) {
      const { unpackArchive } = await import('./unpack.ts');
      // A zip is not read as a whole, and errors about an archive are only meaningful for the right bytes: so they are
      // verified first.
      await body.check(job.signal);
      return unpackArchive(job, { from: body.path, label: shownUrl(id), strip: Number(strip ?? 0) }, dir, options);
    }
    const { lastModified } = facts;
    const mtime = (lastModified === undefined ? undefined : parseHttpTime(lastModified)?.seconds) ?? 0;
    return writeSingleFile(job.signal, dir, { body, name: filename(facts), shape, mtime }, options);
  }

  return {
    // An archive says of each entry whose it is.
    owner: unpack === true ? undefined : { uid: shape.uid, gid: shape.gid },

    async cacheKey(job) {
      const found = await resolve(job);
      return { ...keyOf(found), pin: found.digest, done: true, opts: NO_CACHE_OPTS };
    },

    async digests(job) {
      const { digest, size } = await resolve(job);
      return { digest, size };
    },

    async describe(job, { detailed = false } = {}) {
      const { digest, size, facts, shown } = await resolve(job);
      const { lastModified } = facts;
      return {
        identifier: shownReference(id.url),
        digest,
        ...(size === undefined ? {} : { size }),
        filename: textOfBytes(filename(facts)),
        ...(lastModified === undefined ? {} : { lastModified }),
        ...(detailed && {
          size: size ?? (await store.blobs.size(digest)) ?? null,
          mediaType: shown?.contentType ?? null,
          etag: shown?.etag ?? null,
          lastModified: lastModified ?? null,
          location: shown?.location ?? null,
        }),
      };
    },

    async pull(job) {
      const { digest } = await resolve(job);
      await pullGoodBlob(store, digest, job.signal, () => bring(job, digest));
    },

    async snapshot(job) {
      const found = await resolve(job);
      return store.ref({
        id: sha256(`http\n${keyOf(found).key}\n${unpack === true ? `unpack ${String(strip ?? 0)}` : ''}`),
        produce: (task, dir, options) => withGoodBlob(() => produce(task, found, dir, options)),
      });
    },
  };
}

/** The URL without its query, which may hold a signature. */
function shownUrl(id: HttpIdentifier): string {
  return id.url.replace(/[?#].*$/s, '');
}

export const source: Source = {
  schemes: ['http', 'https'],
  grammar: [
    {
      scheme: 'https',
      form: 'https://HOST/FILE',
      example: 'https://example.com/release.tar.gz',
      summary: 'a file, or with --unpack what is in the archive',
    },
    {
      scheme: 'http',
      form: 'http://HOST/FILE',
      example: 'http://127.0.0.1:8000/release.tar.gz',
      summary: 'the same without encryption',
    },
  ],
  attributes: ATTRIBUTES,
  shares: true,
  identify,
  resolve: (id, env) => httpInstance(ownIdentifier<HttpIdentifier>(source, id, 'url'), env),
};
