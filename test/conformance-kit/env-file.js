// A source that keeps every rule: each variable of a dotenv file as a file. `--only` takes those with a prefix; `--token`
// stands for what a server would be shown. The sources of mistakes.js are this one with something wrong.
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CtxsrcError } from 'ctxsrc';

const sha256 = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

export class EnvFile {
  constructor(id, env) {
    this.id = id;
    this.env = env;
  }

  async variables(signal) {
    const lines = (await readFile(this.id.localPath, { encoding: 'utf8', signal })).split('\n').filter(Boolean);
    return lines.filter((line) => line.startsWith(this.id.attributes.only ?? '')).map((line) => line.split('='));
  }

  /** What is hashed. */
  async preimage(signal) {
    return JSON.stringify({ Only: this.id.attributes.only ?? '', Variables: await this.variables(signal) });
  }

  async cacheKey({ signal }, _index) {
    signal.throwIfAborted();
    const preimage = await this.preimage(signal);
    return { key: sha256(preimage), pin: sha256(preimage), done: true, opts: new Map(), preimage };
  }

  async snapshot(job) {
    const { key } = await this.cacheKey(job, 0);
    const dir = await this.env.store.tempDir();
    try {
      await this.writeAll(join(dir, 'env'), job.signal);
      job.signal.throwIfAborted();
      return await this.env.store.commit(dir, key);
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  async writeAll(dir, signal) {
    await mkdir(dir);
    await chmod(dir, 0o755);
    for (const [name, value] of await this.variables(signal)) {
      signal.throwIfAborted();
      await this.write(join(dir, name), value);
    }
    await utimes(dir, 0, 0);
  }

  async write(path, value) {
    await sleep(1);
    await writeFile(path, value);
    await chmod(path, 0o644);
    await utimes(path, 0, 0);
  }
}

export const source = {
  schemes: ['env-file'],
  grammar: [
    { scheme: 'env-file', form: 'env-file://PATH', example: 'env-file://./.env', summary: 'variables as files' },
  ],
  attributes: [
    { name: 'only', kind: 'text', help: 'take variables that begin so', example: 'DB_' },
    { name: 'token', kind: 'text', secret: true, help: 'shown to whoever keeps the file' },
  ],
  identify({ rest }, attributes) {
    if (rest === '') throw new CtxsrcError('E_REFERENCE', 'env-file:// names no file', { hint: 'env-file://PATH' });
    return {
      scheme: 'env-file',
      attributes,
      localPath: resolve(rest),
      toString: () => `env-file://${rest}`,
      toJSON: () => ({ path: rest }),
    };
  },
  rebase: ({ rest }, from, to) => `env-file://${relative(to, resolve(from, rest))}`,
  resolve: (id, env) => new EnvFile(id, env),
};

export async function prepare(dir) {
  const path = join(dir, '.env');
  await writeFile(path, 'DB_HOST=db\nDB_PORT=1\nLOG=all\n');
  return {
    reference: `env-file://${path}`,
    variants: [{ only: 'DB_' }, { token: 'conformance-token' }],
    change: () => writeFile(path, 'DB_HOST=db\nDB_PORT=2\nLOG=all\n'),
    malformed: ['env-file://'],
    watched: [path],
  };
}
