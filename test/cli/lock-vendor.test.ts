/** `ctxsrc lock --vendor`: what is locked lies in one registry, and is read there once the origin is gone. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LockEntry } from '../../src/snapshot/lock/lock.ts';
import { type CliOptions, cliHome, ctxsrc } from '../support/cli.ts';
import { expectFailure } from '../support/cli-expect.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needs, needsOpenCheckout, needsRoot } from '../support/needs.ts';
import { PushRegistry, problem, send } from '../support/push-registry.ts';
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
  /** Of an archive on the web that is locked as the files in it. */
  readonly unpacked: string;
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
  const { layout, index } = images();
  const bodies = new Map<string | undefined, Buffer>([
    ['/a.tar', tar([{ name: 'in/the/archive', content: 'unpacked\n' }])],
    ['/release', Buffer.from('a body\n')],
  ]);
  const files = createServer((request, response) => response.end(bodies.get(request.url)));
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  const web = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const registry = await TestRegistry.start();
  registry.push(layout, 'team/base', '1', index);
  const licensed = new LayoutBuilder();
  const { descriptor, diffId } = licensed.layer(tar([{ name: 'licensed', content: 'windows' }]));
  const foreign = { descriptor: { ...descriptor, urls: [`${web}/licensed`] }, diffId };
  registry.push(licensed, 'team/windows', '1', licensed.image({ layers: [foreign] }));
  bodies.set('/licensed', licensed.blobs.get(descriptor.digest)!);
  registry.blobs.delete(descriptor.digest);
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
      `foreign=docker-image://${registry.host}/team/windows:1`,
      `layout=oci-layout://./layout:base`,
      `src=${git.origin}/src.git#main`,
      `sub=${git.origin}/src.git#main:sub`,
    ],
    unpacked: `unpacked=${web}/a.tar`,
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

describe.skipIf(!needs('git'))('lock --vendor', () => {
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
    await ok(['lock', '--unpack', origins.unpacked], { cwd });
    before = entriesOf(cwd);
    names = Object.keys(before);
    await Promise.all(names.map((name) => ok(['snapshot', '--lock', 'ctxsrc.lock', name, `out-${name}`], { cwd })));
    for (const name of names) {
      tree.set(name, listTree(join(cwd, `out-${name}`), { omit: SAME }));
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
      const { vendored, vendoredKey, ...origin } = entries[name]!;
      expect(origin).toEqual(before[name]);
      // Neither an image nor a directory needs it: their own digest or key says what the image has to be.
      expect(vendoredKey === undefined, name).toBe(['app', 'base', 'foreign', 'layout'].includes(name));
      if (vendoredKey !== undefined) expect(vendored).toContain(`:ctxsrc-${vendoredKey.slice('sha256:'.length)}@`);
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
    const reads = names.map(async (name) => {
      const args = ['snapshot', '--lock', 'ctxsrc.lock', '--retry', '0', name, `again-${name}`];
      expect((await ok(args, options)).stderr).toContain(`${name} is read from docker-image://`);
      expect(listTree(join(origins.dir, `again-${name}`), { omit: SAME }), name).toEqual(tree.get(name));
    });
    await Promise.all(reads);
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

describe.skipIf(!needs('git'))('an image that an entry does not prove', () => {
  let registry: PushRegistry;
  let cwd: string;
  let entries: Record<string, LockEntry>;

  /** The image of other files, which says that it has a key. */
  async function evil(name: string, files: Record<string, string>, mode = 0o644, key?: string): Promise<string> {
    const dir = tempDir('evil');
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text, { mode });
    const layout = join(tempDir('evil'), 'layout');
    await ok(['push', dir, `oci-layout://${layout}:1`], { cwd });
    if (key !== undefined) renameKey(layout, key);
    const place = `docker-image://${registry.host}/evil/${name}:1`;
    const { stdout } = await ok(['push', `oci-layout://${layout}:1`, place], { cwd });
    return stdout.trim();
  }

  /** The entries, some of them changed, in a lock file of its own. */
  function lockWith(changes: Record<string, Partial<LockEntry>>): string {
    const contexts = Object.fromEntries(
      Object.entries(entries).map(([name, entry]) => [name, { ...entry, ...changes[name] }]),
    );
    const path = join(cwd, 'changed.lock');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(lockText(cwd)), contexts }));
    return path;
  }

  async function refused(name: string, change: Partial<LockEntry>, message: RegExp, flags: readonly string[] = []) {
    const lock = lockWith({ [name]: change });
    const failure = { code: 'E_UNSAFE', message, hint: /lock --vendor/ } as const;
    const options = { cwd, home: cliHome() };
    await expectFailure(['snapshot', '--lock', lock, '--retry', '0', ...flags, name, 'out'], failure, options);
    expect(existsSync(join(cwd, 'out'))).toBe(false);
  }

  beforeAll(async () => {
    const [origins, started] = await Promise.all([makeOrigins(), PushRegistry.start()]);
    registry = started;
    cwd = origins.dir;
    const few = origins.references.filter((text) => /^(app|body|src)=/.test(text));
    await ok(['lock', ...few], { cwd });
    await ok(['lock', '--unpack', origins.unpacked], { cwd });
    await ok(['lock', '--vendor', `${registry.host}/team/vendor`], { cwd });
    entries = entriesOf(cwd);
    await origins.close();
  });
  afterAll(() => registry.stop());

  it('is refused for a file on the web, by the digest of the body alone', async () => {
    const other = await evil('body', { release: 'EVIL\n' });
    await refused('body', { vendored: other, vendoredKey: undefined }, /not one file with the digest/);
    const more = await evil('more', { release: 'a body\n', more: 'EVIL' });
    await refused('body', { vendored: more, vendoredKey: undefined }, /not one file with the digest/);
    const lock = lockWith({ body: { vendoredKey: undefined } });
    await ok(['snapshot', '--lock', lock, '--retry', '0', 'body', 'older'], { cwd });
    expect(readFileSync(join(cwd, 'older', 'release'), 'utf8')).toBe('a body\n');
  });

  it.each(['src', 'unpacked', 'app'])('is refused for the files of %s, whatever key it names', async (name) => {
    const { key, vendoredKey = key } = entries[name]!;
    const vendored = await evil(name, { file: 'EVIL\n' }, 0o644, vendoredKey);
    await refused(name, { vendored }, /have the content key sha256:\w+, and not/);
    // Of a directory the flag is part of what was locked.
    if (name !== 'app') await refused(name, { vendored }, /have the content key/, ['--include', 'file']);
    const lock = lockWith({ [name]: { vendored } });
    const failure = { code: 'E_UNSAFE', message: /have the content key/ } as const;
    // In a store of its own, for there the origin's files are not.
    const options = { cwd, home: cliHome() };
    await expectFailure(['cat', '--lock', lock, '--retry', '0', name, 'file'], failure, options);
    // Nor does it go to another registry.
    await expectFailure(['lock', '--lock', lock, '--vendor', `${registry.host}/x`, '--retry', '0'], failure, options);
  });

  it('is refused if the entry of files does not say their key', async () => {
    await refused('src', { vendoredKey: undefined }, /has no vendoredKey/);
    await refused('unpacked', { vendoredKey: undefined }, /has no vendoredKey/);
  });

  it.skipIf(!needsRoot('another user') || !needsOpenCheckout('another user'))(
    'is refused if a user may not read what has to be checked',
    async () => {
      const vendored = await evil('closed', { file: 'EVIL\n' }, 0, entries.app!.key);
      const lock = lockWith({ app: { vendored } });
      execFileSync('chown', ['-R', '12345:12345', cwd]);
      const failure = { code: 'E_UNSAFE', message: /have the content key/, hint: /as root/ } as const;
      await expectFailure(['snapshot', '--lock', lock, 'app', 'out'], failure, { cwd, uid: 12345 });
      expect(existsSync(join(cwd, 'out'))).toBe(false);
    },
  );
});

