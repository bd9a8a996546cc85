/** Rounds of pushes that are killed, or whose registry fails at random. A seed repeats the round. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { randomFrom } from '../store/rounds.ts';
import { ctxsrc } from './cli.ts';
import { digestOf, LayoutBuilder } from './layout-builder.ts';
import { PushRegistry, problem, type Rule, send } from './push-registry.ts';
import { imageOf, layerOf, pushPlan } from './pushed-image.ts';
import { tar } from './tar-builder.ts';
import { tempDir } from './temp.ts';

interface IndexFile {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[];
}

function indexOf(layout: string): IndexFile {
  return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as IndexFile;
}

/**
 * Eight processes push images with a common layer into one layout; some are killed and come again.
 * @returns the source and the layout, which has the eight names `image-0` to `image-7`, and each blob whole
 */
export async function pushAtOnce(seed: string): Promise<{ readonly source: string; readonly layout: string }> {
  const random = randomFrom(seed);
  const layout = join(tempDir('push'), 'layout');
  const builder = new LayoutBuilder();
  const names = Array.from({ length: 8 }, (_, number) => `image-${number}`);
  const common = builder.layer(tar([{ name: 'common', content: Buffer.alloc(2e6, 'common') }]));
  for (const name of names) {
    const own = builder.layer(tar([{ name, content: Buffer.alloc(2e6, name) }]));
    builder.tag(builder.image({ layers: [common, own] }), name);
  }
  const source = builder.write(tempDir('source'));
  const push = async (name: string, patience: number): Promise<void> => {
    const started = performance.now();
    const kill = { when: () => performance.now() - started > patience, signal: 'SIGKILL' } as const;
    const args = ['push', `oci-layout://${source}:${name}`, `oci-layout://${layout}:${name}`];
    const { signal, code, stderr } = await ctxsrc(args, { kill });
    if (existsSync(join(layout, 'index.json'))) indexOf(layout);
    if (signal === 'SIGKILL') return push(name, patience * 2);
    expect(code, `seed ${seed}: ${stderr}`).toBe(0);
  };
  await Promise.all(names.map((name, number) => push(name, number % 2 === 0 ? 60_000 : 100 + 400 * random())));
  const { manifests } = indexOf(layout);
  const tags = manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
  expect(tags.sort(), `seed ${seed}`).toEqual(names);
  const blobs = readdirSync(join(layout, 'blobs', 'sha256'));
  for (const { digest } of manifests) expect(blobs).toContain(digest.slice('sha256:'.length));
  for (const hex of blobs) {
    expect(digestOf(readFileSync(join(layout, 'blobs', 'sha256', hex))), `seed ${seed}`).toBe(`sha256:${hex}`);
  }
  return { source, layout };
}

/** One push to a registry that fails at random: what arrived is right, or the tag is not there; then one without faults. */
export async function pushUnderFaults(seed: string): Promise<void> {
  const random = randomFrom(seed);
  const registry = await PushRegistry.start();
  try {
    const share = random() * 0.4;
    const whole = random() < 0.4 ? 1.2e6 : Number.POSITIVE_INFINITY;
    if (random() < 0.5) registry.tokenLife = 300;
    registry.rule = faults(registry, { random, share, whole });
    const sizes = Array.from({ length: 1 + Math.floor(random() * 5) }, () => Math.floor(random() ** 2 * 2e6));
    const plan = imageOf(...sizes.map((size, number) => layerOf(size, number + 1)));
    const expectWhole = (): void => {
      expect(registry.manifestsOf('team/app').get('1'), `seed ${seed}`).toEqual(Buffer.from(plan.root.bytes));
      for (const { digest } of plan.blobs) {
        const bytes = registry.blobsOf('team/app').get(digest);
        expect(bytes === undefined ? undefined : digestOf(bytes), `seed ${seed}`).toBe(digest);
      }
    };
    const failure = await pushPlan(registry, plan, { stallTimeout: 200, retry: 3 }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) expectWhole();
    else {
      expect(failure, `seed ${seed}`).toBeInstanceOf(CtxsrcError);
      // The answer about the tag may have been lost.
      if (registry.manifestsOf('team/app').has('1')) expectWhole();
    }
    registry.rule = undefined;
    await pushPlan(registry, plan, { stallTimeout: 10_000 });
    expectWhole();
  } finally {
    await registry.stop();
  }
}

/** What may happen to a request; `share` of all is spoilt. */
function faults(
  registry: PushRegistry,
  { random, share, whole }: { readonly random: () => number; readonly share: number; readonly whole: number },
): Rule {
  return ({ method, url, headers, raw }, response) => {
    const isUpload = url.includes('/blobs/uploads/id');
    const refuse = (status: number, code: string, more: Readonly<Record<string, string>> = {}): true => {
      raw.resume();
      return send(response, problem(status, code, 'by chance', more), method);
    };
    if (isUpload && Number(headers['content-length'] ?? 0) > whole) return refuse(413, 'SIZE_INVALID');
    if (random() > share) return undefined;
    switch (Math.floor(random() * 9)) {
      case 0:
        raw.socket.destroy();
        return true;
      case 1:
        return () => raw.socket.destroy();
      case 2:
        raw.once('data', () => raw.socket.destroy());
        return undefined;
      case 3:
        return refuse(500, 'UNKNOWN');
      case 4:
        return refuse(503, 'UNAVAILABLE', { 'retry-after': '1' });
      case 5:
        return refuse(429, 'TOOMANYREQUESTS');
      case 6:
        if (isUpload) registry.uploads.clear();
        return undefined;
      case 7:
        registry.forgetTokens();
        return undefined;
      default:
        // Collection between the blobs and the manifest.
        if (method === 'PUT' && url.includes('/manifests/')) registry.blobsOf('team/app').clear();
        return undefined;
    }
  };
}
