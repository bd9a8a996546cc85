/** Which stages an instruction takes files from. */

import { dockerfileError } from '../error.ts';
import type { Dockerfile, Instruction } from '../parse/instruction.ts';
import { mountOrigin } from '../parse/mount.ts';
import { located } from './failure.ts';
import { Stage, type Stages, type Step } from './stages.ts';
import type { Place } from './types.ts';

/** The steps of every stage of the Dockerfile. An image that one of them names becomes a stage behind the others. */
export function linkStages(stages: Stages, dockerfile: Dockerfile, fileName: string): void {
  for (const [number, { instructions }] of dockerfile.stages.entries()) {
    for (const instruction of instructions) {
      const { lines, kind } = instruction;
      const place = { line: lines.first, lines, instruction: kind };
      stages.list[number]!.steps.push(located(fileName, place, () => linkStep(stages, instruction, place)));
    }
  }
  refuseCircle(stages, fileName);
}

/** The instruction with its stages. What is named and is no stage is an image, which is added to the stages. */
export function linkStep(stages: Stages, instruction: Instruction, place: Place): Step {
  const origins = originsOf(instruction);
  const froms = origins.map((from) => (typeof from === 'number' ? stages.at(from) : (stages.find(from) ?? from)));
  const named = froms.map((from) => (typeof from === 'string' ? imageStage(from, place) : from));
  for (const [index, stage] of named.entries()) {
    if (stage !== froms[index]) stages.add(stage);
  }
  return { instruction, froms: named, place };
}

/** Names, or the number of a stage. */
function originsOf(instruction: Instruction): readonly (string | number)[] {
  if (instruction.kind === 'COPY') {
    const { from } = instruction;
    if (from === '') return [];
    return [/^[+-]?[0-9]+$/.test(from) && Number.isSafeInteger(Number(from)) ? Number(from) : from];
  }
  // A mount without `from` may mean the empty directory, which a stage can hide.
  if (instruction.kind === 'RUN') return instruction.mounts.map((mount) => mountOrigin(mount) || 'scratch');
  return [];
}

function imageStage(base: string, place: Place): Stage {
  return new Stage({
    number: undefined,
    name: '',
    base,
    written: base,
    platform: undefined,
    context: undefined,
    place,
  });
}

/** Stages that take files from each other cannot be built. */
function refuseCircle(stages: Stages, fileName: string): void {
  const done = new Set<Stage>();
  const way: { readonly stage: Stage; readonly step: Step }[] = [];

  const visit = (stage: Stage): void => {
    if (done.has(stage)) return;
    for (const step of stage.steps) {
      for (const from of step.froms) {
        way.push({ stage, step });
        const start = way.findIndex((other) => other.stage === from);
        if (start >= 0) throw circle(way.slice(start), fileName);
        visit(from);
        way.pop();
      }
    }
    done.add(stage);
  };
  for (const stage of stages.list) visit(stage);
}

function circle(way: readonly { readonly stage: Stage; readonly step: Step }[], fileName: string): Error {
  const { line, instruction } = way[0]!.step.place;
  const names = way.map(({ stage }) => stage.shownName);
  return dockerfileError(
    { fileName, line, instruction },
    `stages take files from each other in a circle: ${[...names, names[0]].join(', ')}`,
    'move what both need into a stage above them',
  );
}
