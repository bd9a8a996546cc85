/** The text of `# check=`, which the build argument BUILDKIT_DOCKERFILE_CHECK replaces; empty when neither is there. */
import type { BuildOptions } from '../graph/types.ts';
import type { Dockerfile } from '../parse/instruction.ts';

export function checkText({ check }: Dockerfile, { buildArgs }: Pick<BuildOptions, 'buildArgs'>): string {
  return buildArgs.get('BUILDKIT_DOCKERFILE_CHECK') ?? check ?? '';
}
