/** Contexts of a target that are other targets of the same bake file. */
import { CtxsrcError } from '../core/errors.ts';
import type { ImageConfig } from '../dockerfile/graph/types.ts';
import type { BuildRequest, TargetResult } from './answer.ts';

const TARGET = 'target:';

/** The reference of what another target makes. */
export function targetReference(target: string): string {
  return `${TARGET}${target}`;
}

/** The target that a context is; undefined for every other source. */
export function targetOfContext(value: string): string | undefined {
  return value.startsWith(TARGET) ? value.slice(TARGET.length) : undefined;
}

/** What stands for the context with the front end: one input, or for several platforms one each, as buildx has it. */
export function inputsOfTarget(name: string, target: string, request: BuildRequest): [name: string, value: string][] {
  const { images } = resultOf(target, request);
  if (images.length < 2) return [[name, `input:${target}`]];
  return images.map(({ platform }) => [`${name}::${platform}`, `input:${target}::${platform}`]);
}

/** The target of an input, as the front end names it. */
export function targetOfInput(input: string): string {
  return input.split('::', 1)[0]!;
}

/** The configuration of the image behind an input. Of a front end that is not docker's own it is not known. */
export function imageOfInput(input: string, request: BuildRequest): ImageConfig {
  const { images } = resultOf(targetOfInput(input), request);
  const [, platform] = input.split('::', 2);
  return images.find((image) => platform === undefined || image.platform === platform)?.imageConfig ?? {};
}

export function resultOf(target: string, { targets }: BuildRequest): TargetResult {
  const result = targets?.get(target);
  if (result !== undefined) return result;
  throw new CtxsrcError('E_USAGE', `the context target:${target} is no target here`, {
    hint: 'only a bake file has targets: ctxsrc inputs --from FILE',
  });
}
