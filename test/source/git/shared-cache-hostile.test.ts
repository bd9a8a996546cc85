/** Entries of a shared cache that are not what their pin says: the origin answers, after one note and a bounded time. */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureText } from '../../support/failure-code.ts';
import { blob, commit, git } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { problem, send } from '../../support/push-registry.ts';
import { REPOSITORY } from '../../support/shared-cache.ts';
import { newStore } from '../../support/source-env.ts';
import { paths } from './served-repositories.ts';
import { SharedCommits } from './shared-commits.ts';

const ALL = ['a', 'a/f', 'b', 'b/g'];
const TREE = 2;
const BLOB = 3;
const DELTA = 7;

/** A number in groups of seven bits, the lowest first; the first group may share its byte with a type. */
function varint(value: number, type?: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  if (type !== undefined) {
    bytes.push((type << 4) | (rest % 16));
    rest = Math.floor(rest / 16);
  } else {
    bytes.push(rest % 128);
    rest = Math.floor(rest / 128);
  }
  for (; rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1]! |= 0x80;
    bytes.push(rest % 128);
  }
  return Buffer.from(bytes);
}

/** A pack of these objects, whatever they are; @param count what its head says that it has. */
function packed(objects: readonly Buffer[], count = objects.length): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(count, 8);
  const body = Buffer.concat([head, ...objects]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

const object = (type: number, content: Buffer, size = content.length): Buffer =>
  Buffer.concat([varint(size, type), deflateSync(content)]);

/** A blob of 64 KiB, and a delta of it that stands for so many times as much. */
function bomb(times: number): readonly [Buffer, Buffer] {
  const base = Buffer.alloc(65_536);
  const id = createHash('sha1').update('blob 65536\0').update(base).digest();
  // 0x80 copies 64 KiB from the start.
  const delta = Buffer.concat([varint(base.length), varint(base.length * times), Buffer.alloc(times, 0x80)]);
  return [object(BLOB, base), Buffer.concat([varint(delta.length, DELTA), id, deflateSync(delta)])];
}

describe.skipIf(!needs('git'))('an entry of a shared cache', () => {
  let world: SharedCommits;

  beforeEach(async () => {
    world = await SharedCommits.start();
  });
  afterEach(() => world.stop());

  it.each<[string, (world: SharedCommits) => void, string, string?]>([
    ['of another commit', (w) => w.plant(w.packOf(w.objects(`${w.id}^`))), 'E_DIGEST_MISMATCH'],
    ['without one file', (w) => w.plant(w.packOf(w.objects().slice(0, -1))), 'E_DIGEST_MISMATCH'],
    ['without the commit', (w) => w.plant(w.packOf(w.objects().slice(1))), 'E_DIGEST_MISMATCH'],
    ['with one object more', (w) => w.plant(w.packOf([...w.objects(), blob(w.dir, 'more')])), 'E_DIGEST_MISMATCH'],
    [
      'with a changed byte',
      (w) => {
        const pack = w.packOf(w.objects());
        pack[40]! ^= 1;
        w.plant(pack);
      },
      'E_DIGEST_MISMATCH',
    ],
    ['cut short', (w) => w.plant(w.packOf(w.objects()).subarray(0, -30)), 'E_DIGEST_MISMATCH'],
    ['that is no pack', (w) => w.plant(Buffer.from('#!/bin/sh\n')), 'E_DIGEST_MISMATCH'],
    ['with a delta that is 3 GiB', (w) => w.plant(packed(bomb(49_152))), 'E_DIGEST_MISMATCH', 'over limit'],
    [
      'with a tree of 3 GiB',
      (w) => w.plant(packed([object(TREE, Buffer.alloc(9), 3 * 2 ** 30)])),
      'E_DIGEST_MISMATCH',
      'over limit',
    ],
    ['with four milliards of objects', (w) => w.plant(packed(bomb(1), 0xffffffff)), 'E_DIGEST_MISMATCH'],
    ['of two layers', (w) => w.plant(w.packOf(w.objects()), (one) => ({ layers: [one, one] })), 'E_MANIFEST_INVALID'],
    ['that is an index', (w) => w.plant(Buffer.from('x'), () => ({ manifests: [] })), 'E_MANIFEST_INVALID'],
    [
      'that is longer than it says',
      (w) => w.plant(w.packOf(w.objects()), (one) => ({ layers: [{ ...one, size: 20 }] })),
      'E_LIMIT',
    ],
    [
      'with an endless manifest',
      (w) => w.plant(Buffer.from('x'), (one) => ({ layers: [one], annotations: { a: 'x'.repeat(1e6) } })),
      'E_LIMIT',
    ],
  ])('%s is no answer', async (_, plant, code, words = '') => {
    plant(world);
    const run = world.reads();
    expect(paths(await world.write(run))).toEqual(ALL);
    expect(run.notes).toEqual([expect.stringContaining('is not used any more in this run')]);
    expect(await failureText(world.write(world.reads({ strict: true })))).toMatch(
      new RegExp(`^${code} the shared cache ${world.registry.host}/${REPOSITORY}: .*${words}`),
    );
  });

  it('that is wrong is the last that a run asks for', async () => {
    world.plant(Buffer.from('#!/bin/sh\n'));
    const run = world.reads();
    await world.write(run);
    expect(world.requests()).toHaveLength(2);
    expect(paths(await world.write(run))).toEqual(ALL);
    expect(world.requests()).toEqual([]);
    expect(run.notes).toHaveLength(1);
  });

  it('of a tag that is of no commit leaves a repository in which the origin can be asked on', async () => {
    const store = await newStore();
    for (const [name, object] of Object.entries({ tree: `${world.id}:a`, file: `${world.id}:a/f` })) {
      git(world.dir, ['tag', '-a', '-m', 'x', name, object]);
      const tag = git(world.dir, ['rev-parse', name]);
      world.plant(world.packOf(world.objects(tag)), undefined, tag);
      expect(await failureText(world.write(world.reads(), `#${name}`, {}, store))).toMatch(/^E_NOT_FOUND/);
    }
    expect(paths(await world.write(world.reads(), undefined, {}, store))).toEqual(ALL);
  });

  it('that is wrong is put right by a run that may write', async () => {
    world.plant(world.packOf(world.objects().slice(1)));
    expect(paths(await world.write(world.both()))).toEqual(ALL);
    world.asked = 0;
    expect(paths(await world.write(world.reads({ strict: true })))).toEqual(ALL);
    expect(world.asked).toBe(0);
  });

  it('that is wrong under a tag that never moves costs a note more', async () => {
    world.plant(world.packOf(world.objects().slice(1)));
    world.registry.rule = ({ method, url }, response) =>
      method === 'PUT' && url.includes('/manifests/')
        ? send(response, problem(409, 'TAG_INVALID', 'the tag is immutable'))
        : undefined;
    const run = world.both();
    expect(paths(await world.write(run))).toEqual(ALL);
    expect(run.notes).toEqual([
      expect.stringContaining('is not used any more in this run'),
      expect.stringMatching(/is not used any more in this run: .*immutable/),
    ]);
  });

  it('that takes hours to unpack costs one wait', async () => {
    const [base, delta] = bomb(2048);
    world.plant(packed([base, ...Array.from({ length: 1000 }, () => delta)]));
    const run = world.reads({ stallTimeout: 500 });
    const started = Date.now();
    expect(paths(await world.write(run))).toEqual(ALL);
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(run.notes).toEqual([expect.stringContaining('did not answer')]);
  });

  it('that hangs after its manifest costs one wait', async () => {
    world.plant(world.packOf(world.objects()));
    world.registry.rule = ({ url }) => (url.includes('/blobs/') ? true : undefined);
    const run = world.both({ stallTimeout: 250 });
    expect(paths(await world.write(run))).toEqual(ALL);
    commit(world.dir, 'refs/heads/main', { f: 'x' });
    expect(paths(await world.write(run, `#${git(world.dir, ['rev-parse', 'main'])}`))).toEqual(['f']);
    expect(run.notes).toHaveLength(1);
    expect(world.requests()).toHaveLength(2);
  });
});
