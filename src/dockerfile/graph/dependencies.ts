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

/** Stages that take files from each other cannot be built. Without recursion, for stages are as many as somebody writes. */
function refuseCircle(stages: Stages, fileName: string): void {
  const done = new Set<Stage>();
  for (const start of stages.list) {
    const way: Visit[] = done.has(start) ? [] : [visitOf(start)];
    const onWay = new Set(way.map(({ stage }) => stage));
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const from = top.needs[top.next]?.from;
      if (from === undefined) {
        done.add(top.stage);
        onWay.delete(top.stage);
        way.pop();
      } else if (onWay.has(from)) {
        throw circle(way.slice(way.findIndex(({ stage }) => stage === from)), fileName);
      } else if (!done.has(from)) {
        way.push(visitOf(from));
        onWay.add(from);
        continue;
      }
      top.next += 1;
    }
  }
}

interface Visit {
  readonly stage: Stage;
  readonly needs: readonly { readonly step: Step; readonly from: Stage }[];
  next: number;
}

function visitOf(stage: Stage): Visit {
  return { stage, needs: stage.steps.flatMap((step) => step.froms.map((from) => ({ step, from }))), next: 0 };
}

function circle(way: readonly Visit[], fileName: string): Error {
  const { line, instruction } = way[0]!.needs[way[0]!.next]!.step.place;
  const names = way.map(({ stage }) => stage.shownName);
  return dockerfileError(
    { fileName, line, instruction },
    `stages take files from each other in a circle: ${[...names, names[0]].join(', ')}`,
    'move what both need into a stage above them',
  );
}
