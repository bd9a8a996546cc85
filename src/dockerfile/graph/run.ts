/** RUN: one process upon the files of the stage. */
import { joinPath } from '../../core/go/path.ts';
import { heredocWord, withoutLeadingTabs } from '../parse/heredoc.ts';
import type { RunInstruction } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { type ExecMount, execOperation } from './exec-operation.ts';
import { fileOperation } from './file-operation.ts';
import { addHistory } from './history.ts';
import { withShell } from './metadata.ts';
import { mountsOf } from './mounts.ts';
import { NETWORK_MODES } from './run-options.ts';
import type { Stage, Step } from './stages.ts';

/** @throws DockerfileProblem */
export function runProcess(stage: Stage, build: Build, instruction: RunInstruction, step: Step): void {
  const { place } = step;
  // A process can read every file.
  stage.paths.add('/');
  const { args, script } = commandOf(stage, instruction);
  if (args.length === 0) throw new DockerfileProblem('there is nothing to run', 'write a command');
  const environment = stage.environment.list();
  const words = argumentWords(stage);
  build.hold(environment.length + words.length, 2 * stage.environment.characters);
  const { mounts, secrets, ssh } = mountsOf(stage, build, instruction, step);
  if (instruction.devices.length > 0) {
    throw new DockerfileProblem('--device is known to experimental front ends only', 'leave --device out');
  }
  const network = networkOf(instruction) || build.run.network;
  if (network !== NETWORK_MODES.none) build.noteUnkeyed('network', undefined, place);
  const { shmSize } = build.run;
  const shared: ExecMount[] =
    shmSize > 0 ? [{ kind: 'tmpfs', target: '/dev/shm', readOnly: false, size: shmSize }] : [];
  stage.files = execOperation(
    {
      root: stage.files,
      platform: stage.runPlatform ?? build.target,
      args,
      environment,
      directory: stage.workingDirectory,
      user: stage.user,
      network,
      insecure: insecure(instruction),
      proxies: build.proxies,
      options: build.run,
      mounts: [...script, ...mounts, ...shared],
      secrets,
      ssh,
    },
    [place],
  );
  addHistory(stage, build, `RUN ${[...words, ...args].join(' ')} # buildkit`, 'layer');
}

interface Command {
  readonly args: readonly string[];
  /** Where a here-document that begins with `#!` is mounted as a program. */
  readonly script: readonly ExecMount[];
}

function commandOf(stage: Stage, { command }: RunInstruction): Command {
  const [first] = command.heredocs;
  const [line = ''] = command.words;
  if (first === undefined) return { args: withShell(stage.image, command), script: [] };
  if (heredocWord(line) === undefined) {
    // Something else is on the line: the shell reads the documents itself.
    const documents = command.heredocs.map(({ text, name }) => `\n${text}${name}`);
    return { args: withShell(stage.image, { words: [line + documents.join('')], shell: true }), script: [] };
  }
  const text = first.chomp ? withoutLeadingTabs(first.text) : first.text;
  if (stage.image.os === 'windows' || !text.startsWith('#!')) {
    return { args: withShell(stage.image, { words: [text], shell: true }), script: [] };
  }
  const file = { kind: 'mkfile' as const, path: joinPath('/', first.name), mode: 0o755, text };
  const files = fileOperation(undefined, [file], []);
  const directory = '/dev/pipes/';
  return {
    args: withShell(stage.image, { words: [joinPath(directory, first.name)], shell: true }),
    script: [{ kind: 'bind', target: directory, readOnly: true, files, selector: '/' }],
  };
}

function networkOf({ network }: RunInstruction): number {
  const mode = network === '' ? 0 : NETWORK_MODES[network];
  if (mode === undefined || network === 'sandbox') {
    throw new DockerfileProblem(`--network=${network} is no mode`, 'the modes are default, none and host');
  }
  return mode;
}

function insecure({ security }: RunInstruction): boolean {
  if (security === 'insecure') return true;
  if (security === '' || security === 'sandbox') return false;
  throw new DockerfileProblem(`--security=${security} is no mode`, 'the modes are sandbox and insecure');
}

/** The arguments in front of the command in the history: how many, and each with its value. */
function argumentWords(stage: Stage): string[] {
  const words = new Map<string, string>();
  for (const [name, value] of stage.args) words.set(name, `${name}=${stage.environment.get(name) ?? value ?? ''}`);
  return words.size === 0 ? [] : [`|${words.size}`, ...words.values()];
}
