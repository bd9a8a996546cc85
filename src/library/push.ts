/** `ctxsrc push`. */
import { type Check, count, flag, list, members, nonEmpty } from '../core/check-options.ts';
import type { PushResult } from '../snapshot/push/push.ts';
import { parseDestination } from '../source/destination.ts';
import { OPTIONS, type Options } from './options.ts';
import { withSource } from './place.ts';

/** Options of `push`. */
export interface PushOptions<Reference extends string = string> extends Options<Reference> {
  /** The index with everything in it, instead of one platform's image. */
  readonly allPlatforms?: boolean | undefined;
  /** Also attestations, signatures, and whatever else names the image as its subject. */
  readonly attestations?: boolean | undefined;
  /** Only finds out what would be sent. */
  readonly dryRun?: boolean | undefined;
  /** The time of all files of a source that is no image, in seconds since 1970, instead of the fixed one. */
  readonly epoch?: number | undefined;
  /** Annotations for a source that is no image, as `--annotation` takes them. */
  readonly annotations?: readonly string[] | undefined;
}

const PUSH_OPTIONS = {
  ...OPTIONS,
  allPlatforms: flag,
  attestations: flag,
  dryRun: flag,
  epoch: count(0),
  annotations: list,
} satisfies Record<keyof PushOptions, Check>;

/**
 * Puts an image byte for byte, or the files of any other source as an image of one layer, into a registry or a layout.
 * @param reference the source, as on the command line
 * @param destination `docker-image://HOST/NAME:TAG` or `oci-layout://DIR[:TAG]`
 * @throws CtxsrcError `E_NOT_AN_IMAGE`, `E_UNAUTHORIZED`, `E_FORBIDDEN`, `E_TARGET_EXISTS` for a tag that must not move, `E_LOSSY` for a layer that this user cannot make
 * whole, and those of `digest`
 */
export async function push<Reference extends string>(
  reference: Reference,
  destination: string,
  options: PushOptions<Reference> = {},
): Promise<PushResult> {
  members(PUSH_OPTIONS)(options, '');
  nonEmpty(destination, 'destination');
  const { allPlatforms = false, attestations = false, dryRun = false, epoch, annotations, ...common } = options;
  const target = parseDestination(destination, process.cwd());
  const { pushSource } = await import('../snapshot/push/push.ts');
  return withSource(reference, common, ({ instance }, { env, job }) =>
    pushSource(job, {
      instance,
      env,
      destination: target,
      allPlatforms,
      attestations,
      dryRun,
      tree: { epoch, annotations },
    }),
  );
}
