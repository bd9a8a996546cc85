/** The client against Debian's docker-registry, filled by skopeo: plain, passwords, tokens, TLS, a pull-through mirror. */
import { execFile, execFileSync } from 'node:child_process';
import { createPublicKey, createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkOptions } from '../../src/contract/source.ts';
import type { Digest } from '../../src/core/digest.ts';
import { createCredentialLookup } from '../../src/registry/auth/credentials.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { makeCertificates } from '../support/certificates.ts';
import { type DockerRegistry, REGISTRY_USER, startDockerRegistry } from '../support/docker-registry.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { networkOptions, type TestJob, testJob } from '../support/registry-job.ts';
import { tempDir } from '../support/temp.ts';

// Never synchronously: the program may have to ask a server of this very process.
const run = promisify(execFile);

const usable = needs('docker-registry', 'skopeo', 'openssl');

describe.skipIf(!usable)('docker-registry', () => {
  const dir = usable ? tempDir('registries') : '';
  const layoutDir = join(dir, 'layout');
  const layout = new LayoutBuilder();
  const built = layout.layer(Buffer.alloc(3_000_000, 'a layer '));
  const layer = built.descriptor;
  const root = layout.image({ layers: [built] });
  const started: DockerRegistry[] = [];

  beforeAll(() => {
    layout.tag(root, 'latest');
    layout.write(layoutDir);
  });
  afterAll(async () => {
    for (const registry of started) await registry.stop();
  });

  async function start(options: Parameters<typeof startDockerRegistry>[0] = {}): Promise<DockerRegistry> {
    const registry = await startDockerRegistry(options);
    started.push(registry);
    return registry;
  }

  async function push(host: string, ...flags: string[]): Promise<void> {
    const to = `docker://${host}/team/app:v1`;
    const tls = flags.some((flag) => flag.includes('cert-dir')) ? [] : ['--dest-tls-verify=false'];
    await run('skopeo', ['--insecure-policy', 'copy', '-q', ...tls, ...flags, `oci:${layoutDir}:latest`, to]);
  }

  /** Tag, manifest and blob, all verified. Returns the digest. */
  async function pull(host: string, job: TestJob = testJob(), network: Partial<NetworkOptions> = {}): Promise<Digest> {
    const client = createRegistryClient({ network: networkOptions(network), env: {} });
    const name = { host, repository: 'team/app' };
    try {
      const { descriptor } = await client.resolve(job, name, 'v1');
      const manifest = await client.manifest(job, name, descriptor.digest, descriptor.size);
      const [blob] = (JSON.parse(Buffer.from(manifest.bytes).toString()) as { layers: { digest: Digest }[] }).layers;
      const chunks: Uint8Array[] = [];
      for await (const chunk of (await client.blob(job, name, blob!.digest)).body) chunks.push(new Uint8Array(chunk));
      expect(digestOf(Buffer.concat(chunks))).toBe(blob!.digest);
      return descriptor.digest;
    } finally {
      await client.close();
    }
  }

  it('plain: a HEAD, a manifest, a blob; and a blob that goes on where it was cut', async () => {
    const { host } = await start();
    await push(host);
    const job = testJob();
    expect(await pull(host, job)).toBe(root.digest);
    const requests = job.events.filter((event) => event.type === 'request');
    expect(requests.map((event) => event.method)).toEqual(['HEAD', 'GET', 'GET']);
    const proxy = await FaultProxy.start(host);
    proxy.plan = (seen, nth) => (seen.target === 'blob' && nth < 5 ? { kind: 'cut', at: 400_000 } : undefined);
    expect(await pull(proxy.host)).toBe(root.digest);
    expect(proxy.seen('blob').map((entry) => entry.headers.range)).toEqual(
      [undefined, 400_000, 800_000, 1_200_000, 1_600_000, 2_000_000].map((at) => at && `bytes=${at}-`),
    );
    expect(proxy.seen('blob').reduce((sum, entry) => sum + entry.sent, 0)).toBeLessThanOrEqual(layer.size * 1.02);
    await proxy.stop();
  });

  it('says what is missing as the registry does', async () => {
    const { host } = await start();
    await push(host);
    const client = createRegistryClient({ network: networkOptions(), env: {} });
    await expect(client.resolve(testJob(), { host, repository: 'team/app' }, 'v2')).rejects.toMatchObject({
      code: 'E_TAG_NOT_FOUND',
      details: { candidates: ['v1'], registryCode: 'MANIFEST_UNKNOWN' },
    });
    const missing = `sha256:${'0'.repeat(64)}` as const;
    await expect(client.blob(testJob(), { host, repository: 'team/app' }, missing)).rejects.toMatchObject({
      code: 'E_BLOB_NOT_FOUND',
    });
    await client.close();
  });

  it('with passwords: the credential of config.json and of auth.json', async () => {
    const { host } = await start({ auth: true });
    await push(host, '--dest-creds', `${REGISTRY_USER.username}:${REGISTRY_USER.password}`);
    await expect(pull(host)).rejects.toMatchObject({ code: 'E_UNAUTHORIZED', exit: 4 });
    const home = tempDir('home');
    mkdirSync(join(home, '.docker'));
    const auth = Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64');
    writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
    expect(await pull(host, testJob(createCredentialLookup({ env: { HOME: home } })))).toBe(root.digest);
    // What podman and skopeo write.
    const authFile = join(home, 'auth.json');
    execFileSync(
      'skopeo',
      ['login', '--tls-verify=false', '--authfile', authFile, '-u', REGISTRY_USER.username, '--password-stdin', host],
      {
        input: REGISTRY_USER.password,
        stdio: 'pipe',
      },
    );
    const job = testJob(createCredentialLookup({ env: { HOME: tempDir('empty'), REGISTRY_AUTH_FILE: authFile } }));
    expect(await pull(host, job)).toBe(root.digest);
    const told = JSON.stringify(job.events);
    expect(told).not.toContain(REGISTRY_USER.password);
    expect(told).not.toContain(auth);
  });

  it('with tokens of a token server: one for a repository, kept for all its requests', async () => {
    const tokens = new TokenServer(join(dir, 'token'));
    await tokens.start();
    const { host } = await start({
      extra: `auth:\n  token: {realm: "${tokens.realm}", service: test, issuer: ctxsrc-test, rootcertbundle: ${tokens.certificate}}\n`,
    });
    await push(host, '--dest-creds', 'robot:r0b0t');
    tokens.asked.length = 0;
    const job = testJob(() => ({ kind: 'basic', username: 'robot', password: 'r0b0t', origin: 'the test' }));
    expect(await pull(host, job)).toBe(root.digest);
    expect(tokens.asked).toEqual(['GET repository:team/app:pull']);
    const requests = job.events.filter((event) => event.type === 'request');
    expect(requests.map((event) => event.status)).toEqual([401, 200, 200, 200, 200]);
    tokens.asked.length = 0;
    const identity = testJob(() => ({ kind: 'identity-token', token: 'refresh-me', origin: 'the test' }));
    expect(await pull(host, identity)).toBe(root.digest);
    expect(tokens.asked).toEqual(['POST repository:team/app:pull']);
    await expect(
      pull(
        host,
        testJob(() => ({ kind: 'basic', username: 'robot', password: 'wrong', origin: 'the test' })),
      ),
    ).rejects.toMatchObject({ code: 'E_UNAUTHORIZED', message: expect.stringContaining('the test') });
    expect(JSON.stringify([job.events, identity.events])).not.toMatch(/r0b0t|refresh-me|eyJ/);
    await tokens.stop();
  });

  it('with TLS, an own authority and a client certificate', async () => {
    const certs = makeCertificates(tempDir('tls'));
    const server = { certificate: certs.server.cert, key: certs.server.key };
    const { host } = await start({ tls: server });
    const certDir = tempDir('certs');
    execFileSync('cp', [certs.ca, join(certDir, 'ca.crt')]);
    await push(host, '--dest-cert-dir', certDir);
    await expect(pull(host)).rejects.toMatchObject({ code: 'E_TLS', exit: 4 });
    expect(await pull(host, testJob(), { caFile: certs.ca })).toBe(root.digest);
    expect(await pull(host, testJob(), { insecure: [host] })).toBe(root.digest);
    const { storage } = started.at(-1)!;
    // docker-registry's way of asking for client certificates.
    const mutual = await start({ tls: { ...server, clientAuthority: certs.ca }, storage });
    await expect(pull(mutual.host, testJob(), { caFile: certs.ca, retry: 0 })).rejects.toMatchObject({
      hint: expect.stringContaining('--client-cert'),
    });
    const { cert: clientCert, key: clientKey } = certs.client;
    expect(await pull(mutual.host, testJob(), { caFile: certs.ca, clientCert, clientKey })).toBe(root.digest);
  });

  it('as a pull-through mirror of another', async () => {
    const origin = await start();
    await push(origin.host);
    const mirror = await start({ extra: `proxy: {remoteurl: "http://${origin.host}"}\n` });
    const job = testJob();
    const network = { mirrors: [{ host: origin.host, mirror: mirror.host }] };
    expect(await pull(origin.host, job, network)).toBe(root.digest);
    const asked = job.events.flatMap((event) => (event.type === 'request' ? [new URL(event.url).host] : []));
    expect(new Set(asked)).toEqual(new Set([mirror.host]));
    await mirror.stop();
    expect(await pull(origin.host, testJob(), network)).toBe(root.digest);
  });
});

