/** The front end that a Dockerfile, or a build argument, asks for. */
import { isCtxsrcError } from '../core/errors.ts';
import { chosenFrontend, isDockersOwn, olderRules } from '../dockerfile/graph/frontend.ts';
import { frontendOf } from '../dockerfile/parse/directives.ts';
import type { BuildAnswer, BuildRequest, BuildWork } from './answer.ts';
import type { BuildSources, OpenSource } from './sources.ts';

export interface AskedFrontend {
  readonly image: OpenSource;
  /** The whole value. */
  readonly commandLine: string;
  /** Docker's own, in whatever version: the same rules as here. */
  readonly isDockers: boolean;
  /** What to say of a version whose rules are older. */
  readonly older: string | undefined;
}

/**
 * The front end that the build is handed over to.
 * @throws E_DOCKERFILE, E_REFERENCE
 */
export async function askedFrontend(
  { buildArgs, dockerfile, buildPlatform }: BuildRequest,
  sources: BuildSources,
): Promise<AskedFrontend | undefined> {
  const chosen = chosenFrontend(frontendOf(dockerfile.bytes), { buildArgs, fileName: dockerfile.name });
  if (chosen === undefined) return undefined;
  const { imageOf } = await import('../source/foreign-forms.ts');
  const image = await sources.open(imageOf(chosen.source), { platform: buildPlatform });
  const { source, commandLine } = chosen;
  const isDockers = isDockersOwn(source);
  return { image, commandLine, isDockers, older: isDockers ? olderRules(source) : undefined };
}

/**
 * The front end with its digest now. Docker's own is in no key: where it cannot be asked, it is listed without a digest.
 */
export async function listedFrontend(
  { image, isDockers, older }: AskedFrontend,
  { job }: BuildWork,
): Promise<BuildAnswer['frontend']> {
  const note = (text: string): void => job.progress.emit({ type: 'message', level: 'note', text });
  if (older !== undefined) note(older);
  const ref = String(image.resolved.identifier);
  try {
    return { ref, digest: (await image.digests()).digest };
  } catch (error) {
    if (!isDockers || !isCtxsrcError(error) || job.signal.aborted) throw error;
    // Who asked for no network knows why there is no digest.
    if (error.code !== 'E_OFFLINE') {
      note(`the front end is listed without its digest, which is in no key: ${error.message}`);
    }
    return { ref };
  }
}
