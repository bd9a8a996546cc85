/** One run of a command: its flags, its progress, and the store, session and environment, made at first use. */
import { resolve as resolvePath } from 'node:path';
import type { AttributeSpec, Attributes, CacheKeyResult, Identifier, JobContext } from '../contract/index.ts';
import { CtxsrcError, type ErrorOptions } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { defaultPlatform } from '../core/platform.ts';
import { printable, printableJson } from '../core/printable.ts';
import { type MessagePlace, warnOrRefuse } from '../core/progress.ts';
import { shownReference } from '../core/shown-reference.ts';
import type { Page } from '../page/model.ts';
import type { ReferenceSite, Understood } from '../snapshot/lock/references.ts';
import type { LockWork } from '../snapshot/lock/renew.ts';
import { defaultCacheDir } from '../source/cache-dir.ts';
import { type Environment, openEnvironment, type SharingOptions } from '../source/environment.ts';
import { unseen } from '../source/incomplete.ts';
import { forEach, type Identified, identify, type Resolved } from '../source/resolve.ts';
import type { SourceTable } from '../source/table.ts';
import type { StepOutputs } from './ci/github-output.ts';
import type { UserConfig } from './config.ts';
import { attributesOf, type Flags, limitsOf, networkOptions, textFlag } from './flags.ts';
import type { Io } from './io.ts';
import { withEnvironment } from './network-environment.ts';
import type { Reporter } from './progress/reporter.ts';
import { parseSize } from './values.ts';

interface RunOptions {
  readonly io: Io;
  readonly reporter: Reporter;
  readonly flags: Flags;
  readonly attributes: readonly AttributeSpec[];
  /** The command writes the lock file itself: `--lock` names its output, not a file for looking up names. */
  readonly ownsLock: boolean;
  /** Attributes that the command itself uses, whatever the references. */
  readonly uses: readonly string[];
  /** The command takes the flags of the shared cache; those of a build have the same names. */
  readonly shares: boolean;
  readonly table: SourceTable;
  readonly config: UserConfig;
  readonly signal: AbortSignal;
}

export class Run {
  readonly io: Io;
  readonly flags: Flags;
  readonly table: SourceTable;
  readonly config: UserConfig;
  readonly signal: AbortSignal;
  readonly #specs: readonly AttributeSpec[];
  readonly #uses: readonly string[];
  readonly #ownsLock: boolean;
  readonly #shares: boolean;
  readonly #reporter: Reporter;
  #environment: Promise<Environment> | undefined;

  constructor(options: RunOptions) {
    this.io = options.io;
    this.flags = options.flags;
    this.table = options.table;
    this.config = options.config;
    this.signal = options.signal;
    this.#specs = options.attributes;
    this.#uses = options.uses;
    this.#ownsLock = options.ownsLock;
    this.#shares = options.shares;
    this.#reporter = options.reporter;
  }

  get json(): boolean {
    return this.flags.json === true;
  }

  get verbose(): number {
    return (this.flags.verbose as number | undefined) ?? 0;
  }

  /** The cache directory of this run, absolute. */
  cacheDir(): string {
    const chosen = textFlag(this.flags, 'cacheDir');
    return chosen ? resolvePath(this.io.cwd, chosen) : defaultCacheDir(this.io.env);
  }

