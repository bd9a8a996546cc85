/** Blobs without bytes, documents that are too large, and names that no registry takes: each is said in time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { push } from '../../../src/library/push.ts';
import { failure } from '../../support/failure-code.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { PushRegistry, problem, send } from '../../support/push-registry.ts';
import { imageOf, layerOf, pushPlan } from '../../support/pushed-image.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const OVER = 'x'.repeat(4 * 1024 * 1024);

describe('a push, and what has no bytes, too many, or a wrong name', () => {
  let registry: PushRegistry;
  beforeEach(async () => {
    registry = await PushRegistry.start();
  });
  afterEach(() => registry.stop());

  const pushLayout = (layout: string, name = 'team/app:1') =>
    push(`oci-layout://${layout}`, `docker-image://${registry.host}/${name}`, {
      cacheDir: tempDir('cache'),
      allPlatforms: true,
    });

  it.each([
    [400, 'BLOB_UPLOAD_INVALID', 'layer is empty'],
    [400, 'SIZE_INVALID', 'size must be positive'],
    [405, 'UNSUPPORTED', 'no'],
  ])('an empty blob that is refused (%i %s) is sent once, and said to be empty', async (status, code, message) => {
    registry.rule = ({ method, url, headers }, response) =>
      method === 'PUT' && url.includes('/blobs/') && headers['content-length'] === '0'
        ? send(response, problem(status, code, message))
        : undefined;
    const error = await failure(pushPlan(registry, imageOf(layerOf(0)), { parallel: 1, retry: 5 }));
    expect(error).toMatchObject({ code: 'E_LIMIT', exit: 8, hint: expect.stringContaining('without empty layers') });
    expect(error.message).toContain(message);
    expect(error.message).toContain('the blob has no bytes');
    const empty = registry.log.filter(({ method, headers }) => method === 'PUT' && headers['content-length'] === '0');
    expect(empty.length).toBe(1);
    expect(registry.manifestsOf('team/app').size).toBe(0);
  });

  const builder = new LayoutBuilder();
  const layers = [builder.layer(tar([{ name: 'a', content: 'a' }]))];
  const small = builder.image({ layers });
  it.each([
    ['a configuration', builder.image({ layers, config: { Labels: { x: OVER } } })],
    ['a manifest', builder.image({ layers, annotations: { x: OVER } })],
    ['an index', builder.index(Array.from({ length: 30_000 }, () => small))],
  ])('%s over 4 MiB is refused before the first request', async (_, root) => {
    builder.manifests.length = 0;
    const layout = builder.tag(root, 'latest').write(tempDir('large'));
    expect(await failure(pushLayout(layout))).toMatchObject({ code: 'E_LIMIT', exit: 8 });
    expect(registry.log).toEqual([]);
  });

  it.each([
    ['a plus sign', 'team/app:1.0+build'],
    ['129 characters', `team/app:${'x'.repeat(129)}`],
    ['capitals in the name', 'Team/App:1'],
  ])('a name with %s is refused before the first request', async (_, name) => {
    builder.manifests.length = 0;
    const layout = builder.tag(small, 'latest').write(tempDir('name'));
    expect(await failure(pushLayout(layout, name))).toMatchObject({ code: 'E_REFERENCE', exit: 2 });
    expect(registry.log).toEqual([]);
  });
});
