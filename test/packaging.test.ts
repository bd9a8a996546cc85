/** What a user installs, and what must not be in the repository. The packed tarball itself is tried by `.ci/check-package.mjs`. */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './support/cli.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | Record<string, string>>;
  readonly files: readonly string[];
  readonly scripts: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly man: readonly string[];
  readonly optionalDependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

interface Lock {
  readonly name: string;
  readonly version: string;
  readonly packages: Record<
    string,
    {
      resolved?: string;
      integrity?: string;
      engines?: { node?: string };
      dependencies?: Record<string, string>;
    }
  >;
}

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const lock = JSON.parse(read('package-lock.json')) as Lock;

/** Names of the packages that `src/` imports. */
function importedPackages(): string[] {
  const files = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' });
  const imports = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...read(join('src', file)).matchAll(/(?:from|import\()\s*'([a-z@][^':]*)'/g)])
    .map((match) =>
      match[1]!
        .split('/')
        .slice(0, match[1]!.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  return [...new Set(imports)].filter((name) => `node_modules/${name}` in lock.packages);
}

function withDependencies(names: readonly string[], seen: Set<string> = new Set()): string[] {
  for (const name of names) {
    if (seen.has(name)) continue;
    seen.add(name);
    withDependencies(Object.keys(lock.packages[`node_modules/${name}`]?.dependencies ?? {}), seen);
  }
  return [...seen];
}

describe('package.json', () => {
  it('names programs that are there, start with Node and may be executed', () => {
    for (const path of Object.values(manifest.bin)) {
      accessSync(join(packageRoot, path), constants.X_OK);
      expect(read(path).split('\n')[0]).toBe('#!/usr/bin/env node');
    }
  });

  it('exports files that the build makes', () => {
    for (const target of Object.values(manifest.exports)) {
      const paths = typeof target === 'string' ? [target] : Object.values(target);
      for (const path of paths) {
        // Declarations are made by `npm run build` and when the package is packed, not for a test run.
        if (path.endsWith('.d.ts')) expect(path).toMatch(/^\.\/dist\/types\//);
        else expect(existsSync(join(packageRoot, path)), path).toBe(true);
      }
    }
  });

  it('packs the program and its licence, and needs no script when it is installed', () => {
    expect(manifest.files).toEqual(expect.arrayContaining(['bin', 'dist', 'docs', 'examples']));
    expect(existsSync(join(packageRoot, 'LICENSE'))).toBe(true);
    expect(read(manifest.man[0]!)).toMatch(/^\.TH CTXSRC 1/);
    // npm 11 asks about `prepare`, too, although it runs that for a folder only.
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts[name]).toBeUndefined();
    }
  });

  it('installs nothing beside the native package: all else is in the bundle, in exactly one version', () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.optionalDependencies)).toEqual(['koffi']);
    for (const version of Object.values({ ...manifest.optionalDependencies, ...manifest.devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  it('asks for a Node that all that is bundled runs on', () => {
    const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(manifest.engines.node)!.map(Number) as [number, number, number];
    const bundled = withDependencies(importedPackages());
    expect(bundled).toEqual(expect.arrayContaining(['commander', 'ora', 'tar', 'undici', 'yallist']));
    const tooNew = bundled.filter((name) => {
      const lowest = /^>=\s*(\d+)(?:\.(\d+))?/.exec(lock.packages[`node_modules/${name}`]?.engines?.node ?? '');
      if (lowest === null) return false;
      return Number(lowest[1]) > major || (Number(lowest[1]) === major && Number(lowest[2] ?? 0) > minor);
    });
    expect(tooNew).toEqual([]);
  });

  it('has a reason for each dependency in docs/dependencies.md', () => {
    const reasons = read('docs/dependencies.md');
    const all = { ...manifest.optionalDependencies, ...manifest.devDependencies };
    expect(Object.keys(all).filter((name) => !reasons.includes(`| \`${name}\``))).toEqual([]);
  });

  it('has its version in the change log', () => {
    expect(read('CHANGELOG.md')).toContain(`## ${manifest.version}`);
  });
});

describe('package-lock.json', () => {
  it('belongs to this version and names no address to load from', () => {
    expect([lock.name, lock.version]).toEqual([manifest.name, manifest.version]);
    expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
    const unsigned = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && !entry.integrity);
    expect(unsigned.map(([path]) => path)).toEqual([]);
  });

  it('holds nothing twice of what is bundled', () => {
    const copies = withDependencies(importedPackages()).filter(
      (name) => Object.keys(lock.packages).filter((path) => path.endsWith(`node_modules/${name}`)).length !== 1,
    );
    expect(copies).toEqual([]);
  });
});

describe('the repository', () => {
  const files = textFiles('');

  it('has the vectors as they were taken from BuildKit', () => {
    const dir = 'test/conformance/vectors';
    const sums = read(`${dir}/SHA256SUMS`).trim().split('\n');
    const names = readdirSync(join(packageRoot, dir)).filter((name) => name.endsWith('.json'));
    expect(sums.map((line) => line.slice(66)).sort()).toEqual(names.sort());
    for (const line of sums) {
      const bytes = readFileSync(join(packageRoot, dir, line.slice(66)));
      expect(createHash('sha256').update(bytes).digest('hex'), line.slice(66)).toBe(line.slice(0, 64));
    }
  });

  it('names no path of a machine it was written on', () => {
    // Where tests and CI look for a file system in memory, /dev/shm is meant; Windows' drives are /mnt/c to everyone.
    const paths = [/(?<![\w.~$}/-])\/(?:work|Users|mnt(?!\/[a-z]\/))\/\w/, /\/dev\/shm\/\w/];
    const found = files.filter(
      ({ text, path }) => path !== 'test/packaging.test.ts' && paths.some((pattern) => pattern.test(text)),
    );
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  it('has no conflict marks, no carriage returns and no trailing blanks', () => {
    const found = files.filter(({ text, path }) => /^(?:<{7}|>{7}) |\r|[ \t]$/m.test(text) && !path.endsWith('.md'));
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  it('has no file over 200 kB, the vectors and the lock file aside', () => {
    expect(files.filter(({ path, text }) => text.length > 200_000 && path !== 'package-lock.json')).toEqual([]);
  });
});

/** The text files of the repository; neither what is made nor what is only bytes. */
function textFiles(dir: string): { path: string; text: string }[] {
  const skip = /^(?:node_modules|dist|coverage|\.git|fixtures\/(?:layouts|dirs)|test\/conformance\/vectors)$/;
  return readdirSync(join(packageRoot, dir)).flatMap((name) => {
    const path = dir === '' ? name : `${dir}/${name}`;
    if (skip.test(path) || /\.(?:tgz|png|gif|cpuprofile)$/.test(name)) return [];
    return statSync(join(packageRoot, path)).isDirectory() ? textFiles(path) : [{ path, text: read(path) }];
  });
}
