/**
 * Shell completion: everything that fits at the cursor of a partial line. Commands, flags and their values come from
 * the declarations of the help. The shells' scripts call `ctxsrc completion candidates -- LINE`.
 */
import { resolve } from 'node:path';
import { Command, type Option } from 'commander';
import { DEFAULT_LOCK, readLock } from '../../snapshot/lock/file.ts';
import { addBuildFlags } from '../build-flags.ts';
import type { CommandSpec } from '../command-spec.ts';
import { COMMANDS, commandOf } from '../commands.ts';
import { addCommonFlags, addSettingFlags } from '../flags.ts';
import { buildProgram, declaredAttributes } from '../program.ts';
import type { Run } from '../run.ts';
import { addSharingFlags } from '../sharing-flags.ts';
import {
  answerText,
  behind,
  type Candidate,
  type Completion,
  DIRECTORY_PATHS,
  FILE_PATHS,
  NOTHING,
  wordsOnly,
} from './answer.ts';
import { splitLine } from './line.ts';
import { completeReference } from './references.ts';

/** Common values of `--platform`; others may be typed. */
const PLATFORMS = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/arm/v6',
  'linux/386',
  'linux/ppc64le',
  'linux/riscv64',
  'linux/s390x',
  'windows/amd64',
];

/** The completion of a flag's value by its placeholder. */
const VALUES: Readonly<Record<string, Completion>> = {
  file: FILE_PATHS,
  dockerfile: FILE_PATHS,
  module: FILE_PATHS,
  dir: DIRECTORY_PATHS,
  'os/arch[/variant]': wordsOnly(PLATFORMS.map((text) => ({ text }))),
};

/** The answer for a line up to its cursor. */
export async function completeLine(run: Run, line: string): Promise<string> {
  const { words, current } = splitLine(line);
  const redirection = /^[0-9&]*[<>]+&?/.exec(current)?.[0] ?? '';
  const completion =
    redirection !== '' || /^[0-9&]*[<>]+&?$/.test(words.at(-1) ?? '')
      ? behind(redirection, FILE_PATHS)
      : await completeWord(run, words.slice(1), current);
  return answerText(completion, current);
}

async function completeWord(run: Run, before: readonly string[], current: string): Promise<Completion> {
  const at = commandIn(before);
  if (at === undefined) return completeFirst(before, current);
  const spec = commandOf(before[at], before)!;
  const command = await declared(run, spec);
  const given = read([...before.slice(0, at), ...before.slice(at + 1)], command.options);
  if (given.pending !== undefined) return completeValue(given.pending, current);
  if (!given.ended && current.startsWith('-')) return completeFlag(command.options, current);
  return completeArgument(run, spec, command, given, current);
}

/** The position of the command: first, or after flags. */
function commandIn(words: readonly string[]): number | undefined {
  const names = new Set(COMMANDS.map(({ name }) => name));
  const at = words.findIndex((word) => names.has(word));
  return at === 0 || (at > 0 && words[0]!.startsWith('-')) ? at : undefined;
}

/** A command with its flags, including those of all sources. */
async function declared(run: Run, spec: CommandSpec): Promise<Command> {
  const attributes = spec.takesReferences ? declaredAttributes(await run.table.loadAll()) : [];
  return buildProgram(attributes, { only: spec, buildFlags: addBuildFlags, sharingFlags: addSharingFlags })
    .commands[0]!;
}

/** Completion before the command: commands, and the flags of every command. */
function completeFirst(before: readonly string[], current: string): Completion {
  const commands = COMMANDS.filter(({ form }) => form === undefined).map(({ name, summary }) => ({
    text: name,
    description: summary,
  }));
  if (before[0] === 'help') return before.length === 1 ? wordsOnly(commands) : NOTHING;
  const everywhere = new Command().option('-V, --version', 'print the version');
  const reach = { store: true, network: true, references: true, progress: true, content: true };
  addCommonFlags(everywhere, reach);
  addSettingFlags(everywhere, reach);
  const { pending, args } = read(before, everywhere.options);
  if (pending !== undefined) return completeValue(pending, current);
  if (args.length > 0) return NOTHING;
  if (current.startsWith('-')) return completeFlag(everywhere.options, current);
  return wordsOnly([...commands, { text: 'help', description: 'show the help of a command' }]);
}

