/**
 * The writing half of a registry in this process, with the rules of one or another real one. A rule sees each request
 * before it is served and may answer it, or let it be served and then spoil the answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { digestOf } from './layout-builder.ts';

interface PushRequest {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Which request of this method and kind (`blobs/uploads`, `manifests`, …) it is, from 1. */
  readonly number: number;
  readonly raw: IncomingMessage;
}

/** True when it has answered; a function is called instead of the answer once the request was served. */
export type Rule = (request: PushRequest, response: ServerResponse) => boolean | (() => void) | undefined;

export interface LoggedPush {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  status: number;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Buffer | undefined;
}

export class PushRegistry {
  readonly log: LoggedPush[] = [];
  /** By repository. */
  readonly blobs = new Map<string, Map<string, Buffer>>();
  readonly manifests = new Map<string, Map<string, Buffer>>();
  readonly uploads = new Map<string, Buffer>();
  /** Scopes that tokens were asked for. */
  readonly scopes: string[] = [];
  rule: Rule | undefined;
  /** Seconds that a token lives; undefined: none is needed. */
  tokenLife: number | undefined;
  /** Keeps the list of the referrers of each image, and says so. */
  listsReferrers = false;
  #sessions = 0;
  readonly #tokens = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  static async start(): Promise<PushRegistry> {
    const registry = new PushRegistry();
    registry.#server.on('connection', (socket) => {
      registry.#sockets.add(socket);
      socket.on('close', () => registry.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  forgetTokens(): void {
    this.#tokens.clear();
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(method: string, url: RegExp): number {
    return this.log.filter((entry) => entry.method === method && url.test(entry.url)).length;
  }

  blobsOf(repository: string): Map<string, Buffer> {
    const found = this.blobs.get(repository) ?? new Map<string, Buffer>();
    this.blobs.set(repository, found);
    return found;
  }

  manifestsOf(repository: string): Map<string, Buffer> {
    const found = this.manifests.get(repository) ?? new Map<string, Buffer>();
    this.manifests.set(repository, found);
    return found;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #handle(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = raw;
    const entry: LoggedPush = { method, url, headers, status: 0 };
    this.log.push(entry);
    response.on('close', () => {
      entry.status = response.statusCode;
    });
    const kind = `${method} ${/\/(blobs\/uploads|blobs|manifests)\//.exec(url)?.[1] ?? url}`;
    const number = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, number);
    const ruled = this.rule?.({ method, url, headers, number, raw }, response);
    if (ruled === true) return;
    const denied = this.#denied(url, headers.authorization);
    const answer = denied ?? this.#serve(method, new URL(url, `http://${this.host}`), headers, await bodyOf(raw));
    if (denied !== undefined) raw.resume();
    if (typeof ruled === 'function') return ruled();
    send(response, answer, method);
  }

  #denied(url: string, authorization: string | undefined): Answer | undefined {
    if (this.tokenLife === undefined || url.startsWith('/token')) return undefined;
    const expires = this.#tokens.get(authorization ?? '');
    if (expires !== undefined && expires > Date.now()) return undefined;
    const challenge = `Bearer realm="http://${this.host}/token",service="test",scope="placeholder"`;
    return problem(401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': challenge });
  }

  #serve(method: string, url: URL, headers: IncomingMessage['headers'], body: Buffer): Answer {
    if (url.pathname === '/token') return this.#token(url);
    const [, repository = '', rest = ''] =
      /^\/v2\/(.+?)\/((?:blobs|manifests|referrers)\/.*)$/.exec(url.pathname) ?? [];
    if (rest === 'blobs/uploads/') return this.#begin(repository, url);
    if (rest.startsWith('blobs/uploads/')) return this.#upload(method, repository, url, headers, body);
    const reference = rest.slice(rest.indexOf('/') + 1);
    if (rest.startsWith('blobs/')) {
      const blob = this.blobsOf(repository).get(reference);
      return blob === undefined ? problem(404, 'BLOB_UNKNOWN') : { status: 200, body: blob };
    }
    if (rest.startsWith('referrers/')) return this.#referrers(repository, reference);
    if (method === 'PUT') return this.#manifest(repository, reference, body);
    const manifest = this.manifestsOf(repository).get(reference);
    if (manifest === undefined) return problem(404, 'MANIFEST_UNKNOWN');
    return { status: 200, body: manifest, headers: { 'docker-content-digest': digestOf(manifest) } };
  }

