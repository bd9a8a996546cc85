/** `ctxsrc lock --vendor`: what is locked lies in one registry, and is read there once the origin is gone. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LockEntry } from '../../src/snapshot/lock/lock.ts';
import { type CliOptions, cliHome, ctxsrc } from '../support/cli.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { PushRegistry } from '../support/push-registry.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

const SAME = ['mtime', 'uid', 'gid'] as const;
const amd64 = ['--platform', 'linux/amd64'];

/** Origins of every kind; `close` takes all of them away. */
interface Origins {
  readonly dir: string;
  readonly references: readonly string[];
  /** Of the index with two platforms. */
  readonly index: string;
  close(): Promise<void>;
}

function images(): { readonly layout: LayoutBuilder; readonly index: ReturnType<LayoutBuilder['index']> } {
  const layout = new LayoutBuilder();
  const layer = layout.layer(tar([{ name: 'everywhere', content: 'x' }]));
  const platforms = ['amd64', 'arm64'].map((architecture) =>
    layout.image({
      layers: [layer, layout.layer(tar([{ name: architecture, content: architecture }]))],
      platform: { os: 'linux', architecture },
    }),
  );
  return { layout, index: layout.index(platforms) };
}

async function makeOrigins(): Promise<Origins> {
  const dir = tempDir('vendor');
  const repositories = tempDir('repositories');
  initBare(join(repositories, 'src.git'));
  commit(join(repositories, 'src.git'), 'refs/heads/main', { 'main.c': 'int main;\n', 'sub/x': 'x\n' });
  const git = await serveGit(repositories);
  const archive = tar([{ name: 'in/the/archive', content: 'unpacked\n' }]);
  const files = createServer((request, response) => response.end(request.url === '/a.tar' ? archive : 'a body\n'));
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  const web = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const { layout, index } = images();
  const registry = await TestRegistry.start();
  registry.push(layout, 'team/base', '1', index);
  layout.tag(index, 'base').write(join(dir, 'layout'));
  mkdirSync(join(dir, 'app'));
  writeFileSync(join(dir, 'app', 'file'), 'of a directory\n');
  return {
    dir,
    index: index.digest,
    references: [
      `app=./app`,
      `base=docker-image://${registry.host}/team/base:1`,
      `body=${web}/release`,
      `layout=oci-layout://./layout:base`,
      `src=${git.origin}/src.git#main`,
      `sub=${git.origin}/src.git#main:sub`,
    ],
    async close() {
      for (const name of ['app', 'layout']) rmSync(join(dir, name), { recursive: true, force: true });
      await Promise.all([git.close(), registry.stop(), new Promise((resolve) => files.close(resolve))]);
    },
  };
}

