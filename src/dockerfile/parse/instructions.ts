/** From a split instruction to a checked one. */

import { closest } from '../../core/closest.ts';
import { compareUtf8, trimGoSpace } from '../../core/go/text.ts';
import { shortened } from '../../core/printable.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import { readFlags } from './flags.ts';
import { readHealthcheck } from './healthcheck.ts';
import type { CommandLine, Instruction, NamedValue, Stage } from './instruction.ts';
import { mountOrigin } from './mount.ts';
import { instructionName, type Statement } from './statement.ts';
import { readAdd, readCopy } from './transfer.ts';

/** FROM: a stage without its instructions. */
export type StageHead = Omit<Stage, 'instructions'> & { readonly kind: 'FROM' };

/** What an instruction holds beside what all have. */
type OwnPart<I> = I extends { readonly kind: string } ? Omit<I, 'lines' | 'text' | 'comments' | 'flagsUsed'> : never;

/** @throws DockerfileProblem */
export function readInstruction(statement: Statement, escapeMark: Escape): Instruction | StageHead {
  const { lines, comments } = statement;
  const text = trimGoSpace(statement.text);
  const name = instructionName(statement.name);
  if (name === 'FROM') return { kind: name, ...readFrom(statement), lines, text, comments };
  return {
    ...readOwnPart(name, statement, escapeMark),
    lines,
    text,
    comments,
    flagsUsed: flagNames(statement),
  } as Instruction;
}

/** BuildKit does not look at the flags of ARG, nor at those of STOPSIGNAL. */
const WITHOUT_FLAGS = [
  ...['CMD', 'ENTRYPOINT', 'SHELL', 'ENV', 'LABEL', 'EXPOSE', 'VOLUME', 'WORKDIR', 'USER', 'MAINTAINER'],
];

function readOwnPart(name: string, statement: Statement, escapeMark: Escape): OwnPart<Instruction> {
  const { words } = statement;
  if (WITHOUT_FLAGS.includes(name)) readFlags(statement.flags, {});
  switch (name) {
    case 'COPY':
      return readCopy(statement, escapeMark);
    case 'ADD':
      return readAdd(statement);
    case 'RUN':
      return readRun(statement);
    case 'CMD':
    case 'ENTRYPOINT':
      return { kind: name, command: commandLine(statement) };
    case 'SHELL':
      if (words.length === 0 || !statement.json)
        throw new DockerfileProblem('this is no JSON array', 'write SHELL ["/bin/sh", "-c"]');
      return { kind: name, shell: words };
    case 'HEALTHCHECK':
      return { kind: name, check: readHealthcheck(statement) };
    case 'ARG':
      return { kind: name, args: atLeastOne(statement, 'ARG NAME=VALUE').map(readArgument) };
    case 'ENV':
    case 'LABEL':
      return { kind: name, pairs: readPairs(atLeastOne(statement, `${name} NAME=VALUE`)) };
    case 'EXPOSE':
      return { kind: name, ports: [...atLeastOne(statement, 'EXPOSE 80')].sort(compareUtf8) };
    case 'VOLUME':
      return { kind: name, volumes: atLeastOne(statement, 'VOLUME /path').map(readVolume) };
    case 'WORKDIR':
      return { kind: name, path: onlyWord(statement, 'WORKDIR /path') };
    case 'USER':
      return { kind: name, user: onlyWord(statement, 'USER name') };
    case 'MAINTAINER':
      return { kind: name, maintainer: onlyWord(statement, 'MAINTAINER name') };
    case 'STOPSIGNAL':
      return { kind: name, signal: onlyWord(statement, 'STOPSIGNAL SIGTERM') };
    case 'ONBUILD':
      return { kind: name, trigger: readTriggerText(statement) };
    default:
      throw unknownInstruction(statement.name);
  }
}