/** A token server as the registry's documentation describes it: signs what is asked for by who knows the password. */
class TokenServer {
  readonly asked: string[] = [];
  readonly certificate: string;
  readonly #key: KeyObject;
  readonly #keyId: string;
  readonly #server: Server;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    const keyFile = join(dir, 'key.pem');
    this.certificate = join(dir, 'cert.pem');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    writeFileSync(keyFile, privateKey.export({ type: 'sec1', format: 'pem' }));
    execFileSync(
      'openssl',
      ['req', '-x509', '-new', '-key', keyFile, '-days', '2', '-subj', '/CN=token', '-out', this.certificate],
      { stdio: 'pipe' },
    );
    this.#keyId = libtrustKeyId(privateKey);
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        const query = new URL(request.url ?? '', 'http://x').searchParams;
        const form = new URLSearchParams(body);
        const scopes = request.method === 'POST' ? (form.get('scope') ?? '').split(' ') : query.getAll('scope');
        this.asked.push(`${request.method} ${scopes.join(' ')}`);
        const basic = request.headers.authorization === `Basic ${Buffer.from('robot:r0b0t').toString('base64')}`;
        if (!basic && form.get('refresh_token') !== 'refresh-me') {
          response.writeHead(401).end('{"details":"incorrect username or password"}');
          return;
        }
        response.end(JSON.stringify({ access_token: this.#sign(scopes), expires_in: 300 }));
      });
    });
  }

  get realm(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #sign(scopes: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.map((scope) => {
      const [type, name, actions] = scope.split(':');
      return { type, name, actions: actions?.split(',') };
    });
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: 'ctxsrc-test',
      sub: 'robot',
      aud: 'test',
      iat: now,
      nbf: now - 5,
      exp: now + 300,
      jti: randomUUID(),
      access,
    };
    const text = `${encode({ typ: 'JWT', alg: 'ES256', kid: this.#keyId })}.${encode(claims)}`;
    const signature = createSign('sha256').update(text).sign({ key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }
}

/** The key's name as docker-registry knows it: base32 of the first 240 bits of the digest of its public key. */
function libtrustKeyId(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const bytes = Buffer.from(digestOf(der).slice('sha256:'.length), 'hex').subarray(0, 30);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text = (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join('');
  return (text.match(/.{4}/g) ?? []).join(':');
}
