// A source for one local file: one-file://PATH, with a flag: --as NAME
import { createHash } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { CtxsrcError, ioError, Once } from 'ctxsrc';

export const source = {
  schemes: ['one-file'],
  grammar: [
    { scheme: 'one-file', form: 'one-file://PATH', example: 'one-file://./data.csv', summary: 'one local file' },
  ],
  attributes: [
    { name: 'as', kind: 'text', placeholder: 'NAME', help: 'name of the file; part of the key', example: 'table.csv' },
  ],
  identify({ rest }, { as }) {
    if (rest === '' || rest.endsWith('/')) {
      throw new CtxsrcError('E_REFERENCE', `one-file://${rest} names no file`, { hint: 'write one-file://PATH' });
    }
    if (as !== undefined && !/^(?!\.{1,2}$)[^/\0]+$/.test(as)) {
      throw new CtxsrcError('E_ATTRIBUTE', `--as takes the name of a file, not ${as}`, { hint: '--as table.csv' });
    }
    const attributes = as === undefined ? {} : { as };
    return {
      scheme: 'one-file',
      attributes,
      localPath: resolve(rest),
      toString: () => `one-file://${rest}`,
      toJSON: () => ({ path: rest, attributes }),
    };
  },
  rebase: ({ rest }, from, to) => `one-file://${relative(to, resolve(from, rest))}`,
  resolve: (id, env) => new OneFile(id, env.store),
};

const sha256 = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

class OneFile {
  #id;
  #store;
  #name;
  #digest = new Once();

  constructor(id, store) {
    this.#id = id;
    this.#store = store;
    this.#name = id.attributes.as ?? basename(id.localPath);
  }

  async cacheKey(job, _index) {
    const { digest } = await this.digests(job);
    const preimage = JSON.stringify({ Name: this.#name, Digest: digest });
    return { key: sha256(preimage), pin: digest, done: true, opts: new Map(), preimage };
  }

  async digests(job) {
    return { digest: await this.#digest.runFor(job.signal, () => this.#read(job.signal)) };
  }

  async describe(job) {
    return { identifier: String(this.#id), digest: (await this.digests(job)).digest, name: this.#name };
  }

  async snapshot(job) {
    const { key, pin } = await this.cacheKey(job, 0);
    const dir = await this.#store.tempDir();
    try {
      const written = await this.#read(job.signal, join(dir, this.#name));
      if (written !== pin) {
        throw new CtxsrcError('E_IO', `${this.#id.localPath} changed while it was read`, {
          hint: 'run again when it is whole',
        });
      }
      return await this.#store.commit(dir, key);
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Reads the file once, and hashes what it reads; `target` gets the same bytes. */
  async #read(signal, target) {
    let input, output;
    try {
      input = await open(this.#id.localPath);
      if (target !== undefined) output = await open(target, 'wx');
      const hash = createHash('sha256');
      for await (const bytes of input.createReadStream({ signal })) {
        hash.update(bytes);
        await output?.writeFile(bytes);
      }
      await output?.chmod(0o644);
      await output?.utimes(0, 0);
      return `sha256:${hash.digest('hex')}`;
    } catch (error) {
      signal.throwIfAborted();
      throw ioError(error, `cannot ${target === undefined ? 'read' : 'copy'} ${this.#id.localPath}`);
    } finally {
      await input?.close();
      await output?.close();
    }
  }
}

export async function prepare(dir) {
  const path = join(dir, 'data.csv');
  await writeFile(path, 'a,b\n');
  return {
    reference: `one-file://${path}`,
    attributes: {},
    variants: [{ as: 'table.csv' }],
    change: () => writeFile(path, 'a,c\n'),
    malformed: ['one-file://', 'one-file://dir/'],
    watched: [path],
    remote: false,
    empty: undefined,
    close: async () => {},
  };
}