/** The meaning of the words before the cursor. */
interface Given {
  readonly args: readonly string[];
  /** Values by long name of the flag; `''` for flags without a value. */
  readonly flags: ReadonlyMap<string, string>;
  /** The flag whose value stands at the cursor. */
  readonly pending: Option | undefined;
  /** `--` was given: no flags follow. */
  readonly ended: boolean;
}

function read(words: readonly string[], options: readonly Option[]): Given {
  const args: string[] = [];
  const flags = new Map<string, string>();
  let pending: Option | undefined;
  let ended = false;
  for (const word of words) {
    if (pending !== undefined) {
      flags.set(pending.long!, word);
      pending = undefined;
    } else if (ended || !word.startsWith('-') || word === '-') args.push(word);
    else if (word === '--') ended = true;
    else {
      const [name, value] = splitFlag(word);
      const option = options.find(({ short, long }) => name === short || name === long);
      if (option?.required === true && value === undefined) pending = option;
      else flags.set(option?.long ?? name, value ?? '');
    }
  }
  return { args, flags, pending, ended };
}

function splitFlag(word: string): [name: string, value: string | undefined] {
  const equals = word.indexOf('=');
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** A flag by its name or, after `=`, its value. */
function completeFlag(options: readonly Option[], current: string): Completion {
  const [name, value] = splitFlag(current);
  const shown = options.filter(({ hidden }) => !hidden);
  if (value !== undefined) {
    const option = shown.find(({ long, required }) => long === name && required);
    return option === undefined ? NOTHING : behind(`${name}=`, completeValue(option, value));
  }
  const help = { text: '--help', description: 'show help' };
  const flags = shown.flatMap(({ long, short, description }): Candidate[] =>
    [long, short].flatMap((text) => (text === undefined || text === null ? [] : [{ text, description }])),
  );
  return wordsOnly([...flags, help]);
}

function completeValue(option: Option, value: string): Completion {
  if (option.argChoices !== undefined) return wordsOnly(option.argChoices.map((text) => ({ text })));
  const placeholder = /<(.+)>/.exec(option.flags)?.[1]?.toLowerCase() ?? '';
  if (option.long === '--output') return completeOutput(value);
  return VALUES[placeholder] ?? NOTHING;
}

/** `type=tar,dest=PATH` */
function completeOutput(value: string): Completion {
  const destination = /^(?:.*,)?dest=/s.exec(value)?.[0];
  if (destination !== undefined)
    return value.slice(destination.length).includes(',') ? NOTHING : behind(destination, FILE_PATHS);
  return wordsOnly(['type=tar,dest=', 'type=oci,dest='].map((text) => ({ text })));
}

async function completeArgument(
  run: Run,
  spec: CommandSpec,
  command: Command,
  given: Given,
  current: string,
): Promise<Completion> {
  const place = given.args.length;
  const declaration = command.registeredArguments[place] ?? command.registeredArguments.findLast((one) => one.variadic);
  if (declaration === undefined) return NOTHING;
  const name = declaration.name();
  if (place === 0 && spec.words !== undefined) return wordsOnly(spec.words.map((text) => ({ text })));
  if (name === 'dir') return DIRECTORY_PATHS;
  if (name === 'module') return FILE_PATHS;
  if (!spec.takesReferences) return NOTHING;
  const entries = lockedNames(run, spec, given).filter((entry) => !given.args.includes(entry));
  if (given.flags.has('--update')) return wordsOnly(entries.map((text) => ({ text })));
  if (name === 'name=ref' && !current.includes('=')) return wordsOnly(entries.map((entry) => ({ text: `${entry}=` })));
  const reference = await completeReference(run, current);
  return { ...reference, words: [...entries.map((text) => ({ text })), ...reference.words] };
}

/** Names in the lock file of the command. */
function lockedNames(run: Run, spec: CommandSpec, { flags }: Given): string[] {
  const file = flags.get('--lock') ?? (spec.name === 'lock' ? DEFAULT_LOCK : undefined);
  if (file === undefined) return [];
  try {
    // A name that begins like a flag would be parsed as one.
    return [...(readLock(resolve(run.io.cwd, file))?.keys() ?? [])].filter((name) => !name.startsWith('-'));
  } catch {
    // An unreadable lock file has no candidates; the command reports the error.
    return [];
  }
}
