/** ARG inside a stage. */
import type { Instruction } from '../parse/instruction.ts';
import type { Build } from './build.ts';
import { addHistory } from './history.ts';
import type { Stage } from './stages.ts';

/** These choose what is scanned, and are no variables. */
const NO_VARIABLES = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'];

/** Declares arguments: the build argument counts, else the default, else the value above the first FROM. */
export function declareArguments(stage: Stage, build: Build, { args }: Instruction & { readonly kind: 'ARG' }): void {
  const expanded = build.expander(stage);
  const shown = args.map(({ name, value: written }) => {
    const value = build.buildArgs.get(name) ?? (written === undefined ? build.globals.get(name) : expanded(written));
    if (value !== undefined && !NO_VARIABLES.includes(name)) stage.environment.set(name, value);
    stage.args.push([name, value]);
    return value === undefined ? name : `${name}=${value}`;
  });
  addHistory(stage, build, `ARG ${shown.join(' ')}`);
}
