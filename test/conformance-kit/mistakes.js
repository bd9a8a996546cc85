// Sources that are wrong on purpose, each in one way.
import { randomUUID } from 'node:crypto';
import { chmod, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CtxsrcError } from 'ctxsrc';
import { EnvFile, source as good, prepare as prepareGood } from './env-file.js';

const withInstance = (Instance) => ({ ...good, resolve: (id, env) => new Instance(id, env) });

const withIdentifier = (change) => ({
  ...good,
  identify: (ref, attributes) => ({ ...good.identify(ref, attributes), ...change(ref, attributes) }),
});

/** The attribute `only` as it was typed, behind the back of `id.attributes`. */
class ReadsBehindTheBack extends EnvFile {
  async variables(signal) {
    return (await super.variables(signal)).filter(([name]) => name.startsWith(this.id.behind ?? ''));
  }
}

const inOtherProcess = () => process.env.TZ === 'Pacific/Chatham';

const MISTAKES = {
  none: good,
  'no rebase': { ...good, rebase: undefined },
  'a rebase that forgets from where': { ...good, rebase: ({ rest }, _from, to) => good.rebase({ rest }, '.', to) },
  'a path in the key': withInstance(
    class extends EnvFile {
      preimage = async (signal) => `${this.id.localPath} ${await super.preimage(signal)}`;
    },
  ),
  'a random value in the key': withInstance(
    class extends EnvFile {
      preimage = async (signal) => `${randomUUID()} ${await super.preimage(signal)}`;
    },
  ),
  'a random file': withInstance(
    class extends EnvFile {
      async writeAll(dir, signal) {
        await super.writeAll(dir, signal);
        await writeFile(join(dir, '..', 'random'), randomUUID());
      }
    },
  ),
  'times as they come': withInstance(
    class extends EnvFile {
      async write(path, value) {
        await writeFile(path, value);
        await chmod(path, 0o644);
      }
    },
  ),
  'modes as they come': withInstance(
    class extends EnvFile {
      async write(path, value) {
        await writeFile(path, value);
        await utimes(path, 0, 0);
      }
    },
  ),
  'half a tree': withInstance(
    class extends EnvFile {
      async writeAll(dir, signal) {
        await super.writeAll(dir, signal).catch(() => undefined);
      }
      async snapshot(job) {
        const { key } = await this.cacheKey(job, 0);
        const dir = await this.env.store.tempDir();
        await this.writeAll(join(dir, 'env'), job.signal);
        return this.env.store.commit(dir, key);
      }
    },
  ),
  'a directory left': withInstance(
    class extends EnvFile {
      async snapshot(job) {
        const { key } = await this.cacheKey(job, 0);
        const dir = await this.env.store.tempDir();
        await this.writeAll(join(dir, 'env'), job.signal);
        return this.env.store.commit(dir, key);
      }
    },
  ),
  'no ear for aborts': withInstance(
    class extends EnvFile {
      deaf = (job) => ({ ...job, signal: new AbortController().signal });
      cacheKey = (job, index) => super.cacheKey(this.deaf(job), index);
      snapshot = (job) => super.snapshot(this.deaf(job));
    },
  ),
  'aborts heard at the start only': withInstance(
    class extends EnvFile {
      async snapshot(job) {
        job.signal.throwIfAborted();
        return super.snapshot({ ...job, signal: new AbortController().signal });
      }
      async write(path, value) {
        await sleep(50);
        await super.write(path, value);
      }
    },
  ),
  'aborts heard late': withInstance(
    class extends EnvFile {
      async write(path, value) {
        await sleep(50);
        await super.write(path, value);
        if (this.signal.aborted) await sleep(900);
      }
      snapshot(job) {
        this.signal = job.signal;
        return super.snapshot(job);
      }
    },
  ),
  'an abort called a failure': withInstance(
    class extends EnvFile {
      async snapshot(job) {
        try {
          return await super.snapshot(job);
        } catch {
          throw new CtxsrcError('E_IO', 'it did not work');
        }
      }
    },
  ),
  'a dropped attribute': {
    ...withIdentifier(({ attributes: _ }, { only, ...attributes }) => ({ attributes, behind: only })),
    resolve: (id, env) => new ReadsBehindTheBack(id, env),
  },
  'another value of the attribute': {
    ...withIdentifier((_, { only, ...attributes }) => ({
      attributes: only === undefined ? attributes : { ...attributes, only: '' },
      behind: only,
    })),
    resolve: (id, env) => new ReadsBehindTheBack(id, env),
  },
  'a key without the attribute': withInstance(
    class extends EnvFile {
      async preimage(signal) {
        const all = new EnvFile({ ...this.id, attributes: {} }, this.env);
        return all.preimage(signal);
      }
    },
  ),
  'an attribute that does nothing': withInstance(
    class extends EnvFile {
      constructor(id, env) {
        super({ ...id, attributes: {} }, env);
      }
    },
  ),
  'an attribute that is never tried': good,
  'a secret in the key': withInstance(
    class extends EnvFile {
      preimage = async (signal) => `${await super.preimage(signal)} ${this.id.attributes.token ?? ''}`;
    },
  ),
  'a secret in a pin': withInstance(
    class extends EnvFile {
      async cacheKey(job, index) {
        return { ...(await super.cacheKey(job, index)), pin: this.id.attributes.token ?? 'none' };
      }
    },
  ),
  'a secret in the JSON': withIdentifier((_, { token }) => ({ toJSON: () => ({ token }) })),
  'a secret in the store': withInstance(
    class extends EnvFile {
      async cacheKey(job, index) {
        await this.env.store.records.set('seen', 'token', this.id.attributes.token ?? '');
        return super.cacheKey(job, index);
      }
    },
  ),
  'a secret in a message': {
    ...good,
    identify(ref, attributes) {
      if (ref.rest === '') throw new CtxsrcError('E_REFERENCE', `no file for ${attributes.token}`);
      return good.identify(ref, attributes);
    },
  },
  'a throw in another process': withInstance(
    class extends EnvFile {
      async cacheKey(job, index) {
        if (inOtherProcess()) return undefined.property;
        return super.cacheKey(job, index);
      }
    },
  ),
  'an end in another process': withInstance(
    class extends EnvFile {
      cacheKey = (job, index) => (inOtherProcess() ? process.exit(3) : super.cacheKey(job, index));
    },
  ),
};

/** The source that makes the mistake of that name, and what the kit needs to try it. */
export function mistake(name) {
  const prepare =
    name === 'an attribute that is never tried'
      ? async (dir) => ({ ...(await prepareGood(dir)), variants: [{ token: 'conformance-token' }] })
      : prepareGood;
  return { source: MISTAKES[name], prepare };
}
