/** What has the form of an image and is none: told by its media type before there is a key, with a way that works. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceInstance } from '../../src/contract/index.ts';
import type { CtxsrcError } from '../../src/core/errors.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { resolve } from '../../src/source/resolve.ts';
import { SourceTable } from '../../src/source/table.ts';
import { packageRoot } from '../support/cli.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../support/source-env.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const built = new LayoutBuilder();
const real = built.layer(tar([{ name: 'a', content: 'a' }]));
const content = (name: string): string => `what the ${name} holds\n`;

/** A manifest of the configuration's and the layers' types; the content of each layer is its type's. */
function manifest(config: string, layers: readonly string[], artifactType?: string): Descriptor {
  return built.json(
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      ...(artifactType === undefined ? {} : { artifactType }),
      // As cosign and BuildKit write it: one that an image could have.
      config: built.json(
        { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map(digestOf) } },
        config,
      ),
      layers: layers.map((type) =>
        type === MEDIA_TYPE.ociLayerGzip ? real.descriptor : built.blob(content(type), type),
      ),
    },
    MEDIA_TYPE.ociManifest,
  );
}

const SIGNATURE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const STATEMENT = 'application/vnd.in-toto+json';
const CHART = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
const CHART_SIGNATURE = 'application/vnd.cncf.helm.chart.provenance.v1.prov';
const CACHE = 'application/vnd.buildkit.cacheconfig.v0';
const ENCRYPTED = 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted';
const NYDUS = 'application/vnd.oci.image.layer.nydus.blob.v1';
const EMPTY = 'application/vnd.oci.empty.v1+json';

/** Tag, what it is, what is said, which type's content the hint leads to. */
const CASES: readonly (readonly [string, Descriptor, RegExp, string | undefined])[] = [
  ['signature', manifest(MEDIA_TYPE.ociConfig, [SIGNATURE]), /but a signature: .*simplesigning/, SIGNATURE],
  ['attestation', manifest(MEDIA_TYPE.ociConfig, [STATEMENT, STATEMENT]), /but an attestation: .*in-toto/, STATEMENT],
  ['helm', manifest('application/vnd.cncf.helm.config.v1+json', [CHART_SIGNATURE, CHART]), /but a Helm chart: /, CHART],
  [
    'oras',
    manifest(EMPTY, ['text/plain'], 'application/vnd.example.thing'),
    /an artifact: .*example\.thing/,
    'text/plain',
  ],
  [
    'oras-1',
    manifest('application/vnd.unknown.config.v1+json', ['text/plain']),
    /an artifact: .*unknown/,
    'text/plain',
  ],
  [
    'bundle',
    manifest(EMPTY, ['application/vnd.dev.sigstore.bundle.v0.3+json']),
    /but a signature: /,
    'application/vnd.dev.sigstore.bundle.v0.3+json',
  ],
  ['sbom', manifest(MEDIA_TYPE.dockerConfig, ['application/spdx+json']), /list of software/, 'application/spdx+json'],
  ['wasm', manifest('application/vnd.wasm.config.v0+json', ['application/wasm']), /WebAssembly/, 'application/wasm'],
  [
    'encrypted',
    manifest(MEDIA_TYPE.ociConfig, [MEDIA_TYPE.ociLayerGzip, ENCRYPTED]),
    /encrypted layers: .*\+encrypted/,
    undefined,
  ],
  ['nydus', manifest(MEDIA_TYPE.ociConfig, [NYDUS, MEDIA_TYPE.ociLayerGzip]), /but a Nydus image: /, undefined],
  ['cache', built.index([real.descriptor, built.json({}, CACHE)]), /but a BuildKit cache: /, undefined],
  ['cache-image', manifest(CACHE, [MEDIA_TYPE.ociLayerGzip]), /but a BuildKit cache: /, undefined],
];
for (const [tag, descriptor] of CASES) built.tag(descriptor, tag);
const dir = built.write(join(tempDir('layout'), 'layout'));

let registry: TestRegistry;
beforeAll(async () => {
  registry = await TestRegistry.start();
  for (const [tag, descriptor] of CASES) registry.push(built, 'a/b', tag, descriptor);
});
afterAll(() => registry.stop());

