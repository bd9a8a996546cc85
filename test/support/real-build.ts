/** A BuildKit daemon of the test's own, and what building a whole project with it does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { stableJson } from '../../src/core/stable-json.ts';
import { run } from './cli.ts';
import { needs, needsRoot, noteSkip, which } from './needs.ts';
import type { PlacedProject } from './project-world.ts';
import { tempDir } from './temp.ts';

export interface RealBuild {
  /** Steps that were run, as BuildKit names them; those before them were in the cache. */
  readonly ran: readonly string[];
  /** Configurations of the images without times and history, one for each platform. */
  readonly images: readonly string[];
  /** Images, git and http sources by their provenance, but for a front end: URI and digest. */
  readonly materials: readonly string[];
}

interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly inputs?: readonly string[];
  readonly started?: string;
  readonly cached?: boolean;
}

/** True where a daemon can run; otherwise a loud skip. */
export function canBuild(): boolean {
  const missing = ['buildkitd', 'runc', 'docker-buildx'].filter((tool) => which(tool) === undefined);
  return (
    (missing.length === 0 || noteSkip(`real builds: ${missing.join(', ')} not in PATH`)) &&
    needsRoot('real builds') &&
    needs('docker-registry', 'skopeo', 'git')
  );
}

export class RealBuilder {
  readonly #dir = tempDir('buildkit');
  #daemon: ChildProcess | undefined;

  /** @param registry speaks plain HTTP */
  async start(registry: string): Promise<void> {
    const dir = this.#dir;
    writeFileSync(join(dir, 'bk.toml'), `[registry."${registry}"]\n  http = true\n`);
    const socket = `unix://${join(dir, 'bk.sock')}`;
    const flags = ['--oci-worker-snapshotter', 'native', '--oci-worker-net', 'host', '--addr', socket];
    this.#daemon = spawn(
      which('buildkitd')!,
      ['--config', join(dir, 'bk.toml'), '--root', join(dir, 'root'), '--oci-worker-binary', which('runc')!, ...flags],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    this.#daemon.stderr!.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-4000);
    });
    for (const end = Date.now() + 30_000; !existsSync(join(dir, 'bk.sock')); await setTimeout(100)) {
      if (Date.now() > end || this.#daemon.exitCode !== null) throw new Error(`buildkitd did not start: ${log}`);
    }
    await this.#buildx(['create', '--name', 'real', '--driver', 'remote', socket]);
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await gone;
  }

  async build({ dir, args, env, shown }: PlacedProject, command: 'build' | 'bake' = 'build'): Promise<RealBuild> {
    const output = tempDir('image');
    const layout = `type=oci,tar=false,dest=${output}`;
    const flags = command === 'build' ? ['--output', layout] : ['--set', `*.output=${layout}`];
    const common = ['--builder', 'real', '--provenance', 'mode=max', '--progress', 'rawjson'];
    const log = await this.#buildx([command, ...common, ...flags, ...args], dir, env);
    const read = (digest: string): unknown =>
      JSON.parse(readFileSync(join(output, 'blobs', digest.replace(':', '/')), 'utf8'));
    const manifests = manifestsOf(JSON.parse(readFileSync(join(output, 'index.json'), 'utf8')) as Index, read);
    const images = manifests.filter(({ config }) => !isAttestation(read(config.digest)));
    const provenance = manifests.flatMap(({ layers }) =>
      layers.filter(({ mediaType }) => mediaType.includes('in-toto')).map(({ digest }) => read(digest) as Statement),
    );
    return {
      ran: ranSteps(log).map(shown),
      images: images.map(({ config }) => seenOf(read(config.digest) as object)).sort(),
      materials: [...new Set(provenance.flatMap(materialsOf).map(shown))].sort(),
    };
  }

  async #buildx(args: readonly string[], cwd = this.#dir, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const own = { PATH: process.env.PATH ?? '', HOME: this.#dir, BUILDX_CONFIG: join(this.#dir, 'buildx') };
    const result = await run(which('docker-buildx')!, args, { cwd, env: { ...own, ...env }, timeout: 300_000 });
    if (result.code !== 0) throw new Error(`docker-buildx ${args.join(' ')}: ${result.stderr.slice(-2000)}`);
    return result.stderr;
  }
}

/** `[build 2/3] RUN make`, but not `[build 1/3] FROM image`; of a download the name is that of the step. */
const STEP = /^\[([^\]]* )?\d+\/\d+\] (?!FROM )/;
const LOADED = /\] ADD /;

/** Operations that were not in the cache. Loading of sources is no step. */
function ranSteps(log: string): string[] {
  const ran = new Map<string, string | undefined>();
  for (const line of log.split('\n')) {
    if (!line.startsWith('{')) continue;
    const { vertexes = [] } = JSON.parse(line) as { readonly vertexes?: readonly Vertex[] };
    for (const { digest, inputs = [], name, started, cached } of vertexes) {
      if (!STEP.test(name) || (LOADED.test(name) && inputs.length === 0)) continue;
      if (cached) ran.set(digest, undefined);
      else if (started !== undefined && !ran.has(digest)) ran.set(digest, name);
    }
  }
  return [...ran.values()].filter((name) => name !== undefined).sort();
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

interface Index {
  readonly manifests: readonly Descriptor[];
}

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

function manifestsOf(index: Index, read: (digest: string) => unknown): Manifest[] {
  return index.manifests.flatMap(({ mediaType, digest }) =>
    mediaType.includes('index') ? manifestsOf(read(digest) as Index, read) : [read(digest) as Manifest],
  );
}

function isAttestation(config: unknown): boolean {
  return (config as { readonly architecture?: string }).architecture === 'unknown';
}

/** Without what no container sees: times, history and an inline cache. */
function seenOf(config: object): string {
  const unseen = ['history', 'created', 'moby.buildkit.cache.v0'];
  return stableJson(Object.fromEntries(Object.entries(config).filter(([member]) => !unseen.includes(member))));
}

interface Material {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
}

/** Both versions of provenance. */
interface Statement {
  readonly predicate: {
    readonly materials?: readonly Material[];
    readonly buildDefinition?: { readonly resolvedDependencies?: readonly Material[] };
  };
}

function materialsOf({ predicate }: Statement): string[] {
  const materials = predicate.materials ?? predicate.buildDefinition?.resolvedDependencies ?? [];
  return materials.map(({ uri, digest }) => `${uri} ${Object.values(digest)[0]}`);
}
