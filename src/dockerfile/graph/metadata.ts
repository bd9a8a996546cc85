/** Instructions that change what the image says of itself, and what later steps run with; they make no files. */
import { expandToWords } from '../expand/expand.ts';
import type { CommandLine, HealthcheckInstruction, Instruction, NamedValue } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { duration, plainList, quotedList } from './go-format.ts';
import { addHistory } from './history.ts';
import type { Image } from './image-config.ts';
import { parsePorts } from './ports.ts';
import { checkSignal } from './signals.ts';
import type { Stage } from './stages.ts';

/** The instructions of this file. */
export type Metadata = Exclude<Instruction, { readonly kind: 'COPY' | 'ADD' | 'RUN' | 'WORKDIR' | 'ARG' }>;

/** A port is sorted and written down with all others each time: so much of a value. */
const PORT = 10;

/** Does the instruction. @throws DockerfileProblem */
export function setMetadata(stage: Stage, build: Build, instruction: Metadata): void {
  const history = change(stage, build, instruction);
  if (history !== undefined) addHistory(stage, build, history);
}

/** Changes the image and gives the line of its history; triggers leave none. */
function change(stage: Stage, build: Build, instruction: Metadata): string | undefined {
  const { config } = stage.image;
  const expanded = build.expander(stage);
  switch (instruction.kind) {
    case 'ENV':
      return setVariables(stage, expandPairs(instruction.pairs, expanded));
    case 'LABEL': {
      const pairs = expandPairs(instruction.pairs, expanded);
      for (const [name, value] of pairs) config.labels.set(name, value);
      return `LABEL ${pairs.map((pair) => pair.join('=')).join(' ')}`;
    }
    case 'USER':
      stage.user = expanded(instruction.user);
      config.User = stage.user;
      return `USER ${stage.user}`;
    case 'EXPOSE': {
      const words = instruction.ports.flatMap((word) => {
        return expandToWords(word, (name) => stage.environment.get(name), build.escape);
      });
      const ports = words.flatMap(parsePorts);
      build.hold(PORT * ports.length);
      for (const port of ports) config.exposedPorts.add(port);
      return `EXPOSE ${plainList(ports)}`;
    }
    case 'VOLUME': {
      const volumes = instruction.volumes.map(expanded);
      if (volumes.includes(''))
        throw new DockerfileProblem('a volume is empty', 'write a path, for instance VOLUME /data');
      for (const volume of volumes) config.volumes.add(volume);
      return `VOLUME ${plainList(volumes)}`;
    }
    case 'STOPSIGNAL': {
      const signal = expanded(instruction.signal);
      checkSignal(signal);
      config.StopSignal = signal;
      return `STOPSIGNAL ${signal}`;
    }
    case 'SHELL':
      config.Shell = instruction.shell;
      return `SHELL ${plainList(instruction.shell)}`;
    case 'MAINTAINER':
      stage.image.author = instruction.maintainer;
      return `MAINTAINER ${instruction.maintainer}`;
    case 'CMD':
      config.Cmd = withShell(stage.image, instruction.command);
      config.ArgsEscaped = true;
      stage.hasCmd = true;
      return `CMD ${quotedList(config.Cmd)}`;
    case 'ENTRYPOINT':
      config.Entrypoint = withShell(stage.image, instruction.command);
      // A command of the base was meant for the base's entry point.
      if (!stage.hasCmd) config.Cmd = [];
      return `ENTRYPOINT ${quotedList(config.Entrypoint)}`;
    case 'HEALTHCHECK':
      config.Healthcheck = instruction.check;
      return `HEALTHCHECK ${shownCheck(instruction.check)}`;
    case 'ONBUILD':
      config.OnBuild.push(instruction.trigger);
      return undefined;
  }
}

/** The words to run: in shell form the shell's, and the text as its last. */
export function withShell(image: Image, command: Pick<CommandLine, 'words' | 'shell'>): readonly string[] {
  if (!command.shell) return command.words;
  const standard = image.os === 'windows' ? ['cmd', '/S', '/C'] : ['/bin/sh', '-c'];
  return [...(image.config.Shell.length > 0 ? image.config.Shell : standard), command.words.join(' ')];
}

type Pairs = readonly (readonly [name: string, value: string])[];

/** All see the variables from before the instruction. */
function expandPairs(
  pairs: readonly (NamedValue & { readonly value: string })[],
  expanded: (word: string) => string,
): Pairs {
  return pairs.map(({ name, value }) => [expanded(name), expanded(value)]);
}

function setVariables(stage: Stage, pairs: Pairs): string {
  for (const [name, value] of pairs) {
    stage.environment.set(name, value);
    stage.image.config.variables.set(name, value);
  }
  return `ENV ${pairs.map((pair) => pair.join('=')).join(' ')}`;
}

function shownCheck(check: HealthcheckInstruction['check']): string {
  const { Test, Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 } = check;
  const times = { Interval, Timeout, StartPeriod, StartInterval };
  const shown = Object.entries(times).map(([name, value]) => `${name}:${duration(value)}`);
  return `{Test:${plainList(Test)} ${shown.join(' ')} Retries:${Retries}}`;
}
