/** Layers that are only where their descriptors' `urls` say. */
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobContext, Source } from '../../src/contract/index.ts';
import type { CtxsrcError } from '../../src/core/errors.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { source as ociArchive } from '../../src/source/archive/oci.ts';
import { source as dockerImage } from '../../src/source/docker-image/source.ts';
import { source as ociLayout } from '../../src/source/oci-layout/source.ts';
import { failureCode } from '../support/failure-code.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../support/source-env.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

const FOREIGN = [
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
];
const LOGIN = { username: 'robot', password: 'planted-secret' };

describe('foreign layers', () => {
  let server: Server;
  let registry: TestRegistry;
  let origin: string;
  let asked: IncomingMessage[];
  let body: Buffer;

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request);
      if (request.url === '/layer?signature=planted') response.end(body);
      else response.writeHead(request.url === '/closed' ? 403 : 404).end('<title>Gone for good</title>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    registry = await TestRegistry.start({ auth: { kind: 'basic', ...LOGIN } });
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(async () => {
    server.close();
    await registry.stop();
  });

  /** An image of two layers, the first of which is foreign: its bytes are what the server gives. */
  function built(
    urls: readonly string[],
    mediaType = FOREIGN[0]!,
  ): { layout: LayoutBuilder; image: Descriptor; foreign: string } {
    const layout = new LayoutBuilder();
    const base = layout.layer(tar([{ name: 'windows', content: 'licensed' }]));
    const top = layout.layer(tar([{ name: 'app', content: 'mine' }]));
    body = layout.blobs.get(base.descriptor.digest)!;
    layout.blobs.delete(base.descriptor.digest);
    const image = layout.image({ layers: [{ ...base, descriptor: { ...base.descriptor, mediaType, urls } }, top] });
    return { layout, image, foreign: base.descriptor.digest };
  }

  async function open(
    source: Source,
    rest: string,
    network: { allowAddress?: readonly string[] } = {},
    offline = false,
  ) {
    const id = source.identify({ scheme: source.schemes[0]!, rest, text: rest }, {});
    return source.resolve(id, newEnv(await newStore(), { offline, network }));
  }

  const job = (): JobContext => {
    const plain = newJob();
    return {
      ...plain,
      session: { ...plain.session, credentials: async () => ({ kind: 'basic', ...LOGIN, origin: 'test' }) },
    };
  };

  async function failureOf(work: Promise<unknown>): Promise<CtxsrcError> {
    return work.then(
      () => expect.unreachable(),
      (error: CtxsrcError) => error,
    );
  }

  it.each(FOREIGN)('of an image in a registry come from the first address that has them: %s', async (mediaType) => {
    const { layout, image, foreign } = built(
      ['ftp://x/', `${origin}/gone`, `${origin}/layer?signature=planted`],
      mediaType,
    );
    registry.push(layout, 'win', 'v1', image);
    const rest = `${registry.host}/win:v1`;
    const { dir } = await writeSnapshot(await open(dockerImage, rest), {}, job());
    expect(listTree(dir).map(({ path }) => path)).toEqual(['app', 'windows']);
    expect(registry.count('GET', new RegExp(foreign))).toBeGreaterThan(0);
    expect(asked.map(({ url }) => url)).toEqual(['/gone', '/layer?signature=planted']);
    for (const { headers } of asked) expect(headers.authorization).toBeUndefined();
    await (await open(dockerImage, rest)).pull!(job());
  });

  it('that are not what their digest and size say are refused, with the host that sent them', async () => {
    const { layout, image, foreign } = built([`${origin}/layer?signature=planted`]);
    registry.push(layout, 'win', 'v2', image);
    const right = body;
    for (const [bytes, code] of [
      [Buffer.alloc(right.length), 'E_DIGEST_MISMATCH'],
      [Buffer.concat([right, right]), 'E_SIZE_MISMATCH'],
      [right.subarray(1), 'E_SIZE_MISMATCH'],
    ] as const) {
      body = bytes;
      const error = await failureOf((await open(dockerImage, `${registry.host}/win:v2`)).pull!(job()));
      expect(error).toMatchObject({ code, exit: 5 });
      expect(error.message).toContain(`layer ${foreign} of ${registry.host}/win:v2 from ${new URL(origin).host}`);
      expect(error.message).not.toContain('planted');
    }
  });

  it('that are nowhere are told with every answer', async () => {
    const { layout, image } = built([`${origin}/closed`, 'file:///etc/passwd', `${origin}/gone`]);
    registry.push(layout, 'win', 'v3', image);
    const error = await failureOf((await open(dockerImage, `${registry.host}/win:v3`)).pull!(job()));
    expect(error).toMatchObject({ code: 'E_BLOB_NOT_FOUND', hint: expect.stringContaining('whoever made the image') });
    expect(error.message).toMatch(/status 403 \(Gone for good\); .* status 404 \(Gone for good\)$/);
    const none = built(['file:///etc/passwd', 'no url']);
    registry.push(none.layout, 'win', 'v4', none.image);
    expect(await failureCode((await open(dockerImage, `${registry.host}/win:v4`)).pull!(job()))).toBe(
      'E_BLOB_NOT_FOUND',
    );
  });

  it('of a layout, a directory or an archive, lead to no closed address unless that is opened', async () => {
    const { layout, image } = built([`${origin}/layer?signature=planted`], FOREIGN[1]);
    layout.tag(image, 'v1');
    const dir = layout.write(tempDir('layout'));
    const archive = join(tempDir('archive'), 'image.tar');
    writeFileSync(archive, tar([...layout.files()].map(([name, content]) => ({ name, content }))));
    for (const [source, path] of [
      [ociLayout, dir],
      [ociArchive, archive],
    ] as const) {
      const closed = await failureOf(writeSnapshot(await open(source, path)));
      expect(closed).toMatchObject({ code: 'E_UNSAFE', exit: 8, hint: expect.stringContaining('--allow-address') });
      expect(asked).toEqual([]);
      const opened = { allowAddress: ['127.0.0.0/8'] };
      const { dir: out } = await writeSnapshot(await open(source, path, opened));
      expect(listTree(out).map((entry) => entry.path)).toEqual(['app', 'windows']);
      expect(await failureCode(writeSnapshot(await open(source, path, opened, true)))).toBe('E_OFFLINE');
      asked = [];
    }
    rmSync(dir, { recursive: true });
  });
});
