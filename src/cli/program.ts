/**
 * From arguments to a running command. Only the requested command declares its flags, and only the sources in its
 * references are loaded for theirs; if that leaves a flag unknown, all sources are loaded.
 */
import { setMaxListeners } from 'node:events';
import { Command, CommanderError, Option } from 'commander';
import type { AttributeSpec, Source } from '../contract/index.ts';
import { VERSION } from '../core/version.ts';
import { parseReference } from '../source/parse.ts';
import { SourceTable } from '../source/table.ts';
import { type CommandSpec, titleOf } from './command-spec.ts';
import { COMMANDS, commandOf } from './commands.ts';
import { readConfig, type UserConfig } from './config.ts';
import {
  addAttributeFlags,
  addCommonFlags,
  addLimitFlags,
  addNetworkFlags,
  addSettingFlags,
  type DeclaredAttribute,
  type Flags,
  type Reach,
} from './flags.ts';
import type { Io } from './io.ts';
import { asCtxsrcError, writeError } from './output.ts';
import { createReporter } from './progress/progress.ts';
import { Run } from './run.ts';
import { abortOnSignals, abortOnStrayErrors } from './signals.ts';

/** commander's result: a command to run, or a complete answer (help). */
type Invocation =
  | {
      readonly spec: CommandSpec;
      readonly args: readonly string[];
      readonly flags: Flags;
      readonly attributes: readonly AttributeSpec[];
    }
  | { readonly exit: number };

/** Runs the arguments (without `node` and the script) and gives the exit code. */
export async function runProgram(argv: readonly string[], io: Io): Promise<number> {
  const abort = new AbortController();
  // Every reference, request and file of the run has a listener.
  setMaxListeners(0, abort.signal);
  const beforeEnd = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const errorForm = {
    json: beforeEnd.includes('--json') || wantsRawJson(beforeEnd, io.env),
    debug: beforeEnd.includes('-vv') || beforeEnd.filter((arg) => arg === '-v' || arg === '--verbose').length > 1,
  };
  const fail = async (error: unknown): Promise<number> => {
    const failure = asCtxsrcError(error, abort.signal);
    await writeError(io, failure, errorForm);
    return failure.exit;
  };
  const release = abortOnSignals(abort);
  const calm = abortOnStrayErrors(abort, async (error) => process.exit(await fail(error)));
  try {
    const table = new SourceTable();
    const config = await configure(argv, table, io);
    const invocation = await understand(commandFirst(argv), table, io);
    if ('exit' in invocation) return invocation.exit;
    if (config.problem !== undefined && invocation.spec.name !== 'doctor') throw config.problem;
    return await runCommand(invocation, table, config, io, abort.signal);
  } catch (error) {
    return await fail(error);
  } finally {
    release();
    calm();
  }
}

/** The user's configuration, its sources loaded. Where `doctor` may tell what is wrong with it, the others end. */
async function configure(argv: readonly string[], table: SourceTable, io: Io): Promise<UserConfig> {
  const hasSources = argv.some((arg) => /^--source(?:=|$)/.test(arg));
  try {
    const config = await readConfig(io.env);
    if (config.sources.length > 0 || hasSources) {
      const { loadSourceModules } = await import('./source-modules.ts');
      await loadSourceModules(table, argv, config, io.cwd, commandsAlone);
    }
    return config;
  } catch (problem) {
    if (hasSources || !argv.includes('doctor')) throw problem;
    return { directory: '/', sources: [], network: {}, problem };
  }
}

/** The events are for a program, and so is the error at the end. */
function wantsRawJson(argv: readonly string[], env: Io['env']): boolean {
  const at = argv.findLastIndex((arg) => arg === '--progress' || arg.startsWith('--progress='));
  if (at < 0) return env.BUILDKIT_PROGRESS === 'rawjson';
  return argv[at] === '--progress=rawjson' || (argv[at] === '--progress' && argv[at + 1] === 'rawjson');
}

