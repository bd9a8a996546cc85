/** Blobs are not synced: what a power cut leaves of one is found where it is used, and fetched again. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { TestRegistry } from '../../support/registry.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const CONTENT = 'content '.repeat(5000);

let registry: TestRegistry;
let ref: string;
const images = new LayoutBuilder();
const layer = images.layer(tar([{ name: 'file', content: CONTENT }]));
const { digest, size } = layer.descriptor;

beforeAll(async () => {
  registry = await TestRegistry.start();
  registry.push(images, 'app', 'latest', images.image({ layers: [layer] }));
  ref = `docker-image://${registry.host}/app`;
});

afterAll(() => registry.stop());

/** A store that has the image, and the path of its layer's blob. */
async function filled(): Promise<{ home: string; blob: string }> {
  const home = cliHome();
  expect(await ctxsrc(['pull', ref], { home })).toMatchObject({ code: 0 });
  return { home, blob: join(home, 'cache/ctxsrc/blobs/sha256', digest.slice('sha256:'.length)) };
}

it.each([
  ['nothing', 0],
  ['a part', Math.floor(size / 2)],
])('of which %s is left: it is fetched in the same run', async (_, bytes) => {
  const { home, blob } = await filled();
  truncateSync(blob, bytes);
  const out = join(tempDir('out'), 'tree');
  const before = registry.count('GET', /\/blobs\//);
  const { code, stderr } = await ctxsrc(['snapshot', ref, out], { home });
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('was damaged and has been removed');
  expect(registry.count('GET', /\/blobs\//) - before).toBe(1);
  expect(readFileSync(join(out, 'file'), 'utf8')).toBe(CONTENT);
  expect(readFileSync(blob)).toEqual(images.blobs.get(digest));
});

it('whose bytes are zeros: it is removed, and fetched by the next run', async () => {
  const { home, blob } = await filled();
  writeFileSync(blob, Buffer.alloc(size));
  const out = join(tempDir('out'), 'tree');
  const first = await ctxsrc(['snapshot', ref, out], { home });
  expect(first).toMatchObject({ code: 5, stderr: expect.stringContaining('run the same command again') });
  expect(await ctxsrc(['snapshot', ref, out], { home })).toMatchObject({ code: 0 });
  expect(readFileSync(join(out, 'file'), 'utf8')).toBe(CONTENT);
});
