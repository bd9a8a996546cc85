/**
 * What one process of a multi-process test does: fetches three blobs, enters an image, writes its files, as `ctxsrc
 * snapshot` would. Built by `buildChild` and started with one JSON argument; answers with one JSON line.
 */
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Recipe } from '../../src/contract/ref.ts';
import { chainIds } from '../../src/core/chain-id.ts';
import { type Digest, hasherFor, sha256 } from '../../src/core/digest.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import { openStore } from '../../src/store/store.ts';
import { testJob } from './job.ts';
import { reportOn, WRITE } from './recipe.ts';

export interface ChildTask {
  readonly root: string;
  /** Where the files go; it must not exist. */
  readonly target: string;
  /** Gets a line for every download and every unpacking. */
  readonly log: string;
  /** Bytes of a blob. */
  readonly blobSize: number;
  /** Milliseconds between the pieces of a download. */
  readonly pause?: number;
  /** The process ends itself by SIGKILL when so many steps are over. */
  readonly killAt?: number;
  /** Works with so many file descriptors; the others that the process may have are taken. */
  readonly descriptors?: number;
  /** Collects everything first, as a store with little room would. */
  readonly prune?: boolean;
}

export interface ChildAnswer {
  readonly steps?: number;
  readonly via?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The content of a blob by its number: always the same, and not compressible to nothing. */
export function blobBytes(number: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 12_345 + number;
  for (let i = 0; i + 4 <= size; i += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, i);
  }
  return bytes;
}

/** The files that the image of the three blobs has: a directory for each, with the blob in pieces. */
function writeFiles(dir: string, blobs: readonly Buffer[]): void {
  for (const [number, bytes] of blobs.entries()) {
    mkdirSync(join(dir, `layer${number}`));
    const piece = Math.ceil(bytes.length / 20);
    for (let i = 0; i < 20; i += 1) {
      writeFileSync(join(dir, `layer${number}`, `f${i}`), bytes.subarray(i * piece, (i + 1) * piece));
    }
  }
}

export const BLOBS = 3;

async function run(task: ChildTask): Promise<ChildAnswer> {
  let steps = 0;
  if (task.descriptors !== undefined) leaveDescriptors(task.descriptors);
  const store = await openStore({
    root: task.root,
    onStep: () => {
      steps += 1;
      if (steps === task.killAt) process.kill(process.pid, 'SIGKILL');
    },
  });
  const job = testJob();
  try {
    if (task.prune === true) await store.prune(job, { all: true });
    const contents = Array.from({ length: BLOBS }, (_, number) => blobBytes(number, task.blobSize));
    const layers = contents.map((bytes) => ({
      mediaType: MEDIA_TYPE.ociLayerTar,
      digest: sha256(bytes),
      size: bytes.length,
    }));
    const fetch = async (number: number): Promise<void> => {
      const { digest, size } = layers[number]!;
      await store.blobs.ingest(job, { digest, size }, async ({ offset }) => {
        appendFileSync(task.log, `download ${number} ${offset}\n`);
        return { offset, validator: 'v', body: pieces(contents[number]!.subarray(offset), task.pause ?? 0) };
      });
    };
    await Promise.all(layers.map((_layer, number) => fetch(number)));
    const diffIds = layers.map(({ digest }) => digest);
    const config = Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: diffIds } }));
    const described = { mediaType: MEDIA_TYPE.ociConfig, digest: sha256(config), size: config.length };
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config: described, layers }),
    );
    await store.blobs.put(described.digest, config);
    await store.blobs.put(sha256(manifest), manifest);
    await store.tagImage('example.test/image:1', {
      mediaType: MEDIA_TYPE.ociManifest,
      digest: sha256(manifest),
      size: manifest.length,
    });
    const chain = chainIds(diffIds);
    const recipe: Recipe = {
      id: chain.at(-1)!,
      layers: layers.map((descriptor, i) => ({
        descriptor,
        diffId: descriptor.digest,
        chainId: chain[i]!,
        fetch: () => fetch(i),
      })),
      produce: async (_job, dir) => {
        const blobs: Buffer[] = [];
        for (const [number, { digest }] of layers.entries()) {
          await fetch(number);
          blobs.push(await readVerified(store.blobs.path(digest), digest));
        }
        appendFileSync(task.log, 'unpack\n');
        writeFiles(dir, blobs);
        await sleep(task.pause ?? 0);
        return reportOn(dir);
      },
    };
    const ref = await store.ref(recipe);
    mkdirSync(task.target);
    const report = await ref.writeTo(job, task.target, WRITE);
    await ref.release();
    return { steps, via: report.via };
  } catch (error) {
    if (!(error instanceof CtxsrcError)) throw error;
    return { steps, error: { code: error.code, message: error.message } };
  } finally {
    await store.close();
  }
}

function leaveDescriptors(number: number): void {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const fd of taken.slice(0, number)) closeSync(fd);
  }
}

async function* pieces(bytes: Buffer, pause: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    yield bytes.subarray(at, at + 65_536);
    if (pause > 0) await sleep(pause);
  }
}

async function readVerified(path: string, digest: Digest): Promise<Buffer> {
  const bytes = readFileSync(path);
  if (`sha256:${hasherFor(digest).update(bytes).digest('hex')}` !== digest) throw new Error(`wrong bytes in ${path}`);
  return bytes;
}

const [, , argument] = process.argv;
if (argument?.startsWith('{') === true) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(argument) as ChildTask))}\n`);
}