async function ok(args: readonly string[], options: CliOptions): Promise<{ stdout: string; stderr: string }> {
  const result = await ctxsrc(args, options);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

const lockText = (dir: string): string => readFileSync(join(dir, 'ctxsrc.lock'), 'utf8');
const entriesOf = (dir: string): Record<string, LockEntry> =>
  (JSON.parse(lockText(dir)) as { contexts: Record<string, LockEntry> }).contexts;
const digestIn = (reference: string): string => reference.slice(reference.indexOf('@') + 1);

describe('lock --vendor', () => {
  let origins: Origins;
  let registry: PushRegistry;
  /** What the lock said before anything was vendored. */
  let before: Record<string, LockEntry>;
  const tree = new Map<string, unknown>();
  let keys: string;
  let names: string[];

  beforeAll(async () => {
    [origins, registry] = await Promise.all([makeOrigins(), PushRegistry.start()]);
    const cwd = origins.dir;
    await ok(['lock', ...origins.references, ...amd64], { cwd });
    before = entriesOf(cwd);
    names = Object.keys(before);
    for (const name of names) {
      await ok(['snapshot', '--lock', 'ctxsrc.lock', name, `out/${name}`, '-q'], { cwd });
      tree.set(name, listTree(join(cwd, 'out', name), { omit: SAME }));
    }
    keys = (await ok(['key', '--lock', 'ctxsrc.lock', ...names], { cwd })).stdout;
  });
  afterAll(() => Promise.all([registry.stop(), origins.close()]));

  it('pushes every entry under a tag of its content, and names it beside the origin', async () => {
    const cwd = origins.dir;
    const { stdout } = await ok(['lock', '--vendor', `${registry.host}/team/vendor`], { cwd });
    const entries = entriesOf(cwd);
    const places: string[] = [];
    for (const name of names) {
      const { vendored, ...origin } = entries[name]!;
      expect(origin).toEqual(before[name]);
      const [, tag, digest] = /^docker-image:\/\/[^/]+\/team\/vendor:(ctxsrc-[0-9a-f]{64})@(.*)$/.exec(vendored!) ?? [];
      expect(registry.manifestsOf('team/vendor').has(tag!)).toBe(true);
      expect(registry.manifestsOf('team/vendor').get(tag!)).toEqual(registry.manifestsOf('team/vendor').get(digest!));
      places.push(vendored!);
    }
    expect(stdout).toBe(names.map((name) => `${name} ${entries[name]!.vendored}\n`).join(''));
    // Two entries are one image, and the two of one commit are not.
    expect(entries.base!.vendored).toBe(entries.layout!.vendored);
    expect(new Set(places).size).toBe(names.length - 1);
    // The index is whole: its digest is that of the origin, and both of its manifests are there.
    expect(digestIn(entries.base!.vendored!)).toBe(origins.index);
    expect(registry.count('PUT', /manifests\/sha256:/)).toBe(2);
  });

  it('changes and sends nothing the second time', async () => {
    const text = lockText(origins.dir);
    registry.log.length = 0;
    const { stderr } = await ok(['lock', '--vendor', `${registry.host}/team/vendor`], { cwd: origins.dir });
    expect(stderr).toContain('is up to date');
    expect(lockText(origins.dir)).toBe(text);
    expect(registry.log.map(({ method }) => method)).toEqual(names.map(() => 'HEAD'));
  });

  it('asks the origin in lock --check, and prints what is vendored in every format', async () => {
    const cwd = origins.dir;
    await ok(['lock', '--check'], { cwd });
    const entries = entriesOf(cwd);
    const { stdout } = await ok(['lock', '--format', 'build-contexts'], { cwd });
    expect(stdout).toBe(names.map((name) => `--build-context ${name}=${entries[name]!.vendored}\n`).join(''));
    const bake = JSON.parse((await ok(['lock', '--format', 'bake'], { cwd })).stdout) as {
      target: { default: { contexts: Record<string, string> } };
    };
    expect(bake.target.default.contexts.src).toBe(entries.src!.vendored);
    const policy = JSON.parse((await ok(['lock', '--format', 'buildkit-policy'], { cwd })).stdout) as {
      rules: { selector: { identifier: string }; updates: { identifier: string } }[];
    };
    const rules = new Map(policy.rules.map(({ selector, updates }) => [selector.identifier, updates.identifier]));
    expect(rules.get(entries.base!.ref)).toBe(entries.base!.vendored);
    expect(rules.get(entries.body!.ref)).toBe(entries.body!.vendored);
    expect(rules.get(entries.src!.ref.replace(/^http/, 'git'))).toBe(entries.src!.vendored);
  });

  it('keeps what is vendored when an update finds the same, and forgets it when not', async () => {
    const cwd = origins.dir;
    const text = lockText(cwd);
    await ok(['lock', '--update'], { cwd });
    expect(lockText(cwd)).toBe(text);
    appendFileSync(join(cwd, 'app', 'file'), 'more\n');
    const { stderr } = await ok(['lock', '--update', 'app'], { cwd });
    expect(entriesOf(cwd).app!.vendored).toBeUndefined();
    expect(stderr).toContain('--vendor');
    writeFileSync(join(cwd, 'app', 'file'), 'of a directory\n');
    await ok(['lock', '--update', 'app', '--vendor', `${registry.host}/team/vendor`], { cwd });
    expect(lockText(cwd)).toBe(text);
  });

  it('is read in place of an origin that is gone, by the same keys', { timeout: 120_000 }, async () => {
    await origins.close();
    const options = { cwd: origins.dir, home: cliHome() };
    for (const name of names) {
      const args = ['--lock', 'ctxsrc.lock', '--retry', '0', name];
      const { stderr } = await ok(['snapshot', ...args, `again/${name}`], options);
      expect(stderr).toContain(`${name} is read from docker-image://`);
      expect(listTree(join(origins.dir, 'again', name), { omit: SAME }), name).toEqual(tree.get(name));
    }
    const anew = { ...options, home: cliHome() };
    expect((await ok(['key', '--lock', 'ctxsrc.lock', '--retry', '0', ...names], anew)).stdout).toBe(keys);
    const text = lockText(origins.dir);
    await ok(['lock', '--vendor', `${registry.host}/team/vendor`], options);
    expect(lockText(origins.dir)).toBe(text);
    await ok(['lock', '--vendor', `${registry.host}/other`, '--retry', '0'], { ...options, home: cliHome() });
    for (const [name, { vendored }] of Object.entries(entriesOf(origins.dir))) {
      expect(vendored).toBe(
        (JSON.parse(text) as { contexts: Record<string, LockEntry> }).contexts[name]!.vendored!.replace(
          '/team/vendor:',
          '/other:',
        ),
      );
    }
  });
});