/** Changes the key that the manifest of a layout names. */
function renameKey(layout: string, key: string): void {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; size: number }[];
  };
  const [entry] = index.manifests;
  const blob = (digest: string): string => join(layout, 'blobs', ...digest.split(':'));
  const text = readFileSync(blob(entry!.digest), 'utf8').replace(/("dev\.ctxsrc\.key":")[^"]*/, `$1${key}`);
  Object.assign(entry!, { digest: digestOf(text), size: text.length });
  writeFileSync(blob(entry!.digest), text);
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
}

describe('lock --vendor leaves the file as it was', () => {
  let registry: PushRegistry;
  let dir: string;
  let text: string;
  const vendor = ['lock', '--vendor'];

  beforeAll(async () => {
    registry = await PushRegistry.start();
    dir = tempDir('vendor');
    for (const name of ['a', 'b']) {
      mkdirSync(join(dir, name));
      writeFileSync(join(dir, name, 'file'), name);
    }
    await ok(['lock', 'a=./a', 'b=./b'], { cwd: dir });
    text = lockText(dir);
  });
  afterAll(() => registry.stop());
  afterEach(() => {
    registry.rule = undefined;
    expect(lockText(dir)).toBe(text);
  });

  it('if the registry refuses one of several', async () => {
    let puts = 0;
    registry.rule = ({ method, url }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      puts += 1;
      return puts % 2 === 0 ? send(response, problem(403, 'DENIED', 'quota')) : undefined;
    };
    const result = await ctxsrc([...vendor, `${registry.host}/refused`], { cwd: dir });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 8, stdout: '' });
    expect(result.stderr).toMatch(/^ctxsrc: b: .*quota/m);
    expect(registry.manifestsOf('refused').size).toBe(2);
  });

  it('if a tag of this content stands for something else and does not move', async () => {
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      raw.resume();
      return send(response, problem(409, 'TAG_EXISTS', 'immutable'));
    };
    const failure = { code: 'E_TARGET_EXISTS', message: /a: .*immutable/, hint: /vendor into another/ } as const;
    await expectFailure([...vendor, `${registry.host}/fixed`], failure, { cwd: dir });
  });

  it('if it is interrupted in the middle of an upload', async () => {
    let held = false;
    registry.rule = ({ method, url }) => {
      if (method !== 'PUT' || !url.includes('/blobs/')) return undefined;
      held = true;
      return true;
    };
    const kill = { when: () => held, signal: 'SIGINT' } as const;
    const result = await ctxsrc([...vendor, `${registry.host}/held`], { cwd: dir, kill });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 130, stdout: '' });
    expect(result.stderr).toMatch(/^ctxsrc: interrupted$/m);
    expect(registry.manifestsOf('held').size).toBe(0);
    expect(readdirSync(dir).sort()).toEqual(['a', 'b', 'ctxsrc.lock']);
  });

  it('if a directory has changed, of which nothing is sent', async () => {
    writeFileSync(join(dir, 'a', 'file'), 'changed');
    try {
      const failure = { code: 'E_DRIFT', message: /^(ctxsrc: )?a has moved/, hint: /--update a/ } as const;
      await expectFailure([...vendor, `${registry.host}/changed`], failure, { cwd: dir });
      expect(registry.blobsOf('changed').size).toBe(0);
    } finally {
      writeFileSync(join(dir, 'a', 'file'), 'a');
    }
  });

  it('for a place that is no repository, which nothing is sent to', async () => {
    registry.log.length = 0;
    const usage = { code: 'E_USAGE', message: /names no registry/, hint: /REGISTRY\/PREFIX/ } as const;
    await expectFailure([...vendor, 'team/vendor'], usage, { cwd: dir });
    const tag = { code: 'E_USAGE', message: /names a tag or digest/ } as const;
    await expectFailure([...vendor, `${registry.host}/vendor:1`], tag, { cwd: dir });
    await expectFailure(
      [...vendor, `${registry.host}/vendor`, '--check'],
      { code: 'E_USAGE', message: /--check/ },
      { cwd: dir },
    );
    const idle = { code: 'E_USAGE', message: /--attestations means nothing without --vendor/ } as const;
    await expectFailure(['lock', '--attestations', 'a=./a'], idle, { cwd: dir });
    const offline = { code: 'E_OFFLINE', message: /nothing can be pushed/ } as const;
    await expectFailure([...vendor, `${registry.host}/vendor`, '--offline'], offline, { cwd: dir });
    expect(registry.log).toEqual([]);
  });

  it('for an index of which a part is missing: neither a part of it nor another index goes in its place', async () => {
    const cwd = tempDir('sparse');
    const { layout, index } = images();
    const { manifests } = JSON.parse(layout.blobs.get(index.digest)!.toString()) as { manifests: { digest: string }[] };
    layout.blobs.delete(manifests[1]!.digest);
    layout.tag(index, 'x').write(join(cwd, 'sparse'));
    await ok(['lock', 'sparse=oci-layout://./sparse:x', ...amd64], { cwd });
    const before = lockText(cwd);
    const missing = { code: 'E_BLOB_NOT_FOUND', message: new RegExp(manifests[1]!.digest) } as const;
    await expectFailure([...vendor, `${registry.host}/sparse`], missing, { cwd });
    expect(lockText(cwd)).toBe(before);
    expect(registry.manifestsOf('sparse').size).toBe(0);
  });
});

