/** Repositories of one test file behind a git server, and the source that reads them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Attributes, SourceInstance, Store } from '../../../src/contract/index.ts';
import { source } from '../../../src/source/git/source.ts';
import { type GitServer, serveGit } from '../../support/git-http.ts';
import { commit, commitRawTree, type Files, initBare } from '../../support/git-repository.ts';
import { type EnvOptions, newEnv, newStore } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

/** A git source over a store of its own, unless one is given. */
export async function openGit(
  url: string,
  attrs: Attributes = {},
  store?: Store,
  options: EnvOptions = {},
): Promise<SourceInstance> {
  const id = source.identify({ scheme: 'git', rest: url, text: url }, attrs);
  return source.resolve(id, newEnv(store ?? (await newStore()), options));
}

/** What is in a directory, sorted. */
export const paths = (dir: string): string[] => listTree(dir).map((entry) => entry.path);

export class ServedRepositories {
  readonly root = tempDir('git');
  /** Asked before git is: true when it answered the request itself. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  #server: GitServer | undefined;
  #count = 0;

  static async start(): Promise<ServedRepositories> {
    const served = new ServedRepositories();
    served.#server = await serveGit(served.root, {
      intercept: (request, response) => served.intercept?.(request, response) ?? false,
    });
    return served;
  }

  /** `http://127.0.0.1:PORT` */
  get origin(): string {
    return this.#server!.origin;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** A bare repository, empty or with one commit of these files on `main`. */
  repository(files?: Files): { readonly dir: string; readonly url: string } {
    this.#count += 1;
    const dir = join(this.root, `r${this.#count}.git`);
    initBare(dir);
    if (files !== undefined) commit(dir, 'refs/heads/main', files);
    return { dir, url: `${this.origin}/r${this.#count}.git` };
  }

  /** The URL of a repository whose tree has entries that git itself would not make. */
  raw(entries: (dir: string) => readonly { mode: string; name: string; id: string }[]): string {
    const { dir, url } = this.repository();
    commitRawTree(dir, 'refs/heads/main', entries(dir));
    return url;
  }
}
