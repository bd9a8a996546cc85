/** `ctxsrc push` and `lock --vendor` into a docker-registry with a certificate of an authority of its own. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { cliHome, ctxsrc, packageRoot } from '../support/cli.ts';
import { expectFailure } from '../support/cli-expect.ts';
import { type DockerRegistry, REGISTRY_USER, startDockerRegistry } from '../support/docker-registry.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const hello = `oci-layout://${join(packageRoot, 'fixtures', 'layouts', 'hello')}`;

describe.skipIf(!needs('docker-registry', 'openssl'))('a push over TLS', () => {
  let certs: Certificates;
  let registry: DockerRegistry;
  let mutual: DockerRegistry;
  beforeAll(async () => {
    certs = makeCertificates(tempDir('tls'));
    const tls = { certificate: certs.server.cert, key: certs.server.key };
    registry = await startDockerRegistry({ tls, auth: true });
    mutual = await startDockerRegistry({ tls: { ...tls, clientAuthority: certs.ca } });
  });
  afterAll(async () => {
    await registry?.stop();
    await mutual?.stop();
  });

  const login = () => ({
    CTXSRC_REGISTRY: registry.host,
    CTXSRC_USERNAME: REGISTRY_USER.username,
    CTXSRC_PASSWORD: REGISTRY_USER.password,
  });

  async function ok(args: readonly string[], env: Record<string, string> = {}, home?: string): Promise<string> {
    const { code, stdout, stderr } = await ctxsrc(args, { env: { ...login(), ...env }, home });
    expect(code, stderr).toBe(0);
    return stdout;
  }

  it('to an authority that is not trusted is exit 4, and sends nothing', async () => {
    const to = `docker-image://${registry.host}/team/app:1`;
    const untrusted = { code: 'E_TLS', message: /certificate/, hint: /--ca-file/ } as const;
    await expectFailure(['push', hello, to], untrusted, { env: login() });
  });

  it('trusts --ca-file, its variable, SSL_CERT_FILE, a folder of docker, or --insecure', async () => {
    const { host } = registry;
    const home = cliHome();
    const folder = join(home, '.docker', 'certs.d', host);
    mkdirSync(folder, { recursive: true });
    copyFileSync(certs.ca, join(folder, 'ca.crt'));
    const ways: [string, readonly string[], Record<string, string>, string?][] = [
      ['flag', ['--ca-file', certs.ca], {}],
      ['variable', [], { CTXSRC_CA_FILE: certs.ca }],
      ['system', [], { SSL_CERT_FILE: certs.ca }],
      ['folder', [], {}, home],
      ['insecure', ['--insecure', host], {}],
    ];
    const pushBy = async ([way, flags, env, ownHome]: (typeof ways)[number]): Promise<void> => {
      const to = `docker-image://${host}/team/${way}:1`;
      const pushed = (await ok(['push', ...flags, hello, to], env, ownHome)).trim();
      expect(pushed, way).toMatch(/^docker-image:.*@sha256:[0-9a-f]{64}$/);
      expect(await ok(['digest', ...flags, to], env, ownHome), way).toBe(`${pushed.split('@')[1]}\n`);
    };
    await Promise.all(ways.map(pushBy));
  });

  it('sends a large layer whole, as it is', async () => {
    const bytes = Buffer.from(Uint32Array.from({ length: 3_000_000 }, (_, index) => index * 2_654_435_761).buffer);
    const builder = new LayoutBuilder();
    const layer = builder.layer(tar([{ name: 'large', content: bytes }]), 'none');
    const layout = builder.tag(builder.image({ layers: [layer] }), 'latest').write(tempDir('large'));
    const to = `docker-image://${registry.host}/team/large:1`;
    await ok(['push', '--ca-file', certs.ca, `oci-layout://${layout}`, to]);
    const stored = join(registry.storage, 'docker/registry/v2/blobs/sha256');
    const hex = layer.descriptor.digest.slice('sha256:'.length);
    expect(digestOf(readFileSync(join(stored, hex.slice(0, 2), hex, 'data')))).toBe(layer.descriptor.digest);
  });

  it('shows the certificate of a client where one is wanted', async () => {
    const to = `docker-image://${mutual.host}/team/app:1`;
    const trusting = ['push', '--ca-file', certs.ca];
    await expectFailure([...trusting, '--retry', '0', hello, to], {
      code: 'E_TLS',
      message: /certificate/,
      hint: /--client-cert/,
    });
    const { cert, key } = certs.client;
    const identity = ['--client-cert', cert, '--client-key', key];
    expect(await ok([...trusting, ...identity, hello, to])).toContain(`${to}@sha256:`);
  });

  it('vendors a lock file, which a build then reads with the same flag', async () => {
    const lock = join(tempDir('lock'), 'ctxsrc.lock');
    await ok(['lock', '--lock', lock, `base=${hello}`]);
    await ok(['lock', '--lock', lock, '--ca-file', certs.ca, '--vendor', `${registry.host}/team/vendor`]);
    const vendored = /"vendored": ?"([^"]+)"/.exec(readFileSync(lock, 'utf8'))![1]!;
    expect(vendored).toContain(`docker-image://${registry.host}/team/vendor:ctxsrc-`);
    expect(await ok(['key', '--ca-file', certs.ca, vendored])).toBe(await ok(['key', hello]));
  });
});
