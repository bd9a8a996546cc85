/** Does the steps of a stage, one after the other. */
import type { Slices } from '../../fs/walk/slices.ts';
import type { Build } from './build.ts';
import { copyFiles } from './copy.ts';
import { OrderedVariables, splitVariable } from './environment.ts';
import { located } from './failure.ts';
import { defaultPath, inheritedImage, settingsOf } from './image-config.ts';
import { setMetadata } from './metadata.ts';
import { runProcess } from './run.ts';
import { declareArguments } from './stage-arguments.ts';
import type { Stage, Step } from './stages.ts';
import { enterDirectory, makeWorkingDirectory } from './workdir.ts';

/** @throws E_DOCKERFILE with the place of the step that cannot be done */
export async function buildStage(stage: Stage, build: Build, slices: Slices): Promise<void> {
  const { fileName } = build.options;
  located(fileName, stage.facts.place, () => {
    beginStage(stage);
    const { environment, args, image } = stage;
    build.hold(environment.names().length + args.length + settingsOf(image), environment.characters);
  });
  for (const step of stage.steps) {
    located(fileName, step.place, () => doStep(stage, build, step));
    if (slices.over) await slices.pause();
  }
}

/** Takes over what the base leaves, and what its image says. */
function beginStage(stage: Stage): void {
  const { base } = stage;
  if (base !== undefined) {
    stage.files = base.files;
    stage.image = inheritedImage(base.image);
    stage.platform = base.platform;
    stage.runPlatform = base.runPlatform;
    stage.environment = new OrderedVariables(base.environment);
    stage.workingDirectory = base.workingDirectory;
    stage.user = base.user;
    stage.args = [...base.args];
    stage.paths = base.paths;
  }
  stage.done = true;
  const { config } = stage.image;
  if (stage.os !== 'windows' && !config.variables.has('PATH')) {
    config.variables.set('PATH', defaultPath(stage.os));
  }
  // The image's variables go behind the arguments of the base.
  for (const variable of config.variables.list) stage.environment.set(...splitVariable(variable));
  if (config.WorkingDir !== '') enterDirectory(stage, config.WorkingDir);
  if (config.User !== '') stage.user = config.User;
}

function doStep(stage: Stage, build: Build, step: Step): void {
  const { instruction, place } = step;
  switch (instruction.kind) {
    case 'COPY':
    case 'ADD':
      copyFiles(stage, build, instruction, step);
      break;
    case 'RUN':
      runProcess(stage, build, instruction, step);
      break;
    case 'WORKDIR':
      makeWorkingDirectory(stage, build, instruction, place);
      break;
    case 'ARG':
      declareArguments(stage, build, instruction);
      break;
    default:
      setMetadata(stage, build, instruction);
  }
}