async function open(reference: string): Promise<SourceInstance> {
  const env = newEnv(await newStore(), { network: { plainHttp: [registry.host] } });
  return (await resolve(new SourceTable(), reference, {}, env)).instance;
}

const failureOf = async (reference: string): Promise<CtxsrcError> =>
  (await open(reference)).cacheKey(newJob(), 0).then(
    () => Promise.reject(new Error(`${reference} has a key`)),
    (error: unknown) => error as CtxsrcError,
  );

describe.each(['layout', 'registry'])('in a %s', (place) => {
  it.each(CASES)('%s', async (tag, _, message, holds) => {
    const error = await failureOf(
      place === 'layout' ? `oci-layout://${dir}:${tag}` : `docker-image://${registry.host}/a/b:${tag}`,
    );
    expect(error).toMatchObject({ code: 'E_NOT_AN_IMAGE', exit: 5, message: expect.stringMatching(message) as string });
    expect(error.hint).toMatch(/./);
    const way = /\b(?:oci-layout|docker-image)\+blob:\/\/\S+/.exec(error.hint!)?.[0];
    if (holds === undefined) {
      expect(way).toBeUndefined();
      return;
    }
    // What the hint says to type is what gets it.
    const { dir: out } = await writeSnapshot(await open(way!));
    expect(readFileSync(join(out, readdirSync(out)[0]!), 'utf8')).toBe(content(holds));
    expect(error.details).toMatchObject({
      blobs: expect.arrayContaining([expect.objectContaining({ mediaType: holds })]) as unknown,
    });
  });
});

it('an image whose layers have types of their own is one', async () => {
  const layer = built.blob(built.blobs.get(real.descriptor.digest)!, 'application/x-own');
  const image = built.image({ layers: [{ ...real, descriptor: layer }] });
  const own = built.tag(image, 'own').write(join(tempDir('layout'), 'layout'));
  expect(await (await open(`oci-layout://${own}:own`)).cacheKey(newJob(), 1)).toMatchObject({ key: real.diffId });
});

it('a type without end is cut', async () => {
  const long = manifest(`application/${'x'.repeat(100_000)}\u001b[31m`, ['text/plain']);
  const own = built.tag(long, 'long').write(join(tempDir('layout'), 'layout'));
  const { message } = await failureOf(`oci-layout://${own}:long`);
  expect(message.replaceAll(own, '').length).toBeLessThan(560);
});

it('in an archive the hint says how its content is had too', async () => {
  const file = join(tempDir('archive'), 'a.tar');
  execFileSync('tar', ['-cf', file, '-C', dir, '.']);
  const { hint } = await failureOf(`oci-archive://${file}:oras`);
  const [, way, command] = /(oci-layout\+blob:\/\/DIR@\S+), after (tar .*)$/.exec(hint!)!;
  const out = tempDir('unpacked');
  execFileSync('sh', ['-ec', command!.replace('DIR', out)]);
  const { dir: written } = await writeSnapshot(await open(way!.replace('DIR', out)));
  expect(readFileSync(join(written, readdirSync(written)[0]!), 'utf8')).toBe(content('text/plain'));
});

it.skipIf(!needs('skopeo'))(
  'an image that skopeo has encrypted is one again when it is decrypted as the hint says',
  async () => {
    const work = tempDir('encrypted');
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(join(work, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(work, 'KEY'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
    const shell = (command: string) => execFileSync('sh', ['-ec', command], { cwd: work, stdio: 'pipe' });
    const hello = join(packageRoot, 'fixtures', 'layouts', 'hello');
    shell(`skopeo --insecure-policy copy --encryption-key jwe:public.pem oci:${hello} oci:FROM:latest`);
    const { hint } = await failureOf(`oci-layout://${work}/FROM`);
    const [, command, reference] = /(skopeo copy .*), then name oci-layout:\/\/(\S+)$/.exec(hint!)!;
    shell(command!.replace('skopeo copy', 'skopeo --insecure-policy copy').replace('FROM', 'oci:FROM:latest'));
    const key = async (path: string) => (await (await open(`oci-layout://${path}`)).cacheKey(newJob(), 1)).key;
    expect(await key(join(work, reference!))).toBe(await key(hello));
  },
);