async function runCommand(
  invocation: Exclude<Invocation, { exit: number }>,
  table: SourceTable,
  config: UserConfig,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  // A step whose outputs cannot be written must fail before it has pushed or written anything.
  if (invocation.flags.githubOutput === true) (await import('./ci/github-output.ts')).checkGithubOutput(io.env);
  const run = new Run({
    io,
    reporter: await createReporter(invocation.flags, io),
    flags: invocation.flags,
    attributes: invocation.attributes,
    ownsLock: invocation.spec.name === 'lock',
    uses: invocation.spec.uses?.(invocation.flags) ?? [],
    shares: invocation.spec.shares === true,
    table,
    config,
    signal,
  });
  try {
    const command = await invocation.spec.load();
    return (await command.run(run, invocation.args, invocation.flags)) ?? 0;
  } finally {
    await run.close();
  }
}

/** `ctxsrc --json key .` as `ctxsrc key --json .`: flags belong to commands, but some users write them first. */
function commandFirst(argv: readonly string[]): readonly string[] {
  const names = COMMANDS.map(({ name }) => name);
  const at = argv.findIndex((arg) => names.includes(arg));
  const startsWithFlag = argv[0]?.startsWith('-') === true && argv[0] !== '--';
  return startsWithFlag && at > 0 ? [argv[at]!, ...argv.slice(0, at), ...argv.slice(at + 1)] : argv;
}

async function understand(typed: readonly string[], table: SourceTable, io: Io): Promise<Invocation> {
  const given = typed[0] === 'diff' ? (await import('./saved-builds.ts')).withBuildForm(typed) : typed;
  const builds = commandOf(given[0], given)?.builds === true;
  const argv = builds ? (await import('./build-flags.ts')).withoutBooleanValues(given) : given;
  const spec = commandOf(
    argv.find((arg) => !arg.startsWith('-')),
    argv,
  );
  const [first, topic = ''] = argv;
  if (
    first === 'help' &&
    topic !== '' &&
    topic !== 'help' &&
    !topic.startsWith('-') &&
    COMMANDS.every(({ name }) => name !== topic)
  ) {
    throw (await import('./usage-error.ts')).noCommand(topic, COMMANDS);
  }
  const wantsHelp = argv.some((arg) => arg === '--help' || arg === '-h' || arg === 'help');
  const told = async (error: unknown) => (await import('./usage-error.ts')).usageError(error, spec, COMMANDS);
  const named = wantsHelp || spec?.takesReferences !== true ? [] : await namedSources(argv, table);
  try {
    return await parseArguments(
      argv,
      spec,
      wantsHelp ? declaredAttributes(await table.loadAll()) : named,
      io,
      wantsHelp,
    );
  } catch (error) {
    if (!(error instanceof CommanderError) || error.code !== 'commander.unknownOption') throw await told(error);
  }
  try {
    return await parseArguments(argv, spec, declaredAttributes(await table.loadAll()), io, true);
  } catch (error) {
    throw await told(error);
  }
}

/** The attributes that sources declare. */
export function declaredAttributes(sources: readonly Source[]): DeclaredAttribute[] {
  return sources.flatMap(({ attributes, schemes }) => attributes.map((spec) => ({ ...spec, schemes })));
}

/** Attributes of the sources that the arguments seem to name; a wrong guess only costs time. */
async function namedSources(argv: readonly string[], table: SourceTable): Promise<DeclaredAttribute[]> {
  const known = new Set(table.schemes());
  const schemes = new Set<string>();
  for (const arg of argv.slice(1)) {
    try {
      if (!arg.startsWith('-')) schemes.add(parseReference(arg).scheme);
    } catch {
      // Not a reference; if it should be one, the command reports it.
    }
  }
  const sources = await Promise.all(
    [...schemes].filter((scheme) => known.has(scheme)).map((scheme) => table.load(scheme)),
  );
  return declaredAttributes(sources);
}

