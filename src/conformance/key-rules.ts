/** Rules 1 to 5: identifiers, keys and pins. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { CacheKeyResult } from '../contract/index.ts';
import { isCtxsrcError } from '../core/errors.ts';
import { homeOf } from '../core/home.ts';
import { parseReference } from '../source/parse.ts';
import { allKeys } from '../source/resolve.ts';
import { Bench, PLANTED_SECRET } from './bench.ts';
import type { Check } from './check.ts';
import { skipCheck } from './check.ts';
import { askOtherProcess } from './other-process.ts';
import { expectRule } from './report.ts';

export const KEY_CHECKS: readonly Check[] = [
  {
    rule: 1,
    name: 'an identifier reads itself back',
    run: async (bench) => {
      const { source } = bench.subject;
      const attributes = bench.prepared.attributes ?? {};
      const id = source.identify(parseReference(bench.prepared.reference), attributes);
      const again = source.identify(parseReference(String(id)), id.attributes);
      expectRule(String(again) === String(id), `${String(id)} reads back as ${String(again)}`);
      expectRule(
        JSON.stringify(again) === JSON.stringify(id),
        `the JSON of ${String(id)} changes when it is read back`,
      );
      expectRule(
        source.schemes.includes(id.scheme),
        `the identifier has the scheme ${id.scheme}, which the source does not declare`,
      );
      const second = source.identify(parseReference(bench.prepared.reference), attributes);
      expectRule(JSON.stringify(second) === JSON.stringify(id), 'the same reference gave two different identifiers');
    },
  },
  {
    rule: 1,
    name: 'what is no reference is refused',
    run: async (bench) => {
      if (bench.prepared.malformed.length === 0) skipCheck('prepare() names no malformed references');
      for (const text of bench.prepared.malformed) {
        try {
          bench.subject.source.identify(parseReference(text), bench.prepared.attributes ?? {});
        } catch (error) {
          const exit = isCtxsrcError(error) ? error.exit : undefined;
          expectRule(exit === 2, `${text} was refused, but with exit ${exit ?? 1} instead of 2: ${String(error)}`);
          continue;
        }
        expectRule(false, `${text} was taken for a reference`);
      }
    },
  },
  {
    rule: 1,
    name: 'a reference to a local path means the same for a reader in another directory',
    run: async (bench) => {
      const { subject, prepared, dir } = bench;
      if (!prepared.reference.includes(dir)) skipCheck('the reference names no path in the directory of prepare()');
      const { source } = subject;
      expectRule(
        source.rebase !== undefined,
        'the source has no rebase: a lock file that is read from a subdirectory would name another file',
      );
      const [here, there] = [process.cwd(), join(dir, 'some', 'where')];
      const moved = source.rebase(parseReference(prepared.reference), here, there);
      const back = source.rebase(parseReference(moved), there, here);
      const meant = async (reference: string): Promise<string> => {
        const { localPath } = bench.identify(reference);
        if (localPath !== undefined) return localPath;
        const { env, job } = await bench.environment('store-a');
        return contentKey(await allKeys(bench.instance(env, reference), job));
      };
      const [before, after] = [await meant(prepared.reference), await meant(back)];
      expectRule(
        before === after,
        `rebase makes ${moved} of it for ${there}, and of that ${back} for ${here}: that is ${after}, not ${before}`,
      );
    },
  },
  {
    rule: 2,
    name: 'the same instance and a new one give the same keys',
    run: async (bench) => {
      const first = await keysOf(bench, 'store-a');
      expectRule(sameKeys(first, await keysOf(bench, 'store-a')), 'a second instance gave another key');
      expectRule(sameKeys(first, await keysOf(bench, 'store-b')), 'an empty store gave another key');
    },
  },
  {
    rule: 2,
    name: 'another directory gives the same content key',
    run: async (bench) => {
      const other = await Bench.open(bench.subject);
      try {
        const [here, there] = [contentKey(await keysOf(bench, 'store-a')), contentKey(await keysOf(other, 'store-a'))];
        expectRule(here === there, `the same content is ${here} in one directory and ${there} in another`);
      } finally {
        await other.close();
      }
    },
  },
  {
    rule: 2,
    name: 'another process, user settings, time zone, locale, day and directory give the same content key',
    run: async (bench) => {
      const here = contentKey(await keysOf(bench, 'store-a'));
      const { key: there } = await askOtherProcess(bench, 'key');
      expectRule(here === there, `the same content is ${here} here and ${there} in a process with other settings`);
    },
  },
  {
    rule: 2,
    name: 'other content gives another content key',
    run: async (bench) => {
      const { change } = bench.prepared;
      if (change === undefined) return skipCheck('the reference names its content by digest');
      const before = contentKey(await keysOf(bench, 'store-a'));
      await change();
      const after = contentKey(await keysOf(bench, 'store-a'));
      expectRule(before !== after, `the content changed, the key ${before} did not`);
    },
  },
  {
    rule: 3,
    name: 'no secret and no path of the machine is in a content key',
    run: async (bench) => {
      const { key, preimage } = (await keysOf(bench, 'store-a')).at(-1)!;
      for (const [what, text] of Object.entries({
        'the planted secret': PLANTED_SECRET,
        'the directory': bench.dir,
        'the home directory': homeOf(process.env) ?? '',
        'the host name': hostname(),
      })) {
        if (text.length < 4) continue;
        expectRule(!key.includes(text) && !(preimage?.includes(text) ?? false), `${what} is part of the content key`);
      }
    },
  },
  {
    rule: 3,
    name: 'nothing random and no time is in a content key',
    run: async (bench) => {
      const keys = new Set<string>();
      for (let round = 0; round < 3; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        keys.add(contentKey(await keysOf(bench, `store-${round}`)));
      }
      expectRule(keys.size === 1, `three runs gave ${keys.size} different content keys`);
    },
  },
  {
    rule: 4,
    name: 'after done a further index repeats the last answer',
    run: async (bench) => {
      const { env, job } = await bench.environment('store-a');
      const instance = bench.instance(env);
      const keys = await allKeys(instance, job);
      const last = keys.at(-1)!;
      for (const index of [keys.length, keys.length + 5]) {
        const further = await instance.cacheKey(job, index);
        expectRule(
          further.key === last.key && further.pin === last.pin && further.done,
          `index ${index} is not index ${keys.length - 1} again`,
        );
      }
      const direct = await bench.instance(env).cacheKey(job, keys.length - 1);
      expectRule(direct.key === last.key, `index ${keys.length - 1} needs the indexes before it`);
    },
  },
  {
    rule: 4,
    name: 'index 0 costs no more than the last index',
    run: async (bench) => {
      const cost = async (store: string, index: number) => {
        const { env, counters, job } = await bench.environment(store);
        await bench.instance(env).cacheKey(job, index);
        return counters.requests;
      };
      const last = (await keysOf(bench, 'store-a')).length - 1;
      const [first, full] = [await cost('store-first', 0), await cost('store-last', last)];
      expectRule(first <= full, `index 0 took ${first} requests, index ${last} only ${full}`);
    },
  },
  {
    rule: 5,
    name: 'the pinned reference gives the same keys',
    run: async (bench) => {
      const { env, job } = await bench.environment('store-a');
      const keys = await allKeys(bench.instance(env), job);
      const pins = new Set(keys.map(({ pin }) => pin));
      expectRule(!pins.has(''), 'a key has no pin');
      const digests = await bench.instance(env).digests?.(job);
      const pinned = digests?.pinned;
      if (digests === undefined || pinned === undefined) return skipCheck('the source has no pinned form');
      const id = bench.subject.source.identify(
        parseReference(bench.prepared.reference),
        bench.prepared.attributes ?? {},
      );
      // Lock files are read with it.
      expectRule(
        id.pinned === undefined || id.pinned(digests.digest) === pinned,
        `the identifier pins it as ${id.pinned?.(digests.digest)}, the instance as ${pinned}`,
      );
      const again = await allKeys(bench.instance(env, pinned), job);
      expectRule(contentKey(again) === contentKey(keys), `${pinned} has another content key`);
      expectRule(again.at(-1)!.pin === keys.at(-1)!.pin, `${pinned} has another pin`);
    },
  },
  {
    rule: 5,
    name: 'the pinned reference still is what it was after the content changed',
    run: async (bench) => {
      const { env, job } = await bench.environment('store-a');
      const pinned = (await bench.instance(env).digests?.(job))?.pinned;
      if (pinned === undefined) return skipCheck('the source has no pinned form');
      const { change } = bench.prepared;
      if (change === undefined) return skipCheck('the reference names its content by digest');
      const before = contentKey(await allKeys(bench.instance(env, pinned), job));
      await change();
      const after = await allKeys(bench.instance(env, pinned), job).catch((error: unknown) => {
        // Missing content is not different content.
        if (isCtxsrcError(error) && error.exit !== 1) return undefined;
        throw error;
      });
      expectRule(
        after === undefined || contentKey(after) === before,
        `${pinned} has another content key since the content changed`,
      );
    },
  },
];

const contentKey = (keys: readonly CacheKeyResult[]): string => keys.at(-1)!.key;

async function keysOf(bench: Bench, store: string): Promise<CacheKeyResult[]> {
  const { env, job } = await bench.environment(store);
  return allKeys(bench.instance(env), job);
}

function sameKeys(a: readonly CacheKeyResult[], b: readonly CacheKeyResult[]): boolean {
  return JSON.stringify(a.map(({ key, pin }) => [key, pin])) === JSON.stringify(b.map(({ key, pin }) => [key, pin]));
}
