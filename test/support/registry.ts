/**
 * A small registry in this process: the read half of the distribution API over what a LayoutBuilder made, with a log of
 * requests and optional authentication. `intercept` lets a test answer a request itself, or spoil the answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Descriptor } from '../../src/oci/types.ts';
import { digestOf, type LayoutBuilder } from './layout-builder.ts';

export type RegistryAuth =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** Tokens come from `/token` of the same server; without a username anyone gets one. */
  | { readonly kind: 'bearer'; readonly username?: string; readonly password?: string };

export interface LoggedRequest {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  status: number;
}

export interface RegistryOptions {
  readonly auth?: RegistryAuth | undefined;
  /** True when it has answered (or destroyed the socket) itself. Runs before authentication. */
  readonly intercept?: ((request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
}

const TOKEN = 'token-of-the-test-registry';

export class TestRegistry {
  readonly log: LoggedRequest[] = [];
  /** By repository and reference (tag or digest). */
  readonly manifests = new Map<string, Map<string, { readonly mediaType: string; readonly bytes: Buffer }>>();
  readonly blobs = new Map<string, Buffer>();
  intercept: RegistryOptions['intercept'];
  readonly #auth: RegistryAuth | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  constructor(options: RegistryOptions = {}) {
    this.#auth = options.auth;
    this.intercept = options.intercept;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    const registry = new TestRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Number of requests of a method whose path matches. */
  count(method: string, path: RegExp): number {
    return this.log.filter((entry) => entry.method === method && path.test(entry.url)).length;
  }

  /** Serves all blobs of the layout, and the descriptor as `repository:tag` with everything it reaches. */
  push(layout: LayoutBuilder, repository: string, tag: string, root: Descriptor): void {
    for (const [digest, bytes] of layout.blobs) this.blobs.set(digest, bytes);
    const byReference = this.manifests.get(repository) ?? new Map();
    this.manifests.set(repository, byReference);
    const add = (descriptor: Descriptor): void => {
      const bytes = layout.blobs.get(descriptor.digest);
      if (bytes === undefined || byReference.has(descriptor.digest)) return;
      byReference.set(descriptor.digest, { mediaType: descriptor.mediaType, bytes });
      if (/index|list/.test(descriptor.mediaType)) {
        for (const child of (JSON.parse(bytes.toString('utf8')) as { manifests: Descriptor[] }).manifests) add(child);
      }
    };
    add(root);
    byReference.set(tag, { mediaType: root.mediaType, bytes: layout.blobs.get(root.digest)! });
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, status: 0 };
    this.log.push(entry);
    response.on('close', () => {
      entry.status = response.statusCode;
    });
    if ((await this.intercept?.(request, response)) === true) return;
    const answer = this.#answer(request, new URL(entry.url, `http://${this.host}`));
    response.writeHead(answer.status, {
      'content-type': answer.mediaType ?? 'application/json',
      'content-length': Buffer.byteLength(answer.body),
      ...answer.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  #answer(request: IncomingMessage, url: URL): Answer {
    if (url.pathname === '/token') return this.#token(request);
    if (!this.#authorized(request)) return this.#challenge(url);
    if (url.pathname === '/v2/') return { status: 200, body: '{}' };
    const [, repository, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (repository === undefined || reference === undefined) return failure(404, 'NAME_UNKNOWN');
    if (kind === 'blobs') {
      const bytes = this.blobs.get(reference);
      return bytes === undefined ? failure(404, 'BLOB_UNKNOWN') : blob(bytes, request.headers.range);
    }
    const manifests = this.manifests.get(repository);
    if (manifests === undefined) return failure(404, 'NAME_UNKNOWN');
    if (kind === 'tags') {
      const tags = [...manifests.keys()].filter((name) => !name.includes(':')).sort();
      return { status: 200, body: JSON.stringify({ name: repository, tags }) };
    }
    const manifest = manifests.get(reference);
    if (manifest === undefined) return failure(404, 'MANIFEST_UNKNOWN');
    const headers = { 'docker-content-digest': digestOf(manifest.bytes) };
    return { status: 200, body: manifest.bytes, mediaType: manifest.mediaType, headers };
  }

  #authorized(request: IncomingMessage): boolean {
    if (this.#auth === undefined) return true;
    const given = request.headers.authorization;
    return this.#auth.kind === 'basic' ? given === basic(this.#auth) : given === `Bearer ${TOKEN}`;
  }

  #challenge(url: URL): Answer {
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs|tags)\//.exec(url.pathname)?.[1];
    const scope = repository === undefined ? '' : `,scope="repository:${repository}:pull"`;
    const bearer = `Bearer realm="http://${this.host}/token",service="test"${scope}`;
    return failure(401, 'UNAUTHORIZED', {
      'www-authenticate': this.#auth?.kind === 'basic' ? 'Basic realm="test"' : bearer,
    });
  }

  #token(request: IncomingMessage): Answer {
    const auth = this.#auth;
    if (auth?.kind === 'bearer' && auth.username !== undefined) {
      const wanted = basic({ username: auth.username, password: auth.password ?? '' });
      if (request.headers.authorization !== wanted) return failure(401, 'UNAUTHORIZED');
    }
    return { status: 200, body: JSON.stringify({ token: TOKEN, expires_in: 300 }) };
  }
}

interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
  readonly mediaType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function basic(auth: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}

function failure(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const message = code.toLowerCase().replace('_', ' ');
  return { status, body: JSON.stringify({ errors: [{ code, message }] }), headers };
}

/** A blob, or the part of it that a Range header asks for. */
function blob(bytes: Buffer, asked: string | undefined): Answer {
  const mediaType = 'application/octet-stream';
  const headers = { 'accept-ranges': 'bytes', etag: `"${digestOf(bytes)}"` };
  const range = /^bytes=(\d+)-(\d*)$/.exec(asked ?? '');
  if (range === null) return { status: 200, body: bytes, mediaType, headers };
  const from = Number(range[1]);
  if (from >= bytes.length) return failure(416, 'RANGE_INVALID', { 'content-range': `bytes */${bytes.length}` });
  const to = range[2] === '' ? bytes.length - 1 : Math.min(Number(range[2]), bytes.length - 1);
  return {
    status: 206,
    body: bytes.subarray(from, to + 1),
    mediaType,
    headers: { ...headers, 'content-range': `bytes ${from}-${to}/${bytes.length}` },
  };
}
