/** ONBUILD: what a base makes the stages do that are built upon it. */
import { dockerfileError } from '../error.ts';
import { parseTrigger } from '../parse/dockerfile.ts';
import { resolveImages } from './base-images.ts';
import type { Build } from './build.ts';
import { linkStep } from './dependencies.ts';
import { located, shownInstruction } from './failure.ts';
import { type Stage, Stages, type Step } from './stages.ts';

/** Far above real builds. An image whose trigger copies from the image itself brings a new one in every round. */
const MAX_ROUNDS = 100;
const MAX_TRIGGERS = 10_000;

/**
 * Asks for every image that the target needs. Triggers of a base can name more images, so this goes in rounds, until
 * one brings nothing new.
 * @returns the stages that are needed
 */
export async function resolveStages(stages: Stages, target: Stage, build: Build): Promise<ReadonlySet<Stage>> {
  let triggers = 0;
  for (let round = 1; ; round += 1) {
    const reached = Stages.reachable(target);
    await resolveImages([...stages.list], reached, build);
    let more = false;
    for (const stage of [...stages.list]) {
      if (!reached.has(stage)) continue;
      const steps = takeTriggers(stage, stages, build);
      triggers += steps.length;
      if (triggers > MAX_TRIGGERS || (round > MAX_ROUNDS && steps.length > 0)) throw endless(stage, build);
      more ||= steps.some(({ froms }) => froms.length > 0);
      stage.steps = [...steps, ...stage.steps];
    }
    if (!more) return reached;
  }
}

function endless({ facts }: Stage, build: Build): Error {
  const { place } = facts;
  return dockerfileError(
    { fileName: build.options.fileName, line: place.line, instruction: shownInstruction(place) },
    `the triggers of ${facts.base} lead to others without end`,
    'one of them may copy from its own image: build that image without ONBUILD',
  );
}

/** The steps that the triggers of the stage's base are, which are done once. */
function takeTriggers(stage: Stage, stages: Stages, build: Build): Step[] {
  const { base, facts } = stage;
  const written = base === undefined || stage.triggered ? [] : base.steps.map(({ instruction }) => instruction);
  stage.triggered = true;
  const ofStage = written.flatMap((instruction) => (instruction.kind === 'ONBUILD' ? [instruction.trigger] : []));
  const triggers = [...stage.image.config.OnBuild, ...ofStage];
  stage.image.config.OnBuild = [];
  const { fileName } = build.options;
  return triggers.map((text) => {
    const place = { ...facts.place, instruction: firstWord(text), onbuildOf: facts.base };
    return located(fileName, place, () => {
      const origin = { fileName, lines: facts.place.lines, instruction: shownInstruction(place) };
      return linkStep(stages, parseTrigger(text, origin), place);
    });
  });
}

function firstWord(text: string): string {
  return text.trim().split(/\s/, 1)[0]!.toUpperCase();
}
