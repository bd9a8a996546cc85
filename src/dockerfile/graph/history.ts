/** What an instruction leaves in the history of the image. */
import type { Build } from './build.ts';
import type { Stage } from './stages.ts';

/** An instruction that makes no files. */
export function addHistory(stage: Stage, build: Build, text: string): void {
  add(stage, build, text, true);
}

/** An instruction that makes a layer. */
export function addLayerHistory(stage: Stage, build: Build, text: string): void {
  add(stage, build, text, false);
}

function add(stage: Stage, build: Build, text: string, empty: boolean): void {
  stage.image.history.push({
    created: build.epoch === undefined ? undefined : timeText(build.epoch),
    created_by: text,
    comment: 'buildkit.dockerfile.v0',
    empty_layer: empty,
  });
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}
