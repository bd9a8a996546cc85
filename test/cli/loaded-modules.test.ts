/** What a command loads: a start must not pay for what the command does not need. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

interface Loaded {
  readonly bytes: number;
  readonly builtins: readonly string[];
  readonly asked: readonly string[];
}

describe('what a command loads', () => {
  let dir: string;

  beforeAll(() => {
    dir = join(tempDir('app'), 'app');
    mkdirSync(dir);
    writeFileSync(join(dir, 'file'), 'content');
  });

  /** Packages whose code is in a module that the run loaded: those that cost a start are files of their own. */
  async function packagesLoaded(args: readonly string[]): Promise<string[]> {
    const coverage = tempDir('coverage');
    const result = await ctxsrc(args, { env: { NODE_V8_COVERAGE: coverage } });
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    const modules = new Set<string>();
    for (const name of readdirSync(coverage)) {
      const report = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as { result: { url: string }[] };
      for (const { url } of report.result) {
        if (url.startsWith('file:') && !relative(packageRoot, fileURLToPath(url)).startsWith('..')) {
          modules.add(fileURLToPath(url));
        }
      }
    }
    expect([...modules].map((file) => dirname(file))).toContain(join(packageRoot, 'dist'));
    const built = readdirSync(join(packageRoot, 'dist'));
    for (const name of ['undici', 'ora', 'tar', 'yaml', 'diff'])
      expect(built.some((file) => file.startsWith(`vendor-${name}-`))).toBe(true);
    const names = [...modules].flatMap((file) => {
      const path = relative(packageRoot, file);
      return /^dist[\\/]vendor-([a-z]+)-/.exec(path)?.[1] ?? /[\\/]node_modules[\\/]([^\\/]+)/.exec(path)?.[1] ?? [];
    });
    return [...new Set(names)].sort();
  }

  it('key of a directory: neither undici nor ora nor tar nor a YAML reader', async () => {
    const loaded = await packagesLoaded(['key', dir]);
    expect(loaded.filter((name) => ['undici', 'ora', 'tar', 'yaml'].includes(name))).toEqual([]);
  });

  it('parse of an image: the same, and nothing native', async () => {
    const loaded = await packagesLoaded(['parse', 'docker-image://alpine:3.20']);
    expect(loaded.filter((name) => ['undici', 'ora', 'tar', 'yaml', 'koffi'].includes(name))).toEqual([]);
  });

  /**
   * What a run loads after Node itself has started: bytes of our own code, which of Node's modules, and which of those our
   * own code has asked for.
   */
  async function loadedBy(args: readonly string[]): Promise<Loaded> {
    const folder = tempDir('loaded');
    const hook = join(folder, 'hook.cjs');
    writeFileSync(
      hook,
      `const before = new Set(process.moduleLoadList);
      const asked = [];
      const { getBuiltinModule } = process;
      process.getBuiltinModule = (name) => {
        asked.push(name.replace('node:', ''));
        return getBuiltinModule(name);
      };
      process.on('exit', () => {
        const builtins = process.moduleLoadList.filter((name) => !before.has(name));
        const bytes = Object.keys(require.cache).filter((file) => file !== __filename)
          .reduce((sum, file) => sum + require('node:fs').statSync(file).size, 0);
        require('node:fs').writeFileSync(__filename + '.json', JSON.stringify({ bytes, builtins, asked }));
      });`,
    );
    const result = await ctxsrc(args, { nodeArgs: ['--require', hook] });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { bytes, builtins, asked } = JSON.parse(readFileSync(`${hook}.json`, 'utf8')) as Loaded;
    return { bytes, asked, builtins: builtins.map((name) => name.replace('NativeModule ', '')) };
  }

  it('key of a layout: a part of the program, and nothing of Node that takes time', async () => {
    const layout = join(packageRoot, 'fixtures', 'layouts', 'hello');
    const { bytes, builtins } = await loadedBy(['key', `oci-layout://${layout}`]);
    expect(bytes).toBeLessThan(215_500);
    const dear = ['child_process', 'worker_threads', 'crypto', 'stream', 'net', 'perf_hooks', 'v8', 'fs/promises'];
    expect(builtins.filter((name) => dear.includes(name))).toEqual([]);
  });

  it('digest and key of an image: the HTTP of Node, with a token too', async () => {
    const registry = await TestRegistry.start({ auth: { kind: 'bearer' } });
    try {
      const layout = new LayoutBuilder();
      registry.push(layout, 'some/image', 'tag', layout.image({ layers: [layout.layer(tar([]))] }));
      const reference = `docker-image://${registry.host}/some/image:tag`;
      const { bytes, builtins, asked } = await loadedBy(['digest', reference]);
      expect(bytes).toBeLessThan(291_500);
      expect(asked).toContain('http');
      const dear = ['child_process', 'worker_threads', 'crypto', 'perf_hooks', 'v8', 'https', 'tls'];
      expect(builtins.filter((name) => dear.includes(name))).toEqual([]);
      expect(await packagesLoaded(['key', reference])).not.toContain('undici');
      expect(registry.count('GET', /^\/token/)).toBeGreaterThan(0);
    } finally {
      await registry.stop();
    }
  });

  it('key of a small directory: no threads', async () => {
    const { asked } = await loadedBy(['key', dir]);
    expect(asked).toContain('crypto');
    // koffi's loading of node:util brings worker_threads along on newer versions; that starts none.
    expect(asked).not.toContain('worker_threads');
  });

  it('key of a build without images: no HTTP, and no git', async () => {
    const build = join(tempDir('build'), 'build');
    mkdirSync(build);
    writeFileSync(join(build, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const { asked } = await loadedBy(['key', '--build', build]);
    expect(asked.filter((name) => ['http', 'https', 'tls', 'child_process', 'worker_threads'].includes(name))).toEqual(
      [],
    );
    const loaded = await packagesLoaded(['key', '--build', build]);
    expect(loaded.filter((name) => ['undici', 'ora', 'tar', 'yaml'].includes(name))).toEqual([]);
  });

  it('--version: nothing that costs a start', async () => {
    const loaded = await packagesLoaded(['--version']);
    expect(loaded.filter((name) => ['undici', 'koffi', 'tar', 'yaml', 'ora'].includes(name))).toEqual([]);
  });
});