function readFrom(statement: Statement): Pick<Stage, 'name' | 'base' | 'platform'> {
  const [base, as, written] = statement.words;
  const count = statement.words.length;
  // Go compares without case by Unicode's rules, as the flag `u` does.
  if (base === undefined || (count !== 1 && !(count === 3 && /^as$/iu.test(as!)))) {
    throw new DockerfileProblem('this is neither one word nor three', 'write FROM IMAGE or FROM IMAGE AS NAME');
  }
  const name = (written ?? '').toLowerCase();
  if (written !== undefined && !/^[a-z][a-z0-9\-_.]*$/.test(name)) {
    throw new DockerfileProblem(
      `invalid name of a stage: ${shortened(written)}`,
      'a name begins with a letter, and holds letters, digits, -, _ and .',
    );
  }
  return { name, base, platform: readFlags(statement.flags, { platform: 'text' }).platform ?? '' };
}

function readRun(statement: Statement) {
  const flags = readFlags(statement.flags, { mount: 'list', network: 'text', security: 'text', device: 'list' });
  const { mount: mounts = [], network = 'default', security = 'sandbox', device: devices = [] } = flags;
  for (const mount of mounts) mountOrigin(mount);
  checkOneOf('network', network, ['default', 'none', 'host']);
  checkOneOf('security', security, ['sandbox', 'insecure']);
  return { kind: 'RUN', command: commandLine(statement), mounts, network, security, devices } as const;
}

function commandLine({ words, json, heredocs }: Statement): CommandLine {
  return { words, shell: !json, heredocs };
}

function readArgument(word: string): NamedValue {
  const equals = word.indexOf('=');
  if (equals === -1) return { name: word, value: undefined };
  return { name: notEmpty(word.slice(0, equals)), value: word.slice(equals + 1) };
}

function readPairs(words: readonly string[]) {
  const pairs: { name: string; value: string }[] = [];
  for (let at = 0; at < words.length; at += 2) pairs.push({ name: notEmpty(words[at]!), value: words[at + 1]! });
  return pairs;
}

function readVolume(word: string): string {
  const path = trimGoSpace(word);
  if (path === '') throw new DockerfileProblem('a path is empty', 'write VOLUME /path');
  return path;
}

const ONBUILD_PREFIX = /^ONBUILD[\t\n\f\r ]*/i;

/** The trigger as it is kept in the image: with its here-documents. */
function readTriggerText({ text, trigger, flags, heredocs }: Statement): string {
  if (trigger === undefined)
    throw new DockerfileProblem('there is no instruction', 'write for instance ONBUILD RUN make');
  readFlags(flags, {});
  const name = instructionName(trigger.name);
  if (name === 'FROM' || name === 'MAINTAINER') {
    throw new DockerfileProblem(
      `${name} is no trigger`,
      'a trigger is any instruction but FROM, MAINTAINER and ONBUILD',
    );
  }
  const documents = heredocs.map((each) => `\n${each.text}${each.name}`);
  return text.replace(ONBUILD_PREFIX, '') + documents.join('');
}

function atLeastOne({ words }: Statement, example: string): readonly string[] {
  if (words.length === 0) throw new DockerfileProblem('there is no argument', `write for instance ${example}`);
  return words;
}

function onlyWord({ words }: Statement, example: string): string {
  if (words.length !== 1) throw new DockerfileProblem('there is no argument', `write for instance ${example}`);
  return words[0]!;
}

function notEmpty(name: string): string {
  if (name === '') throw new DockerfileProblem('a name is empty', 'write NAME=VALUE');
  return name;
}

function flagNames({ flags }: Statement): readonly string[] {
  return [...new Set(flags.map((flag) => flag.slice(2).split('=')[0]!))];
}

function checkOneOf(flag: string, value: string, words: readonly string[]): void {
  if (words.includes(value)) return;
  throw new DockerfileProblem(`--${flag} cannot be ${shortened(value)}`, `write one of ${words.join(', ')}`);
}

const NAMES = [
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER'],
  ...['ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
];

function unknownInstruction(written: string): DockerfileProblem {
  const near = closest(instructionName(written).slice(0, 100), NAMES);
  return new DockerfileProblem(
    'there is no such instruction',
    near === undefined ? `the instructions are ${NAMES.join(', ')}` : `write ${near}`,
  );
}
