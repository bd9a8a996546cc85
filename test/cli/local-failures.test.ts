/** Targets that may not be replaced, disks that are full and files that may not be read: nothing half-done stays. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { ctxsrc } from '../support/cli.ts';
import { expectFailure, layoutRef } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { mayMount } from '../support/mount.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe('targets', () => {
  it('a directory with something else in it stays as it is', async () => {
    const target = tempDir('target');
    writeFileSync(join(target, 'mine'), 'precious');
    await expectFailure(['snapshot', layoutRef('hello'), target], {
      code: 'E_TARGET_EXISTS',
      message: new RegExp(target),
      hint: /--force/,
    });
    expect(readdirSync(target)).toEqual(['mine']);
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('precious');
  });

  it('a file stays as it is', async () => {
    const target = join(tempDir('target'), 'file');
    writeFileSync(target, 'precious');
    await expectFailure(['snapshot', layoutRef('hello'), target], { code: 'E_TARGET_EXISTS', message: /file/ });
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  it('the current directory', async () => {
    const cwd = tempDir('cwd');
    await expectFailure(['snapshot', layoutRef('hello'), '.'], { code: 'E_TARGET_EXISTS', message: /./ }, { cwd });
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('a directory inside the source', async () => {
    const source = join(tempDir('source'), 'app');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'x');
    await expectFailure(['snapshot', source, join(source, 'out')], { code: 'E_TARGET_IN_SOURCE', message: /./ });
    expect(readdirSync(source)).toEqual(['file']);
  });

  describe.skipIf(!mayMount())('a full disk', () => {
    const disk = tempDir('disk');
    beforeAll(() => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    });
    afterAll(() => {
      execFileSync('umount', [disk]);
    });

    it('leaves nothing behind', async () => {
      const layout = new LayoutBuilder();
      const big = Array.from({ length: 40 }, (_, i) => ({ name: `file-${i}`, content: Buffer.alloc(100_000, i) }));
      const image = layout.image({ layers: [layout.layer(tar(big))] });
      const dir = layout.tag(image, 'latest').write(tempDir('layout'));
      await expectFailure(['snapshot', `oci-layout://${dir}`, join(disk, 'out')], {
        code: 'E_DISK_FULL',
        message: /space/,
      });
      expect(readdirSync(disk)).toEqual([]);
    });

    it('a layout that is pushed into keeps the names it had', async () => {
      const [layout, dir] = [join(disk, 'layout'), tempDir('files')];
      writeFileSync(join(dir, 'small'), 'x');
      expect((await ctxsrc(['push', dir, `oci-layout://${layout}:small`])).code).toBe(0);
      const before = readFileSync(join(layout, 'index.json'), 'utf8');
      writeFileSync(join(dir, 'big'), randomBytes(3_000_000));
      const full = { code: 'E_DISK_FULL', message: /cannot push into the OCI layout .*no space/ } as const;
      await expectFailure(['push', dir, `oci-layout://${layout}:big`], full);
      expect(readFileSync(join(layout, 'index.json'), 'utf8')).toBe(before);
      expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
      rmSync(layout, { recursive: true });
      // Where the layer is packed; the file that is read is not to blame.
      const packing = { code: 'E_DISK_FULL', message: /cannot write the layer: no space/ } as const;
      const to = join(tempDir('out'), 'layout');
      await expectFailure(['push', '--cache-dir', join(disk, 'cache'), dir, `oci-layout://${to}`], packing);
      expect(existsSync(to)).toBe(false);
      rmSync(join(disk, 'cache'), { recursive: true });
    });

    it('that a shared cache fills with something else is a note, and the file comes from its origin', async () => {
      const server = createServer(({ url }, response) => {
        response.end(url!.startsWith('/v2/') ? Buffer.alloc(3_000_000) : 'content');
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const cache = ['--cache-from', `docker-image://${host}/team/cache`, '--cache-dir', join(disk, 'cache')];
      try {
        const { code, stderr } = await ctxsrc([
          'pull',
          ...cache,
          '--checksum',
          sha256('content'),
          `http://${host}/file`,
        ]);
        expect(stderr).toMatch(/team\/cache is not used any more in this run: cannot keep .* no space/);
        expect(code).toBe(0);
      } finally {
        server.close();
        rmSync(join(disk, 'cache'), { recursive: true });
      }
    });

    it('where the store lies', async () => {
      const layout = new LayoutBuilder();
      const image = layout.image({
        layers: [layout.layer(tar([{ name: 'big', content: Buffer.alloc(4_000_000, 1) }]))],
      });
      const server = await TestRegistry.start();
      try {
        server.push(layout, 'big', 'tag', image);
        const target = join(tempDir('target'), 'out');
        const args = ['snapshot', `docker-image://${server.host}/big:tag`, target, '--cache-dir', join(disk, 'cache')];
        await expectFailure(args, { code: 'E_DISK_FULL', message: /space/ });
        expect(existsSync(target)).toBe(false);
      } finally {
        await server.stop();
      }
    });
  });
});

describe('files that may not be read', () => {
  /** Someone who is not root: the tester, or nobody. */
  const uid = isRoot ? NOBODY : undefined;

  function sourceWith(mode: number, name: string): string {
    const source = join(tempDir('source'), 'app');
    mkdirSync(source);
    writeFileSync(join(source, 'open'), 'x');
    if (name.endsWith('/')) mkdirSync(join(source, name));
    else writeFileSync(join(source, name), 'secret');
    chmodSync(join(source, name), mode);
    if (uid !== undefined) for (const path of [source, join(source, name)]) chownSync(path, uid, uid);
    return source;
  }

  it.each(['closed', 'closed/'])('%s in a directory', async (name) => {
    const source = sourceWith(0, name);
    await expectFailure(['key', source], { code: 'E_PERMISSION', message: /closed/ }, { uid });
    const parent = tempDir('target');
    if (uid !== undefined) chownSync(parent, uid, uid);
    const result = await ctxsrc(['snapshot', source, join(parent, 'out')], { uid });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 74, stdout: '' });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('one that is ignored does not matter', async () => {
    const source = sourceWith(0, 'closed');
    const result = await ctxsrc(['key', source, '--exclude', 'closed'], { uid });
    expect(result.code, result.stderr).toBe(0);
  });

  it('a target where nothing may be written', async () => {
    const parent = tempDir('target');
    if (!isRoot) chmodSync(parent, 0o555);
    await expectFailure(
      ['snapshot', layoutRefOpen(), join(parent, 'out')],
      { code: 'E_PERMISSION', message: /out|target/ },
      { uid },
    );
    expect(readdirSync(parent)).toEqual([]);
  });
});

/** A layout that every user may read, wherever the clone lies. */
function layoutRefOpen(): string {
  const layout = new LayoutBuilder();
  const image = layout.image({ layers: [layout.layer(tar([{ name: 'a', content: 'a' }]))] });
  return `oci-layout://${layout.tag(image, 'latest').write(tempDir('layout'))}`;
}
