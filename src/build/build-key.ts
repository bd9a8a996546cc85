/** One key over every input of a build: `ctxsrc key --build`, and the list of the inputs. */
import { CtxsrcError } from '../core/errors.ts';
import type { BuildAnswer, BuildNames, BuildRequest, BuildWork } from './answer.ts';

/**
 * Resolves every source that the target of a Dockerfile uses, and makes one key of them.
 * @throws CtxsrcError; `E_DOCKERFILE` names the line and the instruction
 */
export async function buildKey(request: BuildRequest, _work: BuildWork): Promise<BuildAnswer> {
  throw new CtxsrcError('E_INTERNAL', `${request.dockerfile.name}: keys of builds are not made yet`);
}

/** The references of a build alone. Configurations of bases are asked for; with `offline` those in the store only. */
export async function buildNames(request: BuildRequest, _work: BuildWork): Promise<BuildNames> {
  throw new CtxsrcError('E_INTERNAL', `${request.dockerfile.name}: keys of builds are not made yet`);
}
