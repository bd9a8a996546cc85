/** Two versions of an image, as a build with a changed dependency makes them. */
import { type BuiltLayer, LayoutBuilder } from './layout-builder.ts';
import { type TarEntry, tar } from './tar-builder.ts';

interface Version {
  readonly layers: readonly BuiltLayer[];
  readonly env?: readonly string[];
  readonly created?: string;
  readonly history?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>>;
}

const COMMANDS = [
  'ADD rootfs.tar / # buildkit',
  'COPY package-lock.json ./ # buildkit',
  'RUN /bin/sh -c npm ci --omit=dev # buildkit',
];

/** Adds an image to a layout, under a tag. */
function addVersion(builder: LayoutBuilder, tag: string, version: Version): void {
  const { layers, env = ['PATH=/usr/bin'], created = '2024-01-01T00:00:00Z', history = COMMANDS } = version;
  const configuration = {
    created,
    architecture: 'amd64',
    os: 'linux',
    config: { Env: env, Cmd: ['node'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: history.map((created_by) => ({ created, created_by })),
  };
  const { annotations } = version;
  builder.tag(builder.image({ layers, configBytes: JSON.stringify(configuration), annotations }), tag);
}

const file = (name: string, content: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, content, ...more });

const lock = (version: string): TarEntry[] => [file('app/package-lock.json', `{"version":"${version}"}\n`.repeat(3))];

const modules = (names: readonly string[], start: Partial<TarEntry>): TarEntry[] => [
  { name: 'app/node_modules', type: 'dir' },
  ...names.flatMap((name): TarEntry[] => [
    { name: `app/node_modules/${name}`, type: 'dir' },
    file(`app/node_modules/${name}/index.js`, `// ${name}\n`.repeat(20)),
    file(`app/node_modules/${name}/package.json`, `{"name":"${name}"}\n`),
  ]),
  file('app/start', 'node .\n', start),
];

/**
 * Images `1.4` and `1.5`, which differ in two of three layers and in PATH; `zstd`, `later`, `noted` and `moved`,
 * which have the files of `1.4`; and `touched`, where only times of files differ.
 */
export function shopImages(): LayoutBuilder {
  const builder = new LayoutBuilder();
  const archives = {
    base: tar([file('bin/node', 'n'.repeat(5000), { mode: 0o755 }), { name: 'app', type: 'dir' }]),
    lock: tar(lock('1.4')),
    modules: tar(modules(['left-pad', 'react'], { mode: 0o644 })),
  };
  const [base, first, second] = [archives.base, archives.lock, archives.modules].map((archive) =>
    builder.layer(archive),
  );
  addVersion(builder, '1.4', { layers: [base!, first!, second!] });
  const newLock = builder.layer(tar(lock('1.5.0')));
  const newModules = builder.layer(tar(modules(['react', 'undici'], { mode: 0o755 })));
  addVersion(builder, '1.5', { layers: [base!, newLock, newModules], env: ['PATH=/opt/shop/bin:/usr/bin'] });
  const packed = [archives.base, archives.lock, archives.modules].map((archive) => builder.layer(archive, 'zstd'));
  addVersion(builder, 'zstd', { layers: packed });
  addVersion(builder, 'later', { layers: [base!, first!, second!], created: '2024-02-02T00:00:00Z' });
  addVersion(builder, 'noted', { layers: [base!, first!, second!], annotations: { 'com.example.note': 'a`|b' } });
  addVersion(builder, 'moved', { layers: [base!, second!, first!] });
  const later = tar(lock('1.4').map((entry) => ({ ...entry, mtime: 1_800_000_000 })));
  addVersion(builder, 'touched', { layers: [base!, builder.layer(later), second!] });
  return builder;
}
