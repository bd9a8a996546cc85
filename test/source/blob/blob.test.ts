import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes, SourceInstance, Store } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { source } from '../../../src/source/blob/source.ts';
import { failureCode } from '../../support/failure-code.ts';
import { digestOf, LayoutBuilder } from '../../support/layout-builder.ts';
import { TestRegistry } from '../../support/registry.ts';
import { dropBlobs, newEnv, newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

async function open(
  ref: string,
  attrs: Attributes = {},
  store?: Store,
  plainHttp: readonly string[] = [],
): Promise<SourceInstance> {
  const [scheme = '', rest = ''] = ref.split(/:\/\/(.*)/s);
  const id = source.identify({ scheme, rest, text: ref }, attrs);
  return source.resolve(id, newEnv(store ?? (await newStore()), { network: { plainHttp } }));
}

describe('a blob of a layout', () => {
  let dir: string;
  let digest: Digest;
  beforeAll(() => {
    const builder = new LayoutBuilder();
    digest = builder.blob('a blob\n', 'text/plain').digest;
    dir = builder.write(join(tempDir('layout'), 'image'));
  });

  it('is written as a file named by its digest, or as asked for', async () => {
    const plain = await writeSnapshot(await open(`oci-layout+blob://${dir}@${digest}`));
    expect(listTree(plain.dir, { omit: ['uid', 'gid'] })).toEqual([
      { path: digest.slice(7), type: 'file', mode: '0600', size: 7, mtime: '0', sha256: digest.slice(7) },
    ]);
    const named = await writeSnapshot(
      await open(`oci-layout+blob://${dir}@${digest}`, { filename: 'x/readme', perm: '0644' }),
    );
    expect(listTree(named.dir, { omit: ['uid', 'gid', 'sha256'] })).toEqual([
      { path: 'readme', type: 'file', mode: '0644', size: 7, mtime: '0' },
    ]);
  });

  it('has no key, digest or description when it is not there', async () => {
    const missing = await open(`oci-layout+blob://${dir}@${digestOf('nowhere')}`);
    for (const asked of [missing.cacheKey(newJob(), 0), missing.digests!(newJob()), missing.describe!(newJob())]) {
      await expect(asked).rejects.toMatchObject({
        code: 'E_BLOB_NOT_FOUND',
        exit: 3,
        hint: expect.stringMatching(/^check the digest/),
      });
    }
  });

  it('is its own pinned form', async () => {
    const ref = `oci-layout+blob://${dir}@${digest}`;
    expect(await (await open(ref)).digests?.(newJob())).toMatchObject({ digest, pinned: ref });
    expect(await (await open(ref)).cacheKey(newJob(), 0)).toMatchObject({ pin: digest, done: true });
  });

  it('is verified, and fetched again when the store lost it', async () => {
    const store = await newStore();
    const instance = await open(`oci-layout+blob://${dir}@${digest}`, {}, store);
    await instance.pull?.(newJob());
    dropBlobs(store);
    expect(readFileSync(join((await writeSnapshot(instance)).dir, digest.slice(7)), 'utf8')).toBe('a blob\n');
    const missing = digestOf('missing');
    expect(await failureCode(writeSnapshot(await open(`oci-layout+blob://${dir}@${missing}`)))).toBe(
      'E_BLOB_NOT_FOUND',
    );
    writeFileSync(join(dir, 'blobs', 'sha256', missing.slice(7)), 'other');
    await expect(writeSnapshot(await open(`oci-layout+blob://${dir}@${missing}`))).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
      message: expect.stringContaining(`blob ${missing} of the OCI layout ${dir}`) as string,
    });
  });

  it('needs a digest', () => {
    expect(() => source.identify({ scheme: 'oci-layout+blob', rest: dir, text: '' }, {})).toThrow(
      /named by its digest/,
    );
    expect(() => source.identify({ scheme: 'docker-image+blob', rest: 'alpine:3', text: '' }, {})).toThrow(
      /named by its digest/,
    );
  });
});

describe('a blob of a registry', () => {
  let registry: TestRegistry;
  let digest: Digest;
  beforeAll(async () => {
    registry = await TestRegistry.start();
    digest = digestOf('from a registry\n');
    registry.blobs.set(digest, Buffer.from('from a registry\n'));
    registry.manifests.set('a/b', new Map());
  });
  afterAll(() => registry.stop());

  it('has a key when the registry has it, which is asked by one HEAD', async () => {
    const ref = `docker-image+blob://${registry.host}/a/b@${digest}`;
    const plain = [registry.host];
    registry.log.length = 0;
    const instance = await open(ref, {}, undefined, plain);
    expect(await instance.cacheKey(newJob(), 0)).toMatchObject({ pin: digest, done: true });
    await instance.digests!(newJob());
    expect(registry.log.map(({ method }) => method)).toEqual(['HEAD']);

    registry.log.length = 0;
    const missing = await open(ref.replace(digest, digestOf('none')), {}, undefined, plain);
    await expect(missing.cacheKey(newJob(), 0)).rejects.toMatchObject({ code: 'E_BLOB_NOT_FOUND', exit: 3 });
    await expect(missing.digests!(newJob())).rejects.toMatchObject({ code: 'E_BLOB_NOT_FOUND' });
    expect(registry.log.map(({ method }) => method)).toEqual(['HEAD', 'GET']);

    const store = await newStore();
    await (await open(ref, {}, store, plain)).pull!(newJob());
    registry.log.length = 0;
    expect(await (await open(ref, {}, store, plain)).cacheKey(newJob(), 0)).toMatchObject({ pin: digest });
    expect(registry.log).toEqual([]);
  });

  it('is asked for by GET where HEAD is refused, an empty one too', async () => {
    const empty = digestOf('');
    registry.blobs.set(empty, Buffer.alloc(0));
    registry.intercept = (request, response) => {
      if (request.method !== 'HEAD') return false;
      response.writeHead(403).end();
      return true;
    };
    for (const each of [digest, empty]) {
      const instance = await open(`docker-image+blob://${registry.host}/a/b@${each}`, {}, undefined, [registry.host]);
      expect(await instance.cacheKey(newJob(), 0)).toMatchObject({ pin: each });
    }
    registry.intercept = undefined;
  });

  it('is written as a file', async () => {
    const instance = await open(`docker-image+blob://${registry.host}/a/b:tag@${digest}`, {}, undefined, [
      registry.host,
    ]);
    expect(readFileSync(join((await writeSnapshot(instance)).dir, digest.slice(7)), 'utf8')).toBe('from a registry\n');
    const missing = await open(`docker-image+blob://${registry.host}/a/b@${digestOf('none')}`, {}, undefined, [
      registry.host,
    ]);
    expect(await failureCode(writeSnapshot(missing))).toBe('E_BLOB_NOT_FOUND');
  });
});