describe('a lock file that was vendored into docker-registry', () => {
  it.skipIf(!needs('docker-registry', 'skopeo'))(
    'gives every platform of an image, and the image of a docker archive',
    async () => {
      const registry = await startDockerRegistry();
      try {
        const cwd = tempDir('vendor');
        const { layout, index } = images();
        layout.tag(index, 'x').write(join(cwd, 'layout'));
        const copy = ['--insecure-policy', '--override-os=linux', '--override-arch=amd64', 'copy'];
        execFileSync('skopeo', [...copy, 'oci:layout:x', 'docker-archive:image.tar:x:1'], { cwd, stdio: 'pipe' });
        await ok(['lock', 'archive=docker-archive://./image.tar', 'base=oci-layout://./layout:x', ...amd64], { cwd });
        const { stdout: keys } = await ok(['key', '--lock', 'ctxsrc.lock', 'archive', 'base'], { cwd });
        await ok(['lock', '--vendor', `${registry.host}/v`], { cwd });
        const text = lockText(cwd);
        await ok(['lock', '--vendor', `${registry.host}/v`], { cwd });
        expect(lockText(cwd)).toBe(text);
        for (const name of ['layout', 'image.tar']) rmSync(join(cwd, name), { recursive: true });
        const fresh = { cwd, home: cliHome() };
        expect((await ok(['key', '--lock', 'ctxsrc.lock', 'archive', 'base'], fresh)).stdout).toBe(keys);
        await ok(['snapshot', '--lock', 'ctxsrc.lock', 'archive', 'out/archive'], fresh);
        expect(readFileSync(join(cwd, 'out/archive/amd64'), 'utf8')).toBe('amd64');
        await ok(['snapshot', '--lock', 'ctxsrc.lock', 'base', 'out/base', '--platform', 'linux/arm64'], fresh);
        expect(readFileSync(join(cwd, 'out/base/arm64'), 'utf8')).toBe('arm64');
      } finally {
        await registry.stop();
      }
    },
  );
});
