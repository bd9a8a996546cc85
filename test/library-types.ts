/**
 * What the types of the library refuse: nothing here runs, `tsc` reads it, and every line that it should refuse and does
 * not is an error (`npm run check`).
 */
import {
  auth,
  buildKey,
  cacheKey,
  changedSince,
  createLock,
  diffBuilds,
  known,
  ls,
  type Options,
  parse,
  resolve,
  type SnapshotOptions,
  snapshot,
} from '../src/index.ts';

declare module '../src/index.ts' {
  // As a source from outside tells of its flags.
  interface AttributesByScheme {
    readonly mine: { readonly 'my-flag'?: boolean | undefined };
  }
}

export async function right(options: Options, write: SnapshotOptions, reference: string, dir: string): Promise<void> {
  await cacheKey('./app', { attributes: { exclude: ['*.log'], modes: 'exec', 'no-ignore-file': true } });
  await resolve('docker-image://alpine', { attributes: { platform: 'linux/arm64', 'layer-limit': 1 }, strict: true });
  await resolve('base=docker-image://alpine', { attributes: { checksum: 'sha256:…' } });
  await snapshot('./app', './out', { write: { owner: 'current', limits: { maxBytes: 1 } }, force: true });
  await cacheKey('mine://x', { attributes: { 'my-flag': true } });
  await parse('git@example.org:a/b.git', { attributes: { 'keep-git-dir': true } });
  await parse('https://example.org/a.tgz', { attributes: { unpack: true, 'strip-components': 1 } });
  await parse('https://example.org/a.git', { attributes: { 'skip-submodules': true } });
  await parse('docker-image+blob://example.org/a@sha256:…', { attributes: { perm: '0644' } });
  await ls(`oci-layout://${dir}`, 'etc', { attributes: { platform: 'linux/arm64' }, recursive: true });
  // What is not known before the program runs may have all of them.
  await cacheKey(reference, { attributes: { platform: 'linux/arm64', exclude: ['*.log'], unpack: true } });
  await cacheKey('unheard://x', { attributes: { platform: 'linux/arm64' } });
  await cacheKey('./app', { ...options, attributes: { exclude: undefined } });
  await snapshot('./app', './out', write);
  await createLock({ base: 'docker-image://alpine', app: { reference: './app', attributes: { exclude: ['*.log'] } } });
  await createLock({ base: { reference: 'docker-image://alpine', attributes: { platform: 'linux/arm64' } } });
  await buildKey({ context: dir, buildArgs: { VERSION: '1' }, modes: 'exec' }, { strict: true });
  await diffBuilds({ from: 'docker-bake.json', target: 'app' }, { saved: 'app.json' });
  await known('sha256:…', { file: 'keys' });
}

export async function wrong(dir: string): Promise<void> {
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
  // @ts-expect-error a flag of images
  await cacheKey('./app', { attributes: { platform: 'linux/arm64' } });
  // @ts-expect-error a flag of directories
  await cacheKey('docker-image://alpine', { attributes: { exclude: ['*.log'] } });
  // @ts-expect-error the same with a name before it
  await cacheKey('base=docker-image://alpine', { attributes: { exclude: ['*.log'] } });
  // @ts-expect-error a flag of registries: a layout is not asked for a checksum
  await cacheKey('oci-layout://dir', { attributes: { checksum: 'sha256:…' } });
  // @ts-expect-error a flag of files on the web
  await cacheKey('git@example.org:a/b.git', { attributes: { unpack: true } });
  // @ts-expect-error a flag of another source, for one from outside
  await cacheKey('mine://x', { attributes: { platform: 'linux/arm64' } });
  // @ts-expect-error a flag of directories, where only the path of a layout is not known
  await cacheKey(`oci-layout://${dir}`, { attributes: { exclude: ['*.log'] } });
  // @ts-expect-error a flag that no source has, whatever the reference is
  await cacheKey(dir, { attributes: { exlude: ['*.log'] } });
  // @ts-expect-error a flag of directories, of a context
  await createLock({ base: { reference: 'docker-image://alpine', attributes: { exclude: ['*.log'] } } });
  // @ts-expect-error a name of buildx's flag
  await buildKey({ context: '.', 'build-arg': {} });
  // @ts-expect-error a list of keys is a file
  await known('sha256:…', { list: 'keys' });
  // @ts-expect-error a key is a digest
  await known('latest', 'docker-image://example.org/app');
  // @ts-expect-error a name of the stage, not of the target
  await diffBuilds({ from: 'docker-bake.json', stage: 'app' }, { saved: 'app.json' });
  // @ts-expect-error an option of one build
  await changedSince('docker-bake.json', 'built.json', { platforms: ['linux/arm64'] });
  // @ts-expect-error an option of what reads a source
  await auth('example.org', { offline: true });
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
