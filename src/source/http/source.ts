/** A file behind an http or https URL, or the archive in it unpacked. */
import type {
  AttributeSpec,
  CacheKeyResult,
  Description,
  Digests,
  Identifier,
  ImmutableRef,
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
import { createHttpClient } from '../../http/client.ts';
import { FILE_ATTRIBUTES, type FileShape, readShape, writeSingleFile } from '../single-file.ts';
import { StoredBody } from '../stored-body.ts';
import { fetchBody, fetchKnown } from './fetch.ts';
import { crossesOrigins, parseHeaders } from './headers.ts';
import { HttpIdentifier, identify, parseUrl, urlPath } from './identifier.ts';
import { type AnswerFacts, httpFilename, httpKey, NO_ANSWER, type RequestHeader } from './key.ts';
import { parseHttpTime } from './last-modified.ts';
import type { Target } from './request.ts';
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

interface Resolved {
  readonly digest: Digest;
  readonly size: number | undefined;
  readonly facts: AnswerFacts;
}

class HttpInstance implements SourceInstance {
  readonly #id: HttpIdentifier;
  readonly #env: SourceEnv;
  readonly #shape: FileShape;
  readonly #headers: readonly RequestHeader[];
  readonly #checksum: Digest | undefined;
  readonly #resolved = new Once<Resolved>();

  constructor(id: HttpIdentifier, env: SourceEnv) {
    this.#id = id;
    this.#env = env;
    this.#shape = readShape(id.attributes);
    this.#headers = parseHeaders((id.attributes.header as readonly string[] | undefined) ?? []);
    this.#checksum = id.attributes.checksum as Digest | undefined;
  }

  async cacheKey(job: JobContext, _index: number): Promise<CacheKeyResult> {
    const { digest, facts } = await this.#resolve(job);
    const { key, preimage } = httpKey(this.#filename(facts), this.#shape, digest, facts, this.#headers);
    return { key, pin: digest, done: true, opts: NO_CACHE_OPTS, preimage };
  }

  async digests(job: JobContext): Promise<Digests> {
    const { digest, size } = await this.#resolve(job);
    return { digest, size };
  }

  async describe(job: JobContext): Promise<Description> {
    const { digest, size, facts } = await this.#resolve(job);
    return {
      identifier: shownReference(String(this.#id)),
      digest,
      ...(size === undefined ? {} : { size }),
      filename: Buffer.from(this.#filename(facts), 'latin1').toString(),
      ...(facts.lastModified === undefined ? {} : { lastModified: facts.lastModified }),
    };
  }

  async pull(job: JobContext): Promise<void> {
    await this.#present(job, (await this.#resolve(job)).digest);
  }

  async snapshot(job: JobContext): Promise<ImmutableRef> {
    const resolved = await this.#resolve(job);
    const { key } = httpKey(
      this.#filename(resolved.facts),
      this.#shape,
      resolved.digest,
      resolved.facts,
      this.#headers,
    );
    const { unpack, 'strip-components': strip } = this.#id.attributes;
    const id = sha256(`http\n${key}\n${unpack === true ? `unpack ${String(strip ?? 0)}` : ''}`);
    return this.#env.store.ref({ id, produce: (task, dir, options) => this.#produce(task, resolved, dir, options) });
  }

  async #produce(job: JobContext, resolved: Resolved, dir: string, options: WriteOptions): Promise<WriteReport> {
    await this.#present(job, resolved.digest);
    const body = new StoredBody(this.#env.store, resolved.digest);
    if (this.#id.attributes.unpack === true) {
      const { unpackArchive } = await import('./unpack.ts');
      // A zip is not read as a whole, and errors about an archive are only meaningful for the right bytes: so they are
      // verified first.
      await body.check(job.signal);
      const strip = Number(this.#id.attributes['strip-components'] ?? 0);
      return unpackArchive(job, { from: body.path, label: shownUrl(this.#id), strip }, dir, options);
    }
    const { lastModified } = resolved.facts;
    const mtime = (lastModified === undefined ? undefined : parseHttpTime(lastModified)?.seconds) ?? 0;
    return writeSingleFile(
      job.signal,
      dir,
      { body, name: this.#filename(resolved.facts), shape: this.#shape, mtime },
      options,
    );
  }

  #filename(facts: AnswerFacts): string {
    return httpFilename(urlPath(String(this.#id)), this.#shape.filename, facts);
  }

  #resolve(job: JobContext): Promise<Resolved> {
    return this.#resolved.runFor(job.signal, async () => {
      if (this.#checksum !== undefined) return { digest: this.#checksum, size: undefined, facts: NO_ANSWER };
      const { doubt } = this.#id;
      if (doubt !== undefined) warnOrRefuse(job, 'E_DOUBTFUL', doubt.text, doubt.hint);
      if (this.#env.offline) {
        throw new CtxsrcError('E_OFFLINE', `what ${shownUrl(this.#id)} is now cannot be asked with --offline`, {
          hint: 'with --checksum DIGEST a file that is in the store can be used offline',
        });
      }
      return this.#withTarget(job, (target) => fetchBody(job, this.#env.store, target));
    });
  }

  /** Brings the body into the store, also if it was collected since. */
  async #present(job: JobContext, digest: Digest): Promise<void> {
    if ((await this.#env.store.blobs.size(digest)) !== undefined) return;
    if (this.#env.offline) {
      throw new CtxsrcError('E_OFFLINE', `the content ${digest} of ${shownUrl(this.#id)} is not in the store`, {
        hint: 'run it once without --offline',
      });
    }
    try {
      await this.#withTarget(job, (target) => fetchKnown(job, this.#env.store, target, digest));
    } catch (error) {
      if (this.#checksum !== undefined || !isCtxsrcError(error, 'E_CHECKSUM_MISMATCH')) throw error;
      throw new CtxsrcError('E_DRIFT', `${shownUrl(this.#id)} has changed since its key was made`, {
        hint: 'run it again',
        cause: error,
      });
    }
  }

  async #withTarget<T>(job: JobContext, work: (target: Target) => Promise<T>): Promise<T> {
    const url = parseUrl(String(this.#id));
    url.hash = '';
    const tokenFile = this.#id.attributes['auth-token-file'] as string | undefined;
    const secret = await authorization(url, tokenFile, job.session, this.#env.network);
    const client = createHttpClient({ network: this.#env.network });
    const [headers, ownHeaders] = [crossesOrigins, (one: RequestHeader) => !crossesOrigins(one)].map((wanted) =>
      Object.fromEntries(this.#headers.filter(wanted).map(({ name, value }) => [name.toLowerCase(), value])),
    );
    try {
      return await work({
        client,
        url,
        headers: headers!,
        ownHeaders: ownHeaders!,
        authorization: secret,
        subject: { host: url.host, what: `${url.origin}${url.pathname}`, kind: 'file' },
        maxBytes: this.#env.limits?.maxBytes ?? DEFAULT_MAX_BYTES,
      });
    } finally {
      await client.close();
    }
  }
}

/** The URL without its query, which may hold a signature. */
function shownUrl(id: HttpIdentifier): string {
  return String(id).replace(/[?#].*$/s, '');
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
  identify,
  resolve(id: Identifier, env: SourceEnv): SourceInstance {
    if (!(id instanceof HttpIdentifier)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of http`);
    return new HttpInstance(id, env);
  },
};