/** @param all also the flags that few runs have: the arguments hold one that is not known without them, or ask for help */
async function parseArguments(
  argv: readonly string[],
  only: CommandSpec | undefined,
  specs: readonly DeclaredAttribute[],
  io: Io,
  all: boolean,
): Promise<Invocation> {
  let invocation: Invocation | undefined;
  let help = '';
  const buildFlags =
    only === undefined || only.builds === true ? (await import('./build-flags.ts')).addBuildFlags : undefined;
  const program = buildProgram(specs, {
    only,
    buildFlags,
    sharingFlags: all ? (await import('./sharing-flags.ts')).addSharingFlags : undefined,
    write: (text) => {
      help += text;
    },
    chosen: (given) => {
      invocation = given;
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
    await io.print(help);
    return { exit: 0 };
  }
  return invocation ?? { exit: 0 };
}

/** Every command with its own flags, without those of sources and of builds. */
export function commandsAlone(): Command {
  return buildProgram([]);
}

interface ProgramOptions {
  /** The one requested command: declaring all of them takes several milliseconds. */
  readonly only?: CommandSpec | undefined;
  /** Declares the flags of a build, which few runs load. */
  readonly buildFlags?: ((command: Command, besideSources: boolean) => void) | undefined;
  /** Declares the flags of the shared cache, which few runs load either. */
  readonly sharingFlags?: ((command: Command) => void) | undefined;
  /** Receives the requested help. */
  readonly write?: (help: string) => void;
  readonly chosen?: (invocation: Exclude<Invocation, { exit: number }>) => void;
}

/** The program for commander; completion and the manual are made from it, too. */
export function buildProgram(specs: readonly DeclaredAttribute[], options: ProgramOptions = {}): Command {
  const { only, buildFlags, sharingFlags, write = () => undefined, chosen } = options;
  const program = new Command('ctxsrc')
    .description('Cache keys, root digests and snapshots of build-context sources, as BuildKit computes them.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => undefined })
    .showSuggestionAfterError(true);
  program.addHelpText(
    'after',
    '\nA reference is SCHEME://…, or a path: docker-image://alpine:3.20, oci-layout://./base:latest, ./app.\n' +
      'ctxsrc sources lists the schemes, ctxsrc explain the error codes.',
  );
  for (const spec of only === undefined ? COMMANDS : [only]) {
    const command = declared(program, spec, only !== undefined)
      .summary(spec.summary)
      .description(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`);
    const { takesReferences, reach = 'network', limited = false, builds = false } = spec;
    const used: Reach = {
      progress: reach !== 'nothing',
      store: reach === 'store' || spec.name === 'doctor' || (reach === 'network' && (takesReferences || builds)),
      network: reach === 'network',
      content: takesReferences || limited,
      references: takesReferences,
    };
    spec.flags?.(command);
    addCommonFlags(command, used);
    if (builds) buildFlags?.(command, takesReferences);
    if (limited) addLimitFlags(command);
    if (spec.shares === true) sharingFlags?.(command);
    let attributes: AttributeSpec[] = [];
    if (takesReferences) {
      attributes = addAttributeFlags(command, specs).filter(({ name }) => spec.owns?.includes(name) !== true);
    }
    if (takesReferences || builds) addNetworkFlags(command, used.network);
    addSettingFlags(command, used);
    command.addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  ${example}`).join('\n')}`);
    command.action((...given: unknown[]) => {
      const args = given.slice(0, -2).flat() as (string | undefined)[];
      chosen?.({ spec, args: args.filter((arg) => arg !== undefined), flags: command.opts(), attributes });
    });
  }
  return program;
}

/** A form of a command is parsed under the command's name, and told from it in lists. */
function declared(program: Command, spec: CommandSpec, alone: boolean): Command {
  const { name, form, args } = spec;
  if (form === undefined) return program.command(`${name} ${args}`.trim());
  const command = program.createCommand(alone ? name : titleOf(spec)).copyInheritedSettings(program);
  for (const arg of args.split(' ')) command.argument(arg);
  program.addCommand(
    command.addOption(new Option(form).hideHelp()).usage(`${alone ? `${form} ` : ''}[options] ${args}`),
  );
  return command;
}
