/** What an instruction leaves in the history of the image. */
import type { Build } from './build.ts';
import type { Stage } from './stages.ts';

/** Notes an instruction, which makes a layer or nothing. */
export function addHistory(stage: Stage, build: Build, text: string, makes: 'layer' | 'nothing' = 'nothing'): void {
  stage.image.history.push({
    created: build.epoch === undefined ? undefined : timeText(build.epoch),
    created_by: text,
    comment: 'buildkit.dockerfile.v0',
    empty_layer: makes === 'nothing',
  });
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}
