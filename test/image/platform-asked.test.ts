/** A platform that was asked for, and an image that is for another one and offers no choice. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Attributes, JobContext, SourceEnv } from '../../src/contract/index.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { source as ociLayout } from '../../src/source/oci-layout/source.ts';
import { ctxsrc } from '../support/cli.ts';
import { directory, layoutRef } from '../support/cli-expect.ts';
import { fakeJob } from '../support/fake-ref.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newEnv } from '../support/source-env.ts';
import { tempDir } from '../support/temp.ts';

const dir = tempDir('layout');
const built = new LayoutBuilder();
const layers = [built.layer(Buffer.alloc(1024))];
const platform = { architecture: 'amd64', os: 'linux' };
const image = built.image({ layers, platform });
const madeOfSource = built.image({ layers, platform, annotations: { 'dev.ctxsrc.format': '1' } });
const saysNothing = built.image({
  layers,
  configBytes: JSON.stringify({ rootfs: { type: 'layers', diff_ids: [layers[0]!.diffId] } }),
});
built
  .tag(image, 'one')
  .tag(built.index([image]), 'index')
  .tag(madeOfSource, 'made')
  .tag(saysNothing, 'nothing');
built.write(dir);

function open(tag: string, attributes: Attributes, env: Partial<SourceEnv> = {}) {
  const rest = `${dir}:${tag}`;
  const id = ociLayout.identify({ scheme: 'oci-layout', rest, text: `oci-layout://${rest}` }, attributes);
  return ociLayout.resolve(id, { ...newEnv(new MemoryStore(), { offline: true }), ...env });
}

async function told(tag: string, attributes: Attributes, env: Partial<SourceEnv> = {}): Promise<ProgressEvent[]> {
  const job = fakeJob();
  await open(tag, attributes, env).cacheKey(job, 0);
  return job.events.filter((event) => event.type === 'message' && event.level === 'warning');
}

describe('a single manifest for another platform', () => {
  it('is a warning to whoever asked, and an error of exit 7 to whoever is strict', async () => {
    const warning = {
      type: 'message',
      level: 'warning',
      text: `oci-layout://${dir}:one is an image for linux/amd64 and no other platform, not for linux/arm64`,
      hint: expect.stringContaining('--platform linux/amd64') as string,
    };
    expect(await told('one', { platform: 'linux/arm64' })).toEqual([warning]);
    expect(await told('one', {}, { defaultPlatform: 'linux/arm64', platformAsked: true })).toEqual([warning]);
    const strict: JobContext = { ...fakeJob(), strict: true };
    await expect(open('one', { platform: 'linux/arm64' }).cacheKey(strict, 1)).rejects.toMatchObject({
      code: 'E_PLATFORM_NOT_FOUND',
      exit: 7,
      message: warning.text,
    });
  });

  it('is nothing to whoever did not ask, or asked for what the image is for or runs on', async () => {
    expect(await told('one', {}, { defaultPlatform: 'linux/arm64' })).toEqual([]);
    expect(await told('one', { platform: 'linux/x86_64' })).toEqual([]);
    expect(await told('one', { platform: 'linux/amd64/v3' })).toEqual([]);
    expect(await told('index', { platform: 'linux/amd64' })).toEqual([]);
  });

  it('is nothing for files that this program made an image of, nor where the configuration names none', async () => {
    expect(await told('made', { platform: 'linux/arm64' })).toEqual([]);
    expect(await told('nothing', { platform: 'linux/arm64' })).toEqual([]);
  });

  it('keeps the keys, which are of the platform that was asked for', async () => {
    const key = async (index: number, attributes: Attributes) =>
      (await open('one', attributes).cacheKey(fakeJob(), index)).key;
    expect(await key(1, { platform: 'linux/arm64' })).toBe(layers[0]!.diffId);
    expect(await key(0, { platform: 'linux/arm64' })).not.toBe(await key(0, { platform: 'linux/amd64' }));
  });
});

describe('on the command line', () => {
  const hello = layoutRef('hello');
  const app = directory('app');

  it('answers say what the image is for, and --strict refuses', async () => {
    const env = { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' };
    const [plain, strict, byEnvironment, inspect] = await Promise.all([
      ctxsrc(['key', '--json', '--platform', 'linux/arm64', hello]),
      ctxsrc(['digest', '--manifest', '--strict', '--platform', 'linux/arm64', hello]),
      ctxsrc(['snapshot', '--strict', hello, join(tempDir('out'), 'x')], { env }),
      ctxsrc(['inspect', hello], { env }),
    ]);
    expect(JSON.parse(plain.stdout)).toMatchObject({ platform: 'linux/arm64', imagePlatform: 'linux/amd64' });
    expect(plain.stderr).toMatch(/is an image for linux\/amd64/);
    for (const refused of [strict, byEnvironment]) {
      expect({ code: refused.code, stdout: refused.stdout }, refused.stderr).toEqual({ code: 7, stdout: '' });
      expect(refused.stderr).toMatch(/hint: .*--platform linux\/amd64/);
    }
    expect(inspect.stdout).toMatch(/ linux\/amd64 .*\nasked +for linux\/arm64$/m);
  });

  it('the combined key counts the platform, of a single manifest and of directories too', async () => {
    const preimage = async (args: readonly string[], env?: Record<string, string>) => {
      const { stdout, stderr } = await ctxsrc(['key', '--combined', '--json', '-v', ...args], { env });
      expect(stderr, args.join(' ')).not.toMatch(/^ctxsrc:/m);
      return JSON.parse((JSON.parse(stdout) as { preimage: string }).preimage) as { V: number; Platform?: string };
    };
    const [amd, arm, byEnvironment, directoryAlone, directoryFor] = await Promise.all([
      preimage(['--platform', 'linux/x86_64', hello]),
      preimage(['--platform', 'linux/arm', hello]),
      preimage([hello], { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' }),
      preimage([app], { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' }),
      preimage(['--platform', 'linux/arm64/v8', app]),
    ]);
    expect([amd, arm, byEnvironment, directoryAlone, directoryFor].map(({ Platform }) => Platform)).toEqual([
      'linux/amd64',
      'linux/arm/v7',
      'linux/arm64',
      undefined,
      'linux/arm64',
    ]);
    expect(Object.keys(arm)).toEqual(['V', 'Platform', 'Contexts', 'Files', 'With']);
    expect({ ...arm, Platform: 'linux/amd64' }).toEqual(amd);
    const wrong = await ctxsrc(['key', '--combined', '--platform', 'linux/nope/a/b', app]);
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    const idle = await ctxsrc(['key', '--platform', 'linux/arm64', app]);
    expect([idle.code, idle.stdout]).toEqual([2, '']);
  });
});
