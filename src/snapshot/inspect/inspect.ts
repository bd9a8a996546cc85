/** What is known of a source without its content; of an image, if asked, with the files of its layers. */
import type { JobContext, Store, StoreAdmin } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import type { ImageDescription } from '../../image/describe.ts';
import { allKeys, type Resolved } from '../../source/resolve.ts';
import type { LayerFiles } from './layer-files.ts';
import type { DirectoryReport, InspectReport, SourceReport } from './report.ts';

export interface InspectRequest {
  readonly resolved: Resolved;
  readonly store: Store & Pick<StoreAdmin, 'images'>;
  readonly limits?: ReadLimits | undefined;
  /** Read the layers of an image whose files are not known yet. */
  readonly files?: boolean | undefined;
  /** The caller wants something of a layer. */
  readonly layered?: boolean | undefined;
  /** A path of a directory: what decides on it. */
  readonly why?: string | undefined;
}

export interface Inspected {
  readonly report: InspectReport;
  /** The files of an image's layers, as far as they are known. */
  readonly files?: LayerFiles | undefined;
}

/**
 * Makes the report. Costs what the key costs; with `files` the layers that the store has no index of.
 * @throws CtxsrcError `E_ATTRIBUTE` for `files` of a source without layers, and those of the source
 */
export async function inspect(job: JobContext, request: InspectRequest): Promise<Inspected> {
  const { resolved, store, limits, files = false, layered = files, why } = request;
  const { instance, identifier } = resolved;
  if ((files || layered) && instance.image === undefined) {
    throw new CtxsrcError('E_ATTRIBUTE', `${identifier} has no layers`, { hint: 'ctxsrc ls -R lists its files' });
  }
  const described = await instance.describe?.(job, { why, detailed: true });
  if (instance.files !== undefined) {
    const report = { kind: 'directory', key: null, ...described } as unknown as DirectoryReport;
    return { report };
  }
  const { key, pin } = (await allKeys(instance, job)).at(-1)!;
  if (instance.image !== undefined && described?.detail !== undefined) {
    const { imageReport } = await import('./image.ts');
    return imageReport(job, { instance, store, limits, files, key }, described as ImageDescription);
  }
  const report: SourceReport = { kind: 'source', identifier: String(identifier), digest: pin, ...described, key };
  return { report };
}
