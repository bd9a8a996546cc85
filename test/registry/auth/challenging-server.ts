/** A server that says what it is told and remembers what it was asked, a client for it, and the credential it may see. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Credential } from '../../../src/contract/session.ts';
import type { NetworkOptions } from '../../../src/contract/source.ts';
import { createRegistryClient, type RegistryClient } from '../../../src/registry/client.ts';
import { networkOptions, TestClock } from '../../support/registry-job.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
export const PASSWORD = 'planted-secret-Pa55w0rd';
export const basic: Credential = { kind: 'basic', username: 'robot', password: PASSWORD, origin: 'the test' };
export const basicHeader = `Basic ${Buffer.from(`robot:${PASSWORD}`).toString('base64')}`;

export interface Served {
  readonly host: string;
  readonly log: { method: string; url: string; authorization: string | undefined; body: string }[];
}

export type Answer = (
  request: IncomingMessage,
  url: URL,
  body: string,
) => readonly [number, Record<string, string>, (string | Uint8Array)?];

/** A server that answers as told, until the test is over. */
export async function serve(answer: Answer): Promise<Served> {
  const log: Served['log'] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://server');
      log.push({
        method: request.method ?? '',
        url: request.url ?? '',
        authorization: request.headers.authorization,
        body,
      });
      const [status, headers, text] = answer(request, url, body);
      response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, log };
}

export const MANIFEST = {
  'content-type': 'application/vnd.oci.image.manifest.v1+json',
  'docker-content-digest': DIGEST,
  'content-length': '99',
};

/** A registry that wants a bearer token from `realm` and takes those in `accepted`. */
export function bearer(realm: () => string, accepted: (token: string) => boolean, scope?: string): Answer {
  return (request, url) => {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && accepted(token)) return [200, MANIFEST];
    const repository = /^\/v2\/(.+)\/manifests\//.exec(url.pathname)?.[1];
    const asked = scope ?? (repository === undefined ? '' : `,scope="repository:${repository}:pull"`);
    return [401, { 'www-authenticate': `Bearer realm="${realm()}",service="registry.test"${asked}` }];
  };
}

/** A client of its own, closed when the test is over. */
export function client(network: Partial<NetworkOptions> = {}, clock = new TestClock()): RegistryClient {
  const made = createRegistryClient({ network: networkOptions(network), env: {}, clock });
  onTestFinished(() => made.close());
  return made;
}

/** An answer of the server at a realm. */
export const json = (value: unknown): readonly [number, Record<string, string>, string] => [
  200,
  { 'content-type': 'application/json' },
  JSON.stringify(value),
];