  /** Store, session and network, opened once. */
  environment(): Promise<Environment> {
    this.#environment ??= openEnvironment({
      cacheDir: this.cacheDir(),
      offline: this.flags.offline === true,
      statCache: this.flags.statCache !== false,
      network: networkOptions(this.flags, withEnvironment(this.io.env, this.config.network)),
      limits: limitsOf(this.flags),
      defaultPlatform: defaultPlatform(this.io.env),
      registryConfig: this.registryConfig(),
      sharing: this.#shares ? (this.flags as SharingOptions) : undefined,
      env: this.io.env,
      progress: this.#reporter,
    });
    return this.#environment;
  }

  /** The platform of references without one. */
  defaultPlatform(): string {
    return defaultPlatform(this.io.env).platform;
  }

  /** `--registry-config`, or its alias. */
  registryConfig(): string | undefined {
    return textFlag(this.flags, 'registryConfig') ?? textFlag(this.flags, 'authfile');
  }

  /** The context of a call that does work. */
  async job(): Promise<JobContext> {
    const { session } = await this.environment();
    return {
      session,
      signal: this.signal,
      progress: this.#reporter,
      strict: this.flags.strict === true,
    };
  }

  /** Identifies references, also by their names in the file of `--lock`; a flag that no reference uses is an error. */
  async identify(references: readonly string[], defaults?: Attributes, chosen?: Attributes): Promise<Understood[]> {
    const understood = await this.#understand(this.site(defaults, chosen), references);
    this.#refuseIdleFlags(understood);
    return understood;
  }

  async #understand(site: ReferenceSite, references: readonly string[]): Promise<Understood[]> {
    const path = textFlag(this.flags, 'lock');
    if (path !== undefined && !this.#ownsLock) {
      const { openLock, understand } = await import('../snapshot/lock/references.ts');
      return understand(site, references, await openLock(site, resolvePath(this.io.cwd, path)));
    }
    const understood: Understood[] = [];
    for (const text of references) understood.push(await identify(site.table, text, site.attributes));
    return understood;
  }

  /** Identifies references and makes their instances. */
  async resolve(references: readonly string[], defaults?: Attributes, chosen?: Attributes): Promise<Resolved[]> {
    return this.bind(await this.identify(references, defaults, chosen));
  }

  /** Makes the instances of identified references. */
  async bind(understood: readonly Understood[]): Promise<Resolved[]> {
    const { env } = await this.environment();
    if (understood.every(({ held, vendored }) => held === undefined && vendored === undefined)) {
      return understood.map((one) => ({ ...one, instance: one.source.resolve(one.identifier, env) }));
    }
    const { bind } = await import('../snapshot/lock/references.ts');
    return bind(understood, env);
  }

  /** The context of parsing references; flags override the attributes in `defaults`, and `chosen` those of flags. */
  site(defaults: Attributes = {}, chosen: Attributes = {}): ReferenceSite {
    return {
      table: this.table,
      cwd: this.io.cwd,
      attributes: { ...defaults, ...attributesOf(this.flags, this.#specs), ...chosen },
    };
  }

  /** What locking contexts needs. */
  async lockWork(): Promise<LockWork> {
    return { site: this.site(), env: (await this.environment()).env, job: await this.job() };
  }

  /** Runs `work` for all references concurrently. All succeed, or the error of the first failed reference is thrown. */
  async each<T>(resolved: readonly Resolved[], work: (one: Resolved) => Promise<T>): Promise<T[]> {
    return forEach(resolved, work);
  }

  #refuseIdleFlags(identified: readonly Identified[]): void {
    const useful = new Set([
      ...this.#uses,
      ...identified.flatMap((one) => one.source.attributes.map((spec) => spec.name)),
    ]);
    const given = Object.keys(attributesOf(this.flags, this.#specs));
    if (this.#shares && !identified.some((one) => one.source.shares === true)) {
      if (this.flags.cacheFrom !== undefined) given.push('cache-from');
      if (this.flags.cacheTo !== undefined) given.push('cache-to');
    }
    for (const name of given) {
      if (useful.has(name)) continue;
      const texts = identified.map((one) => shownReference(one.ref.text)).join(', ');
      throw new CtxsrcError('E_ATTRIBUTE', `--${name} means nothing for ${texts}`, {
        hint: 'leave the flag out; ctxsrc sources lists which flags each kind of reference takes',
      });
    }
  }

  /** Writes the answer. */
  async out(text: string): Promise<undefined> {
    this.#reporter.makeRoom?.();
    let shown = this.json ? printableJson(text) : text;
    // No line of an answer may be a command to the workflow whose log it is in.
    if (!this.json && this.io.env.GITHUB_ACTIONS) shown = (await import('./ci/workflow-commands.ts')).defused(text);
    await this.io.print(shown);
  }

  /** Writes an answer that a program reads, as it is. */
  async exact(text: string): Promise<undefined> {
    this.#reporter.makeRoom?.();
    await this.io.print(text);
  }

  /** Writes one JSON document of the answer. */
  document(members: object): Promise<undefined> {
    return this.out(`${JSON.stringify({ schema: 'ctxsrc/v1', ...members })}\n`);
  }

  /** Writes the answer as a page, too, where `--html` asks for it; called before anything is printed. */
  async page(make: () => Promise<Page>): Promise<void> {
    if (this.flags.html !== undefined) await (await import('./page-file.ts')).writePage(this, await make());
  }

  /** Writes one line of the answer, made harmless for a terminal. */
  async line(text: string): Promise<undefined> {
    await this.out(`${printable(text)}\n`);
  }

  /** Writes a message for a person to stderr. */
  note(text: string, level: 'note' | 'warning' = 'note', place?: MessagePlace): void {
    this.#reporter.emit({ type: 'message', level, text, place });
  }

  /** Reports a doubtful reference: a warning, or exit 8 with `--strict`. For commands that call no source. */
  tellDoubt({ doubt }: Identifier): void {
    if (doubt === undefined) return;
    const job = { progress: this.#reporter, strict: this.flags.strict === true };
    warnOrRefuse(job, 'E_DOUBTFUL', doubt.text, doubt.hint);
  }

  /** Appends outputs to the file in `$GITHUB_OUTPUT`. Called before the answer: if it fails, there is none. */
  async githubOutput(values: StepOutputs): Promise<void> {
    if (this.flags.githubOutput !== true) return;
    const { appendGithubOutputs } = await import('./ci/github-output.ts');
    await appendGithubOutputs(this.io.env, values);
  }

  /** As `githubOutput` for each reference; of several, named ones get `-NAME` added, others `-1`, `-2`, …. */
  async githubOutputs(resolved: readonly Resolved[], values: readonly StepOutputs[]): Promise<void> {
    if (this.flags.githubOutput !== true) return;
    const { outputsByName } = await import('./ci/github-output.ts');
    await this.githubOutput(outputsByName(resolved, values));
  }

  /** Properties that a key could not cover are a warning, or exit 8 with `--strict`. */
  checkComplete(resolved: readonly Resolved[], keys: readonly (readonly CacheKeyResult[])[]): void {
    for (const [index, one] of resolved.entries()) {
      const incomplete = unseen(keys[index]!);
      if (incomplete.length === 0) continue;
      const ref = shownReference(one.ref.text);
      this.incomplete(`the key of ${ref} does not cover ${incomplete.join(', ')}`, { ref, details: { incomplete } });
    }
  }

  /** Reports what could not be seen: a warning, or exit 8 with `--strict`. */
  incomplete(text: string, facts: Pick<ErrorOptions, 'ref' | 'details'> = {}): void {
    if (this.flags.strict === true) {
      const hint = 'install the optional package koffi, or leave --strict out';
      throw new CtxsrcError('E_INCOMPLETE', text, { ...facts, hint });
    }
    this.note(text, 'warning');
  }

  /** `CTXSRC_CACHE_MAX_SIZE`: prunes the store after a run. */
  async #pruneAfterwards(): Promise<void> {
    const limit = this.io.env.CTXSRC_CACHE_MAX_SIZE;
    if (!limit || this.#environment === undefined || this.signal.aborted) return;
    const maxSize = parseSize('CTXSRC_CACHE_MAX_SIZE', limit);
    const environment = await this.#environment.catch(() => undefined);
    if (environment === undefined) return;
    const { freed, remaining } = await environment.store.prune(await this.job(), { maxSize, estimate: true });
    if (freed > 0) this.note(`removed ${formatBytes(freed)} from the store, to stay below CTXSRC_CACHE_MAX_SIZE`);
    if (remaining > maxSize) {
      const kept = `the store holds ${formatBytes(remaining)}, more than CTXSRC_CACHE_MAX_SIZE (${formatBytes(maxSize)})`;
      this.note(`${kept}: this run, or another, is using it; a later run makes room`);
    }
  }

  /** Stops the progress view, and releases this process's leases and locks. */
  async close(): Promise<void> {
    await this.#pruneAfterwards().catch((error: unknown) => {
      // The answer was given: a failure to free space is not a failure of the command.
      this.note(`could not make room in the store: ${(error as Error).message}`, 'warning');
    });
    this.#reporter.close?.();
    if (this.#environment !== undefined) await (await this.#environment.catch(() => undefined))?.close();
  }
}
