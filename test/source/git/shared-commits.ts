/** Commits of a git server, a registry as their shared cache, and runs that write files through both. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attributes, Store } from '../../../src/contract/index.ts';
import { commit, git } from '../../support/git-repository.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { PushRegistry } from '../../support/push-registry.ts';
import { type CacheRun, type CacheRunOptions, cacheRun, REPOSITORY } from '../../support/shared-cache.ts';
import { newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit, ServedRepositories } from './served-repositories.ts';

const FILES = { 'a/f': 'one\n', 'b/g': 'two\n' };

export class SharedCommits {
  readonly served: ServedRepositories;
  readonly registry: PushRegistry;
  /** A repository whose `main` has two commits. */
  readonly dir: string;
  readonly url: string;
  /** The second of them, with these files. */
  readonly id: string;
  /** Requests to the git server. */
  asked = 0;
  readonly #runs: CacheRun[] = [];

  private constructor(served: ServedRepositories, registry: PushRegistry) {
    this.served = served;
    this.registry = registry;
    ({ dir: this.dir, url: this.url } = served.repository({ 'a/f': 'zero\n' }));
    this.id = commit(this.dir, 'refs/heads/main', FILES);
    served.intercept = () => {
      this.asked += 1;
      return false;
    };
  }

  static async start(): Promise<SharedCommits> {
    return new SharedCommits(await ServedRepositories.start(), await PushRegistry.start());
  }

  async stop(): Promise<void> {
    for (const { sharedCache } of this.#runs) await sharedCache.close();
    await this.registry.stop();
    await this.served.close();
  }

  /** A run that reads and writes. */
  both(more: CacheRunOptions = {}): CacheRun {
    return this.reads({ to: this.registry.host, ...more });
  }

  reads(more: CacheRunOptions = {}): CacheRun {
    const run = cacheRun({ from: this.registry.host, ...more });
    this.#runs.push(run);
    return run;
  }

  /** Writes the files of a reference, by default of the commit, with a store of its own unless one is given. */
  async write(run: CacheRun, reference = `#${this.id}`, attrs: Attributes = {}, store?: Store): Promise<string> {
    const options = { sharedCache: run.sharedCache };
    const source = await openGit(`${this.url}${reference}`, attrs, store ?? (await newStore()), options);
    return (await writeSnapshot(source, {}, run.job)).dir;
  }

  /** Requests to the registry since the last call, without the digests of blobs. */
  requests(): string[] {
    const log = this.registry.log.splice(0);
    return log.map(({ method, url }) => `${method} ${url.slice(`/v2/${REPOSITORY}/`.length).replace(/sha256:.*/, '')}`);
  }

  tags(): string[] {
    return [...this.registry.manifestsOf(REPOSITORY).keys()].filter((name) => name.startsWith('ctxsrc-')).sort();
  }

  /** The pack of an entry. */
  pack(id = this.id): Buffer {
    const manifest = this.registry.manifestsOf(REPOSITORY).get(`ctxsrc-git-${id}`)!;
    const { layers } = JSON.parse(manifest.toString()) as { layers: readonly { digest: string }[] };
    return this.registry.blobsOf(REPOSITORY).get(layers[0]!.digest)!;
  }

  /** Makes these bytes the entry of the commit, or of what else has this ID. */
  plant(bytes: Buffer, change: (layer: object) => object = (layer) => ({ layers: [layer] }), id = this.id): void {
    const blobs = this.registry.blobsOf(REPOSITORY);
    const mediaType = 'application/vnd.oci.image.layer.v1.tar';
    const described = (blob: Buffer): { digest: string; size: number } => {
      blobs.set(digestOf(blob), blob);
      return { digest: digestOf(blob), size: blob.length };
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...described(Buffer.from('{}')) },
      ...change({ mediaType, ...described(bytes) }),
    };
    this.registry.manifestsOf(REPOSITORY).set(`ctxsrc-git-${id}`, Buffer.from(JSON.stringify(manifest)));
  }

  /** A pack of objects of the repository, as `rev-list --objects` names them. */
  packOf(ids: readonly string[]): Buffer {
    const base = join(tempDir('packed'), 'p');
    const name = git(this.dir, ['pack-objects', '-q', base], `${ids.join('\n')}\n`);
    return readFileSync(`${base}-${name}.pack`);
  }

  objects(revision = this.id): string[] {
    return git(this.dir, ['rev-list', '--objects', '--no-walk', '--no-object-names', revision]).split('\n');
  }
}
