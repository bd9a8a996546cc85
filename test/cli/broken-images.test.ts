/** Images that are broken: the right exit code, one clear line, and nothing left behind. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { expectFailure, layoutRef } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

describe('broken images', () => {
  it.each([
    ['config-no-json', 'E_IMAGE_CONFIG_INVALID', /config/],
    ['schema-1', 'E_SCHEMA1', /schema 1|schema1/i],
    ['schema-1-disguised', 'E_SCHEMA1', /schema 1|schema1|fsLayers/i],
    ['contains-itself', 'E_DIGEST_MISMATCH', /digest/],
    ['too-few-diff-ids', 'E_IMAGE_CONFIG_INVALID', /layers|diff/i],
    ['wrong-manifest-digest', 'E_DIGEST_MISMATCH', /digest/],
    ['missing-manifest', 'E_BLOB_NOT_FOUND', /sha256:/],
  ] as const)('%s has no key', async (tag, code, message) => {
    await expectFailure(['key', layoutRef('broken', tag)], { code, message, hint: /./ });
  });

  it.each([
    ['truncated-blob', ['E_SIZE_MISMATCH', 'E_DIGEST_MISMATCH'], 5],
    ['wrong-digest', ['E_DIGEST_MISMATCH'], 5],
    ['wrong-size', ['E_SIZE_MISMATCH'], 5],
    ['wrong-diff-id', ['E_DIFF_ID_MISMATCH'], 5],
    ['missing-blob', ['E_BLOB_NOT_FOUND'], 3],
    ['schema-1', ['E_SCHEMA1'], 5],
  ] as const)('%s gives no snapshot and leaves nothing behind', async (tag, codes, exit) => {
    const parent = tempDir('target');
    const home = cliHome();
    const result = await ctxsrc(['snapshot', layoutRef('broken', tag), join(parent, 'deep', 'out'), '--json'], {
      home,
    });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: exit, stdout: '' });
    const { error } = JSON.parse(result.stderr.trimEnd().split('\n').at(-1)!) as {
      error: { code: string; hint?: string };
    };
    expect(codes).toContain(error.code);
    expect(error.hint).toMatch(/./);
    const left = readdirSync(parent, { recursive: true, encoding: 'utf8' });
    expect(left.filter((path) => path !== 'deep')).toEqual([]);
    // Node's own cache of compiled code, where there is one.
    expect(readdirSync(join(home, 'tmp')).filter((name) => name !== 'node-compile-cache')).toEqual([]);
  });

  it('a manifest over 4 MiB', async () => {
    const layout = new LayoutBuilder();
    const image = layout.image({ layers: [], annotations: { big: 'x'.repeat(4 * 1024 * 1024) } });
    const dir = layout.tag(image, 'latest').write(tempDir('layout'));
    await expectFailure(['key', `oci-layout://${dir}`], { code: 'E_LIMIT', message: /4 MiB|4194304/ });
  });

  it('an index in an index in an index, without end', async () => {
    const layout = new LayoutBuilder();
    let inner = layout.image({ layers: [] });
    for (let depth = 0; depth < 2000; depth++) inner = layout.index([inner]);
    const dir = layout.tag(inner, 'latest').write(tempDir('layout'));
    await expectFailure(['key', `oci-layout://${dir}`], { code: 'E_LIMIT', message: /nest|deep|depth|index/i });
  });

  it.each([
    ['an index.json that is no JSON', 'index.json', 'not {json'],
    ['an index.json without manifests', 'index.json', '[]'],
  ])('%s', async (_, name, text) => {
    const layout = new LayoutBuilder();
    const dir = layout.tag(layout.image({ layers: [] }), 'latest').write(tempDir('layout'));
    writeFileSync(join(dir, name), text);
    const result = await ctxsrc(['key', `oci-layout://${dir}`]);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 5, stdout: '' });
  });

  it('a layer that would write outside', async () => {
    const layout = new LayoutBuilder();
    const parent = tempDir('target');
    const evil = tar([
      { name: 'up', type: 'symlink', linkname: parent },
      { name: '../../escaped', content: 'x' },
      { name: 'up/escaped', content: 'x' },
      { name: '/escaped', content: 'x' },
    ]);
    const image = layout.image({ layers: [layout.layer(evil)] });
    const dir = layout.tag(image, 'latest').write(join(tempDir('layout'), 'oci'));
    await ctxsrc(['snapshot', `oci-layout://${dir}`, join(parent, 'a', 'b', 'out')]);
    expect(existsSync(join(parent, 'escaped')) || existsSync(join(parent, 'a', 'escaped'))).toBe(false);
    expect(existsSync('/escaped')).toBe(false);
  });
});
