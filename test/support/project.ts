/** A small project with a Dockerfile, and what `key --build` says of it, without the command line. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuildAnswer, BuildNames, BuildRequest, BuildWork } from '../../src/build/answer.ts';
import { buildKey } from '../../src/build/build-key.ts';
import { buildNames } from '../../src/build/build-names.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { SourceTable } from '../../src/source/table.ts';
import { newEnv, newJob, newStore } from './source-env.ts';
import { tempDir } from './temp.ts';

export interface ProjectOptions extends Partial<BuildRequest> {
  readonly strict?: boolean;
  readonly offline?: boolean;
  /** The store of an earlier call. */
  readonly store?: BuildWork['env']['store'];
}

/** Writes files, by path below a new directory, with mode 0644 whatever the umask is. */
export function projectOf(files: Readonly<Record<string, string>>): string {
  const dir = tempDir('project');
  for (const [path, text] of Object.entries(files)) put(dir, path, text);
  return dir;
}

export function put(dir: string, path: string, text: string, mode = 0o644): void {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** Asks about builds whose images are in the registry of a host. */
export class Asker {
  readonly #host: string;
  readonly messages: string[] = [];

  constructor(host: string) {
    this.#host = host;
  }

  async answer(dir: string | undefined, dockerfile: string, options: ProjectOptions = {}): Promise<BuildAnswer> {
    return buildKey(requestOf(dir, dockerfile, options), await this.#work(options));
  }

  async key(dir: string | undefined, dockerfile: string, options: ProjectOptions = {}): Promise<string> {
    return (await this.answer(dir, dockerfile, options)).key;
  }

  async names(dir: string | undefined, dockerfile: string, options: ProjectOptions = {}): Promise<BuildNames> {
    return buildNames(requestOf(dir, dockerfile, options), await this.#work(options));
  }

  async #work({ strict, offline, store }: ProjectOptions): Promise<BuildWork> {
    const emit = (event: ProgressEvent): void => {
      if (event.type === 'message') this.messages.push(event.text);
    };
    const network = { plainHttp: [this.#host] };
    return {
      table: new SourceTable(),
      env: newEnv(store ?? (await newStore()), { network, ...(offline === undefined ? {} : { offline }) }),
      job: { ...newJob({ progress: { emit } }), strict },
    };
  }
}

function requestOf(dir: string | undefined, dockerfile: string, options: ProjectOptions): BuildRequest {
  if (dir !== undefined) put(dir, 'Dockerfile', dockerfile);
  return {
    dockerfile: {
      bytes: Buffer.from(dockerfile),
      name: 'Dockerfile',
      path: dir === undefined ? undefined : join(dir, 'Dockerfile'),
    },
    context: dir,
    target: undefined,
    buildArgs: new Map(),
    targetPlatforms: [],
    platformAsked: false,
    buildPlatform: 'linux/amd64',
    labels: new Map(),
    frontendOptions: new Map(),
    contexts: new Map(),
    salts: [],
    modes: 'exact',
    ...options,
  };
}