  #token(url: URL): Answer {
    this.scopes.push(...url.searchParams.getAll('scope'));
    const token = `token-${this.scopes.length}`;
    const life = this.tokenLife ?? 300;
    this.#tokens.set(`Bearer ${token}`, Date.now() + life * 1000);
    return { status: 200, body: JSON.stringify({ token, expires_in: life }) };
  }

  #begin(repository: string, url: URL): Answer {
    const mounted = this.blobs.get(url.searchParams.get('from') ?? '')?.get(url.searchParams.get('mount') ?? '');
    if (mounted !== undefined) {
      this.blobsOf(repository).set(digestOf(mounted), mounted);
      return { status: 201 };
    }
    this.#sessions += 1;
    const id = `id-${this.#sessions}`;
    this.uploads.set(id, Buffer.alloc(0));
    return { status: 202, headers: { location: `/v2/${repository}/blobs/uploads/${id}?state=a%2Fb` } };
  }

  #upload(method: string, repository: string, url: URL, headers: IncomingMessage['headers'], body: Buffer): Answer {
    const id = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
    const before = this.uploads.get(id);
    if (before === undefined || url.searchParams.get('state') !== 'a/b') return problem(404, 'BLOB_UPLOAD_UNKNOWN');
    const location = `${url.pathname}?state=a%2Fb`;
    const range = (bytes: Buffer): Record<string, string> => ({
      location,
      range: `0-${Math.max(0, bytes.length - 1)}`,
    });
    if (method === 'GET') return { status: 204, headers: range(before) };
    const first = /^(\d+)-(\d+)$/.exec(headers['content-range'] ?? '');
    if (
      first !== null &&
      (Number(first[1]) !== before.length || Number(first[2]) !== before.length + body.length - 1)
    ) {
      return { ...problem(416, 'RANGE_INVALID'), headers: range(before) };
    }
    const bytes = Buffer.concat([before, body]);
    this.uploads.set(id, bytes);
    if (method === 'PATCH') return { status: 202, headers: range(bytes) };
    this.uploads.delete(id);
    const digest = url.searchParams.get('digest') ?? '';
    if (digestOf(bytes) !== digest) return problem(400, 'DIGEST_INVALID');
    this.blobsOf(repository).set(digest, bytes);
    return { status: 201, headers: { 'docker-content-digest': digest } };
  }

  #manifest(repository: string, reference: string, bytes: Buffer): Answer {
    // Annotations hold digests of what is no content of the registry.
    const content = bytes.toString().replace(/"annotations":\s*\{[^}]*\}/g, '');
    const named = content.match(/sha256:[0-9a-f]{64}/g) ?? [];
    const known = (digest: string): boolean =>
      this.blobsOf(repository).has(digest) || this.manifestsOf(repository).has(digest);
    const missing = named.filter((digest) => !known(digest));
    if (missing.length > 0) {
      const errors = missing.map((digest) => ({
        code: 'MANIFEST_BLOB_UNKNOWN',
        message: 'blob unknown',
        detail: { digest },
      }));
      return { status: 404, body: JSON.stringify({ errors }) };
    }
    this.manifestsOf(repository).set(reference, bytes);
    this.manifestsOf(repository).set(digestOf(bytes), bytes);
    const subject = this.listsReferrers ? subjectOf(bytes) : undefined;
    return {
      status: 201,
      headers: {
        'docker-content-digest': digestOf(bytes),
        ...(subject === undefined ? {} : { 'oci-subject': subject }),
      },
    };
  }

  #referrers(repository: string, subject: string): Answer {
    if (!this.listsReferrers) return { status: 404, body: '404 page not found' };
    const manifests = [...this.manifestsOf(repository)]
      .filter(([digest, bytes]) => digest.includes(':') && subjectOf(bytes) === subject)
      .map(([digest, bytes]) => {
        const { mediaType, artifactType } = JSON.parse(bytes.toString()) as Record<string, string>;
        return { mediaType, digest, size: bytes.length, artifactType };
      });
    return { status: 200, body: JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }) };
  }
}

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

function subjectOf(manifest: Buffer): string | undefined {
  try {
    return (JSON.parse(manifest.toString()) as { subject?: { digest: string } }).subject?.digest;
  } catch {
    return undefined;
  }
}

/** A refusal as the specification has it. */
export function problem(
  status: number,
  code: string,
  message = code.toLowerCase(),
  headers?: Readonly<Record<string, string>>,
): Answer {
  return { status, body: JSON.stringify({ errors: [{ code, message }] }), headers };
}

export function send(response: ServerResponse, { status, headers, body = '' }: Answer, method = 'GET'): true {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(method === 'HEAD' ? undefined : body);
  return true;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request) pieces.push(piece as Buffer);
  } catch {
    // The client went away.
  }
  return Buffer.concat(pieces);
}
