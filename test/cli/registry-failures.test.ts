/** Registries that refuse, lack, stall or are not there. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { expectFailure } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

describe('registries', () => {
  let registry: TestRegistry;
  const layout = new LayoutBuilder();
  const layer = layout.layer(tar([{ name: 'a', content: 'a' }]));
  const image = layout.image({ layers: [layer] });

  beforeAll(async () => {
    registry = await TestRegistry.start({ auth: { kind: 'basic', username: 'u', password: 'p' } });
    registry.push(layout, 'some/image', 'tag', image);
  });
  afterAll(() => registry.stop());

  it('nobody listens', async () => {
    const nobody = await TestRegistry.start();
    const { host } = nobody;
    await nobody.stop();
    await expectFailure(['digest', `docker-image://${host}/some/image:tag`, '--retry', '0'], {
      code: 'E_NETWORK',
      message: new RegExp(host.replaceAll('.', '\\.')),
    });
  });

  it('no credentials, and wrong ones', async () => {
    const args = ['digest', `docker-image://${registry.host}/some/image:tag`];
    await expectFailure(args, { code: 'E_UNAUTHORIZED', message: /some\/image|127\.0\.0\.1/ });
    const home = cliHome();
    const auth = Buffer.from('u:wrong-secret').toString('base64');
    writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const env = { DOCKER_CONFIG: home };
    await expectFailure(args, { code: 'E_UNAUTHORIZED', message: /./ }, { env });
    const { stderr } = await ctxsrc([...args, '-vv'], { env });
    expect(stderr).not.toContain('wrong-secret');
    expect(stderr).not.toContain(auth);
  });

  it('an image that is not there', async () => {
    const home = cliHome();
    const auth = Buffer.from('u:p').toString('base64');
    writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const options = { env: { DOCKER_CONFIG: home } };
    const right = await ctxsrc(['digest', `docker-image://${registry.host}/some/image:tag`], options);
    expect(right.stdout, right.stderr).toBe(`${image.digest}\n`);
    await expectFailure(
      ['digest', `docker-image://${registry.host}/some/image:nope`],
      { code: 'E_TAG_NOT_FOUND', message: /nope/ },
      options,
    );
  });

  it('an image that is another one than the checksum says', async () => {
    const open = await TestRegistry.start();
    try {
      open.push(layout, 'some/image', 'tag', image);
      const ref = `docker-image://${open.host}/some/image:tag`;
      const wrong = `sha256:${'0'.repeat(64)}`;
      await expectFailure(['key', ref, '--checksum', wrong], { code: 'E_CHECKSUM_MISMATCH', message: /0000/ });
      expect((await ctxsrc(['key', ref, '--checksum', image.digest])).code).toBe(0);
    } finally {
      await open.stop();
    }
  });

  it('an image with a damaged layer is named, and a store that stays over its limit is told', async () => {
    const open = await TestRegistry.start();
    try {
      open.push(layout, 'some/image', 'tag', image);
      const ref = `docker-image://${open.host}/some/image:tag`;
      const mirrors = { CTXSRC_MIRRORS: `registry.invalid=${open.host}` };
      const mirrored = await ctxsrc(['digest', 'docker-image://registry.invalid/some/image:tag'], { env: mirrors });
      expect(mirrored.stdout, mirrored.stderr).toBe(`${image.digest}\n`);
      const pulled = await ctxsrc(['pull', ref], { home: cliHome(), env: { CTXSRC_CACHE_MAX_SIZE: '100' } });
      expect(pulled.stdout).toBe(`${image.digest}\n`);
      expect(pulled.stderr).toMatch(/the store holds .* kB, more than CTXSRC_CACHE_MAX_SIZE \(100 B\): this run/);
      open.blobs.set(layer.descriptor.digest, Buffer.alloc(layer.descriptor.size));
      const where = new RegExp(`blob ${layer.descriptor.digest} of ${open.host}/some/image is damaged`);
      await expectFailure(['pull', ref], { code: 'E_DIGEST_MISMATCH', message: where }, { home: cliHome() });
      const blob = `docker-image+blob://${open.host}/some/image@${layer.descriptor.digest}`;
      await expectFailure(['pull', blob], { code: 'E_DIGEST_MISMATCH', message: where }, { home: cliHome() });
    } finally {
      await open.stop();
    }
  });

  it('offline, nothing is asked', async () => {
    const before = registry.log.length;
    await expectFailure(['key', `docker-image://${registry.host}/some/image:tag`, '--offline'], {
      code: 'E_OFFLINE',
      message: /some\/image/,
      hint: /^hint: run ctxsrc pull docker-image:\/\/\S+\/some\/image:tag without --offline, then name/,
    });
    const blob = `docker-image+blob://${registry.host}/some/image@sha256:${'a'.repeat(64)}`;
    await expectFailure(['key', blob, '--offline'], {
      code: 'E_OFFLINE',
      message: /blob sha256:a+ of/,
      hint: /^hint: run ctxsrc pull docker-image\+blob:\/\/\S+\/some\/image@sha256:a+ without --offline$/,
    });
    expect(registry.log.length).toBe(before);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s while a blob stands still ends at once and leaves nothing',
    async (signal) => {
      const stuck = await TestRegistry.start({
        intercept: (request, response) => {
          if (!/\/blobs\//.test(request.url ?? '')) return false;
          const bytes = layout.blobs.get(/sha256:[0-9a-f]+/.exec(request.url ?? '')?.[0] ?? '');
          if (bytes === undefined || bytes.length < 1000) return false; // the configuration comes through
          response.writeHead(200, { 'content-length': bytes.length });
          response.write(bytes.subarray(0, 100));
          return true;
        },
      });
      try {
        stuck.push(layout, 'some/image', 'tag', image);
        const parent = tempDir('target');
        const ref = `docker-image://${stuck.host}/some/image:tag`;
        const result = await ctxsrc(['snapshot', ref, join(parent, 'out')], {
          kill: { when: () => stuck.count('GET', new RegExp(layer.descriptor.digest)) > 0, signal },
          timeout: 20_000,
        });
        expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({
          code: signal === 'SIGINT' ? 130 : 143,
          stdout: '',
        });
        expect(readdirSync(parent)).toEqual([]);
        expect(stuck.count('GET', /\/blobs\//)).toBeGreaterThan(0);
      } finally {
        await stuck.stop();
      }
    },
  );
});
