/** WORKDIR makes its directory, unless it is the root. */
import { cleanPath } from '../../core/go/path.ts';
import type { Instruction } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { fileOperation } from './file-operation.ts';
import { addHistory } from './history.ts';
import { parseOwner } from './owner.ts';
import { withSlashes, workingDirectory } from './paths.ts';
import type { Stage } from './stages.ts';
import type { Place } from './types.ts';

/** No directory with a longer path can be made on Linux, and so no build goes on: Dockerfiles of megabytes stay bounded. */
const MAX_PATH_BYTES = 4095;

export function makeWorkingDirectory(
  stage: Stage,
  build: Build,
  instruction: Instruction & { readonly kind: 'WORKDIR' },
  place: Place,
): void {
  enterDirectory(stage, build.expander(stage)(instruction.path));
  const directory = stage.workingDirectory;
  if (directory === '/') {
    addHistory(stage, build, 'WORKDIR /');
    return;
  }
  if (stage.os !== 'windows' && Buffer.byteLength(directory) > MAX_PATH_BYTES) {
    throw new DockerfileProblem(
      `the path of the working directory is longer than ${MAX_PATH_BYTES} bytes`,
      'each relative WORKDIR lies in the one before: begin it with a slash',
    );
  }
  const { User } = stage.image.config;
  const action = {
    kind: 'mkdir' as const,
    path: cleanPath(directory),
    mode: 0o755,
    parents: true,
    owner: User === '' ? undefined : parseOwner(User),
    time: build.epoch,
  };
  stage.files = fileOperation(stage.files, [action], [place]);
  addHistory(stage, build, `WORKDIR ${directory}`, 'layer');
}

/** Makes the path, below the one before, the directory that steps run in. */
export function enterDirectory(stage: Stage, path: string): void {
  const { config } = stage.image;
  config.WorkingDir = workingDirectory(config.WorkingDir, path, stage.os);
  stage.workingDirectory = withSlashes(config.WorkingDir, stage.os);
}
