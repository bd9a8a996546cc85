/**
 * What the types of the library refuse: nothing here runs, `tsc` reads it, and every line that it should refuse and does
 * not is an error (`npm run check`).
 */
import { cacheKey, type Options, resolve, type SnapshotOptions, snapshot } from '../src/index.ts';

declare module '../src/index.ts' {
  // As a source from outside tells of its flags.
  interface SourceAttributes {
    readonly 'my-flag'?: boolean | undefined;
  }
}

export async function right(options: Options, write: SnapshotOptions): Promise<void> {
  await cacheKey('./app', { attributes: { exclude: ['*.log'], modes: 'exec', 'no-ignore-file': true } });
  await resolve('docker-image://alpine', { attributes: { platform: 'linux/arm64', 'layer-limit': 1 }, strict: true });
  await snapshot('./app', './out', { write: { owner: 'current', limits: { maxBytes: 1 } }, force: true });
  await cacheKey('mine://x', { attributes: { 'my-flag': true } });
  await cacheKey('./app', { ...options, attributes: { platform: undefined } });
  await snapshot('./app', './out', write);
}

export async function wrong(): Promise<void> {
  // @ts-expect-error a slip of the pen
  await cacheKey('./app', { attributes: { exlude: ['src'] } });
  // @ts-expect-error a name as JavaScript would write it
  await cacheKey('docker-image://alpine', { attributes: { layerLimit: 1 } });
  // @ts-expect-error a list
  await cacheKey('./app', { attributes: { exclude: 'src' } });
  // @ts-expect-error a number
  await cacheKey('docker-image://alpine', { attributes: { 'layer-limit': '1' } });
  // @ts-expect-error one of two texts
  await cacheKey('./app', { attributes: { modes: 'exakt' } });
  // @ts-expect-error a flag
  await cacheKey('git://x/y.git', { attributes: { 'keep-git-dir': 'yes' } });
  // @ts-expect-error an option that is not there
  await cacheKey('./app', { cachedir: '/x' });
  // @ts-expect-error an option of snapshots
  await cacheKey('./app', { force: true });
  // @ts-expect-error one of three texts
  await snapshot('./app', './out', { write: { owner: 'nobody' } });
  // @ts-expect-error a limit that is not there
  await snapshot('./app', './out', { write: { limits: { maxByte: 1 } } });
  // @ts-expect-error a number of milliseconds
  await resolve('docker-image://alpine', { network: { maxWait: '5s' } });
}
