// Ten sources, each wrong in one way: the rule that its number says. one-file.js is the example of docs/sources.md.
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { source as oneFile, prepare as prepareOneFile } from './one-file.js';

/** The good source with some methods of its instances replaced. */
function withInstance(change) {
  return {
    ...oneFile,
    resolve(id, env) {
      const good = oneFile.resolve(id, env);
      const methods = { cacheKey: (job, index) => good.cacheKey(job, index), snapshot: (job) => good.snapshot(job) };
      return { ...methods, ...change(good, id, env) };
    },
  };
}

let counter = 0;

const SOURCES = {
  1: {
    ...oneFile,
    identify(ref, attributes) {
      const id = oneFile.identify(ref, attributes);
      return { ...id, toString: () => `${id}~`, toJSON: () => id.toJSON() };
    },
  },
  2: withInstance((good) => ({
    cacheKey: async (job, index) => {
      const result = await good.cacheKey(job, index);
      return { ...result, key: `${result.key}-${new Date(0).getTimezoneOffset()}` };
    },
  })),
  3: withInstance((good) => ({
    cacheKey: async (job, index) => {
      const result = await good.cacheKey(job, index);
      return { ...result, preimage: `${result.preimage} ${await job.session.secret('planted')}` };
    },
  })),
  4: withInstance((good) => ({
    cacheKey: async (job, index) => {
      const result = await good.cacheKey(job, index);
      return { ...result, key: `${result.key}-${index}` };
    },
  })),
  5: withInstance((good, id) => ({
    digests: async (job) => ({ digest: (await good.cacheKey(job, 0)).pin, pinned: String(id) }),
  })),
  6: oneFile,
  7: withInstance((good, _id, env) => {
    let pin;
    return {
      cacheKey: async (job, index) => {
        const result = await good.cacheKey(job, index);
        pin = result.pin;
        await env.store.records.set('broken', 'seen', pin);
        return result;
      },
      snapshot: async (job) => {
        if (pin !== undefined && (await env.store.records.get('broken', 'seen')) !== pin)
          throw new Error('what the keys had brought is gone');
        return good.snapshot(job);
      },
    };
  }),
  8: withInstance((good, _id, env) => ({
    snapshot: async (job) => {
      await env.store.tempDir();
      job.signal.throwIfAborted();
      return good.snapshot(job);
    },
  })),
  9: withInstance((good, _id, env) => ({
    snapshot: async (job) => {
      const ref = await good.snapshot(job);
      const { path, release } = await ref.mount(job);
      try {
        job.signal.throwIfAborted();
        const dir = await env.store.tempDir();
        const { cp, rm } = await import('node:fs/promises');
        await cp(path, dir, { recursive: true, preserveTimestamps: true });
        counter += 1;
        if (job.signal.aborted) await rm(dir, { recursive: true });
        job.signal.throwIfAborted();
        return await env.store.commit(dir, `sha256:${String(counter).padStart(64, '0')}`);
      } finally {
        await release();
        await ref.release();
      }
    },
  })),
  10: withInstance((good, id) => ({
    snapshot: async (job) => {
      await utimes(id.localPath, 1, 1);
      return good.snapshot(job);
    },
  })),
};

/** The source that breaks a rule, and what the kit needs to try it. */
export function brokenSource(rule) {
  return {
    source: SOURCES[rule],
    prepare: async (dir) => {
      const prepared = await prepareOneFile(dir);
      if (rule !== 6) return prepared;
      await writeFile(join(dir, 'empty'), '');
      return { ...prepared, empty: `one-file://${join(dir, 'empty')}` };
    },
  };
}
