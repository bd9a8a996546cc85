/** Reads a Dockerfile, and the triggers of a base image, as BuildKit does. */

import { at, dockerfileError, type ErrorPlace } from '../error.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import { checkOf, frontendOf } from './directives.ts';
import { heredocsOfLine } from './heredoc.ts';
import type { Dockerfile, Instruction, Lines, Stage } from './instruction.ts';
import { readInstruction, type StageHead } from './instructions.ts';
import { instructionName, type Statement } from './statement.ts';
import { LARGER, readStatements } from './statements.ts';
import { textOf } from './text.ts';

/** BuildKit's messages to a front end hold no larger file. */
const MAX_BYTES = 16 << 20;
/** BuildKit's longest line, without its newline. */
const MAX_LINE_BYTES = 65_535;

/**
 * Reads a Dockerfile whole, also the stages that nothing needs. Who reads it is decided before: see `frontendOf`.
 * @param fileName as errors name it
 * @throws CtxsrcError `E_DOCKERFILE`
 */
export function parseDockerfile(bytes: Uint8Array, fileName: string): Dockerfile {
  checkSize(bytes, fileName);
  const {
    statements,
    escape: escapeMark,
    brokenByEmptyLines,
  } = readStatements(textOf(bytes), (line, instruction) => ({ fileName, line, instruction }));
  const globalArgs: (Instruction & { kind: 'ARG' })[] = [];
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  statements.forEach((statement, index) => {
    const place = placeOf(statement, fileName);
    at(place, () => {
      const instruction = readExplained(statements, index, escapeMark);
      const stage = stages.at(-1);
      if (instruction.kind === 'FROM') stages.push({ ...withoutKind(instruction), instructions: [] });
      else if (stage !== undefined) stage.instructions.push(instruction);
      else if (instruction.kind === 'ARG') globalArgs.push(instruction);
      else throw new DockerfileProblem('there is no FROM above', 'only ARG may stand above the first FROM');
    });
  });
  if (stages.length === 0) {
    const { first } = statements.at(-1)!.lines;
    throw dockerfileError({ fileName, line: first }, 'there is no FROM', 'begin a stage with FROM IMAGE');
  }
  return {
    globalArgs,
    stages,
    escape: escapeMark,
    syntax: frontendOf(bytes),
    check: checkOf(bytes),
    brokenByEmptyLines,
  };
}

/**
 * Reads one trigger of a base image's configuration, or of ONBUILD in another stage.
 * @param origin the FROM that makes it run: its lines are those of the instruction; `instruction` is for errors
 * @throws CtxsrcError `E_DOCKERFILE`
 */
export function parseTrigger(
  text: string,
  origin: { readonly fileName: string; readonly lines: Lines; readonly instruction: string },
): Instruction {
  const { fileName, instruction: name } = origin;
  const place = { fileName, line: origin.lines.first, instruction: name };
  const { statements, escape: escapeMark } = readStatements(text, () => place);
  const [statement] = statements;
  return at(place, () => {
    if (statement === undefined || statements.length > 1) {
      throw new DockerfileProblem('a trigger is more than one instruction', 'build the base image anew');
    }
    const instruction = readInstruction({ ...statement, lines: origin.lines }, escapeMark);
    if (instruction.kind === 'FROM') throw new DockerfileProblem('FROM is no trigger', 'build the base image anew');
    return instruction;
  });
}

function checkSize(bytes: Uint8Array, fileName: string): void {
  if (bytes.length === 0) throw dockerfileError({ fileName, line: 1 }, 'the file is empty', 'begin with FROM IMAGE');
  if (bytes.length > MAX_BYTES) throw dockerfileError({ fileName, line: 1 }, 'the file is larger than 16 MiB', LARGER);
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    if (end - start > MAX_LINE_BYTES) {
      throw dockerfileError(
        { fileName, line },
        `the line is longer than ${MAX_LINE_BYTES} bytes`,
        'continue it on further lines, each but the last with \\ at its end',
      );
    }
    start = end + 1;
  }
}

function placeOf(statement: Statement, fileName: string): ErrorPlace {
  return { fileName, line: statement.lines.first, instruction: instructionName(statement.name) };
}

function withoutKind({ kind: _, ...stage }: StageHead): Omit<StageHead, 'kind'> {
  return stage;
}

/** Reads one instruction; a fault that comes from a here-document where none may stand is told as such. */
function readExplained(statements: readonly Statement[], index: number, escapeMark: Escape): Instruction | StageHead {
  try {
    return readInstruction(statements[index]!, escapeMark);
  } catch (error) {
    const owner = error instanceof DockerfileProblem ? supposedHeredoc(statements, index) : undefined;
    if (owner === undefined) throw error;
    const name = instructionName(owner.name);
    throw new DockerfileProblem(
      `${(error as Error).message}, and ${name} in line ${owner.lines.first} takes no here-document`,
      'only RUN, COPY and ADD take one: write the command on one line, or COPY a script',
    );
  }
}

/** The instruction that looks as if the one at `index` were a line of its here-document. */
function supposedHeredoc(statements: readonly Statement[], index: number): Statement | undefined {
  const rest = new Set(statements.slice(index).map(({ text }) => text));
  return statements
    .slice(0, index)
    .findLast((each) => each.heredocs.length === 0 && heredocsOfLine(each.text).some(({ name }) => rest.has(name)));
}
