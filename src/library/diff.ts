/** `ctxsrc diff`. */
import { type Check, flag, having, list, members } from '../core/check-options.ts';
import type { DiffReport } from '../snapshot/diff/report-types.ts';
import type { AttributesOf } from './attributes.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { bound, inPlace } from './place.ts';

/** Options of `diff`. */
export interface DiffOptions<A extends string = string, B extends string = string> extends PlaceOptions {
  /** The flags of the first reference. */
  readonly attributes?: AttributesOf<A> | undefined;
  /** The flags of the second one. */
  readonly otherAttributes?: AttributesOf<B> | undefined;
  /** Also compares the files of sources that are not directories on this machine, which reads their layers. */
  readonly files?: boolean | undefined;
  /** Makes patches of text files. */
  readonly patch?: boolean | undefined;
  /** Kinds of differences that count, as `--only` takes them; all when absent. */
  readonly only?: readonly string[] | undefined;
  /** Kinds, and patterns of paths, that do not count, as `--ignore` takes them. */
  readonly ignore?: readonly string[] | undefined;
}

const DIFF = {
  ...PLACE,
  attributes: having('an object', {}),
  otherAttributes: having('an object', {}),
  files: flag,
  patch: flag,
  only: list,
  ignore: list,
} satisfies Record<keyof DiffOptions, Check>;

/**
 * What differs between two sources: facts, layers, settings and, where files were read, each path. A directory that
 * `snapshot` wrote can be compared with its source.
 * @param from the first reference, as on the command line
 * @param to the second one; the same image for another platform, for instance
 * @throws CtxsrcError `E_USAGE` for a kind that is not known, `E_PATTERN`, and those of `digest`; differences are in the report and not thrown
 */
export async function diff<A extends string, B extends string>(
  from: A,
  to: B,
  options: DiffOptions<A, B> = {},
): Promise<DiffReport> {
  members(DIFF)(options, '');
  const { files, patch = false, only, ignore, limits } = options;
  const [{ DiffFilter }, { diffReport }, { diffSide }] = await Promise.all([
    import('../snapshot/diff/filter.ts'),
    import('../snapshot/diff/report.ts'),
    import('../snapshot/diff/side.ts'),
  ]);
  const filter = new DiffFilter(only, ignore);
  return inPlace(options, async (place) => {
    const [a, b] = await Promise.all([
      bound(place, from, options.attributes).then((one) => diffSide(one)),
      bound(place, to, options.otherAttributes).then((one) => diffSide(one)),
    ]);
    return diffReport(place.job, [a, b], {
      store: place.store,
      limits,
      files: files ?? (patch || filter.asksForFiles),
      filter,
      patch,
      changes: true,
    });
  });
}
