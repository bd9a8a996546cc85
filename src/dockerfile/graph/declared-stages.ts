/** From the FROM lines to stages: their bases and platforms expanded by the global arguments. */
import { isCtxsrcError } from '../../core/errors.ts';
import { type Platform, parsePlatform } from '../../core/platform.ts';
import { expand } from '../expand/expand.ts';
import type { Dockerfile, Stage as WrittenStage } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { located } from './failure.ts';
import { Stage, Stages } from './stages.ts';
import type { Place } from './types.ts';

/** All stages, each found by those below it; none has steps yet. */
export function declareStages(dockerfile: Dockerfile, build: Build): Stages {
  const stages = new Stages();
  for (const [number, written] of dockerfile.stages.entries()) {
    const place: Place = { line: written.lines.first, lines: written.lines, instruction: 'FROM' };
    located(build.options.fileName, place, () => {
      const platform = written.platform === '' ? undefined : stagePlatform(written, build);
      const base = expand(written.base, build.lookup, build.escape);
      if (base === '') throw blankBase(number, dockerfile, build);
      const context =
        written.name === '' ? undefined : build.contexts.find(written.name, platform ?? build.askedPlatform);
      stages.add(new Stage({ number, name: written.name, base, written: written.base, platform, context, place }));
    });
  }
  return stages;
}

function stagePlatform(written: WrittenStage, build: Build): Platform {
  const text = expand(written.platform, build.lookup, build.escape);
  if (text === '') {
    throw new DockerfileProblem(`--platform=${written.platform} is empty`, unsetHint(written.platform, build));
  }
  try {
    return parsePlatform(text);
  } catch (error) {
    if (isCtxsrcError(error))
      throw new DockerfileProblem(`--platform=${written.platform}: ${error.message}`, error.hint);
    throw error;
  }
}

function blankBase(number: number, dockerfile: Dockerfile, build: Build): DockerfileProblem {
  const { base } = dockerfile.stages[number]!;
  const unset = unsetVariables(base, build);
  const misplaced = dockerfile.stages
    .slice(0, number)
    .flatMap(({ instructions }) =>
      instructions.flatMap((instruction) => (instruction.kind === 'ARG' ? instruction.args : [])),
    )
    .find(({ name }) => unset.includes(name));
  return new DockerfileProblem(
    `the base ${base} is empty`,
    misplaced === undefined
      ? unsetHint(base, build)
      : `an ARG between stages belongs to the stage above it: move ARG ${misplaced.name} above the first FROM`,
  );
}

/** What to write when a word is empty or no reference because its variables have no value. */
export function unsetHint(word: string, build: Build): string | undefined {
  const [name] = unsetVariables(word, build);
  if (name === undefined) return undefined;
  return build.declared.has(name)
    ? `ARG ${name} has no value: give --build-arg ${name}=VALUE, or write a default, ARG ${name}=VALUE`
    : `no ARG above the first FROM declares ${name}: write ARG ${name}=VALUE there`;
}

function unsetVariables(word: string, build: Build): string[] {
  const names = [...word.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name = '']) => name);
  return names.filter((name) => !build.lookup(name));
}
