/** Layers of a few entries, applied to a directory, and what is in it then. */
import { readFileSync } from 'node:fs';
import type { WriteOptions } from '../../../src/contract/ref.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { LayerApplier } from '../../../src/layer/apply/apply.ts';
import { packEntries, unpackReport } from '../../../src/layer/apply/report.ts';
import { TarReader } from '../../../src/layer/tar/reader.ts';
import { type TarEntry, tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

export const LIMITS = { maxBytes: 1e9, maxFiles: 1e6, maxRatio: 1000 };
export const OWN = { uid: process.getuid!(), gid: process.getgid!() };

export type Layer = readonly TarEntry[];

/** Applies layers, bottom first, to a fresh directory. */
export function unpack(layers: readonly Layer[], options: Partial<WriteOptions> = {}) {
  const dir = tempDir('apply');
  const applier = new LayerApplier(dir, { owner: 'auto', limits: LIMITS, ...options });
  try {
    for (const layer of layers) {
      const reader = new TarReader(applier);
      applier.beginLayer();
      reader.push(tar(layer.map((entry) => ({ ...OWN, ...entry }))));
      reader.finish();
      applier.endLayer();
    }
    applier.finish();
    const report = unpackReport({
      ...packEntries(applier.root, applier.digests),
      losses: applier.losses.losses,
      lossCounts: applier.losses.counts,
    });
    return { dir, report, entries: [...report.entries] };
  } finally {
    applier.close();
  }
}

/** Paths with what tells them apart: a slash behind directories, the content of files, the text of links. */
export function shape(dir: string): string[] {
  return listTree(dir)
    .filter(({ path }) => path !== '')
    .map(({ path, type, target }) => {
      if (type === 'dir') return `${path}/`;
      if (type === 'symlink') return `${path} -> ${target}`;
      return type === 'file'
        ? `${path}=${readFileSync(Buffer.from(`${dir}/${path}`.split('').map((c) => c.charCodeAt(0)))).toString()}`
        : `${path} ${type}`;
    })
    .sort();
}

/** What the layers are refused with. */
export function refusal(
  layers: readonly Layer[],
  options: Partial<WriteOptions> = {},
): { code: string; message: string } {
  try {
    unpack(layers, options);
  } catch (error) {
    if (isCtxsrcError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('the layers were accepted');
}

export const file = (name: string, content = name): TarEntry => ({ name, content });
export const dir = (name: string): TarEntry => ({ name, type: 'dir' });
export const link = (name: string, linkname: string): TarEntry => ({ name, type: 'symlink', linkname });
export const hard = (name: string, linkname: string): TarEntry => ({ name, type: 'hardlink', linkname });
/** A whiteout, by its name. */
export const gone = (name: string): TarEntry => file(name, '');
