// A source for one local file: one-file://PATH
import { createHash } from 'node:crypto';
import { copyFile, readFile, utimes, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CtxsrcError, ioError } from 'ctxsrc';

const sha256 = (data) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

class OneFile {
  #path;
  #store;

  constructor(path, store) {
    this.#path = path;
    this.#store = store;
  }

  async cacheKey(job, _index) {
    job.signal.throwIfAborted();
    const digest = sha256(await this.#read());
    // The key covers what a build sees: the name of the file and its content, and nothing of this machine.
    const preimage = JSON.stringify({ Name: basename(this.#path), Digest: digest });
    return { key: sha256(preimage), pin: digest, done: true, opts: new Map(), preimage };
  }

  async snapshot(job) {
    const { key } = await this.cacheKey(job, 0);
    const dir = await this.#store.tempDir();
    const target = join(dir, basename(this.#path));
    await copyFile(this.#path, target);
    await utimes(target, 0, 0);
    return this.#store.commit(dir, key);
  }

  async #read() {
    try {
      return await readFile(this.#path);
    } catch (error) {
      throw ioError(error, `cannot read ${this.#path}`);
    }
  }
}

export const source = {
  schemes: ['one-file'],
  grammar: [
    { scheme: 'one-file', form: 'one-file://PATH', example: 'one-file://./data.csv', summary: 'one local file' },
  ],
  attributes: [],
  identify({ rest }) {
    if (rest === '' || rest.endsWith('/')) {
      throw new CtxsrcError('E_REFERENCE', `one-file://${rest} names no file`, { hint: 'write one-file://PATH' });
    }
    const text = `one-file://${rest}`;
    return {
      scheme: 'one-file',
      attributes: {},
      localPath: resolve(rest),
      toString: () => text,
      toJSON: () => ({ path: rest }),
    };
  },
  resolve: (id, env) => new OneFile(id.localPath, env.store),
};

// For the conformance kit: something to read.
export async function prepare(dir) {
  const path = join(dir, 'data.csv');
  await writeFile(path, 'a,b\n');
  return {
    reference: `one-file://${path}`,
    change: () => writeFile(path, 'a,c\n'),
    malformed: ['one-file://', 'one-file://dir/'],
    watched: [path],
  };
}
