/** The history of an image: what made each of its layers. */
import { memberOf } from '../../core/json-members.ts';
import type { HistoryStep } from './report.ts';

export interface History {
  /** Whether it fits the layers; else nothing below is known. */
  readonly fits: boolean;
  /** For each layer the step that made it, and those before it that made no files. */
  readonly layers: readonly { readonly made: HistoryStep; readonly steps: readonly HistoryStep[] }[];
  /** The steps after the last layer. */
  readonly rest: readonly HistoryStep[];
}

/**
 * @param configuration the parsed configuration: of the text of its history nothing is certain
 * @param layers how many layers it has
 */
export function readHistory(configuration: unknown, layers: number): History {
  const entries = memberOf(configuration, 'history');
  const list = Array.isArray(entries) ? entries : [];
  const found: { made: HistoryStep; steps: HistoryStep[] }[] = [];
  let steps: HistoryStep[] = [];
  for (const entry of list) {
    const step = stepOf(entry);
    if (memberOf(entry, 'empty_layer') === true) steps.push(step);
    else {
      found.push({ made: step, steps });
      steps = [];
    }
  }
  if (list.length === 0 || found.length !== layers) return { fits: false, layers: [], rest: [] };
  return { fits: true, layers: found, rest: steps };
}

export function textMember(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === 'string' && member !== '' ? member : undefined;
}

function stepOf(entry: unknown): HistoryStep {
  const created = textMember(entry, 'created');
  const comment = textMember(entry, 'comment');
  return {
    ...instructionOf(textMember(entry, 'created_by') ?? ''),
    ...(created === undefined ? {} : { created }),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** The classic builder's shell before an instruction that runs nothing, and before one that does. */
const CLASSIC = '/bin/sh -c ';
const NOP = /^#\(nop\)\s+/;
/** Arguments that a build gave to a command: `|2 A=1 B=2 /bin/sh -c make`, or with another shell. */
const ARGUMENTS =
  /^\|\d+ (?:.*?(?=\/bin\/sh -c )|.*?(?<= )(?=\/[^\s=]{1,60} (?:-[\w-]{1,20} (?:pipefail )?){0,4}-\w{0,10}c ))/s;
const BUILDKIT = ' # buildkit';
const INSTRUCTION =
  /^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s+/;

/** `/bin/sh -c #(nop)  CMD ["sh"]` and `CMD ["sh"]` are the same instruction, of two builders. */
function instructionOf(text: string): Pick<HistoryStep, 'instruction' | 'text'> {
  const plain = text.endsWith(BUILDKIT) ? text.slice(0, -BUILDKIT.length).trimEnd() : text;
  const named = namedInstruction(plain);
  if (named !== undefined) return named;
  const command = plain.replace(ARGUMENTS, '');
  if (!command.startsWith(CLASSIC)) return { instruction: '', text: command };
  const rest = command.slice(CLASSIC.length);
  if (!NOP.test(rest)) return { instruction: 'RUN', text: rest };
  const idle = rest.replace(NOP, '');
  return namedInstruction(idle) ?? { instruction: '', text: idle };
}

function namedInstruction(text: string): Pick<HistoryStep, 'instruction' | 'text'> | undefined {
  const [, word] = INSTRUCTION.exec(text) ?? [];
  if (word === undefined) return undefined;
  const rest = text.replace(INSTRUCTION, '');
  return { instruction: word, text: word === 'RUN' ? commandOf(rest) : rest };
}

function commandOf(text: string): string {
  const command = text.replace(ARGUMENTS, '');
  return command.startsWith(CLASSIC) ? command.slice(CLASSIC.length) : command;
}
