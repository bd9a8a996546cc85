/** The library does what the commands do: the same documents, and an end when it is asked for. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { directory, layoutRef } from '../support/cli-expect.ts';
import { digestOf } from '../support/layout-builder.ts';
import { tempDir } from '../support/temp.ts';

const library = (await import(
  pathToFileURL(join(packageRoot, 'dist', 'index.js')).href
)) as typeof import('../../src/index.ts');

describe('the library answers as the command line does', () => {
  const cacheDir = tempDir('library-cache');
  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await ctxsrc([...args, '--json', '--cache-dir', cacheDir]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

  it('parse, digest, key and pull: the documents of --json', async () => {
    const hello = layoutRef('hello');
    const [parsed, digests, keys] = await Promise.all([
      json('parse', hello),
      json('digest', hello),
      json('key', hello),
    ]);
    expect({ schema: 'ctxsrc/v1', ...(plain(await library.parse(hello, { cacheDir })) as object) }).toEqual(parsed);
    expect(plain(await library.digest(hello, { cacheDir }))).toEqual(digests);
    expect(plain(await library.pull(hello, { cacheDir }))).toEqual(digests);
    const { key, keys: all, incomplete } = await library.cacheKey(hello, { cacheDir });
    expect(plain({ key, keys: all, incomplete })).toEqual({
      key: keys.key,
      keys: keys.keys,
      incomplete: keys.incomplete,
    });
    expect((await library.cacheKey(hello, { cacheDir, preimages: true })).keys[0]!.preimage).toContain('{');
  });

  it('inspect: the document of --json', async () => {
    const [hello, app] = [layoutRef('hello'), directory('app')];
    const image = await library.inspect(hello, { cacheDir, files: true });
    // The paths of what is hidden are printed on request.
    const { paths: _, ...hidden } = image.hidden as { paths: unknown };
    expect(plain({ ...image, hidden })).toEqual(await json('inspect', hello));
    expect(plain(await library.inspect(app, { cacheDir }))).toEqual(await json('inspect', app));
    expect(await library.inspect(app, { cacheDir, why: 'logs' })).toMatchObject({ why: { path: 'logs' } });
    const files = library.inspect(app, { cacheDir, files: true });
    await expect(files).rejects.toMatchObject({ code: 'E_ATTRIBUTE' });
  });

  it('diff: the document of --json', async () => {
    const [one, other] = [tempDir('library'), tempDir('library')];
    writeFileSync(join(one, 'a'), 'a\n');
    writeFileSync(join(other, 'a'), 'b\n');
    writeFileSync(join(other, 'b'), '');
    const { comparison, changes, patches, ...report } = await library.diff(one, other, { cacheDir, patch: true });
    const printed = await json('diff', one, other, '--patch');
    const { sentence, settings, files, growth } = report;
    const differences = [...report.facts, ...changes.flatMap((change) => change.differences)];
    expect(plain({ sentence, settings, files, growth, differences, patches })).toEqual({
      sentence: printed.sentence,
      settings: printed.settings,
      files: printed.files,
      growth: printed.growth,
      differences: printed.differences,
      patches: printed.patches,
    });
    expect(changes.map(({ letter, path }) => [letter, path])).toEqual([
      ['M', 'a'],
      ['A', 'b'],
    ]);
    expect([comparison.equal, comparison.from]).toEqual([false, (await library.cacheKey(one, { cacheDir })).key]);
    expect((await library.diff(one, other, { cacheDir, ignore: ['a', 'b'] })).comparison.equal).toBe(true);
    const platforms = await library.diff(layoutRef('hello'), layoutRef('hello'), {
      cacheDir,
      attributes: { platform: 'linux/amd64' },
      otherAttributes: { platform: 'linux/arm64' },
    });
    expect(platforms.facts.map(({ what }) => what)).toContain('option');
    const unknown = library.diff(one, other, { cacheDir, only: ['nope'] });
    await expect(unknown).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('verify: the document of --json', async () => {
    const dir = join(tempDir('library'), 'out');
    await library.snapshot(layoutRef('hello'), dir, { cacheDir, write: { owner: 'current' } });
    expect((await library.verify(dir, { cacheDir })).intact).toBe(true);
    writeFileSync(join(dir, 'more'), '');
    const report = await library.verify(dir, { cacheDir });
    expect(report).toMatchObject({ intact: false, differences: [{ path: 'more', kind: 'added' }] });
    expect({ schema: 'ctxsrc/v1', ...report }).toEqual(await json('verify', dir));
  });

  it('export: the digest of the command', async () => {
    const dir = tempDir('library');
    for (const type of ['tar', 'oci'] as const) {
      const { stdout } = await ctxsrc([
        'export',
        layoutRef('hello'),
        '-o',
        `type=${type},dest=${join(dir, `a.${type}`)}`,
      ]);
      const exported = await library.exportTo(layoutRef('hello'), join(dir, `b.${type}`), { cacheDir, type });
      expect(exported.digest).toBe(stdout.trim());
      expect(readFileSync(join(dir, `a.${type}`))).toEqual(readFileSync(join(dir, `b.${type}`)));
    }
    await library.exportTo(layoutRef('hello'), join(dir, 'layout'), { cacheDir, directory: true });
    const again = await library.digest(`oci-layout://${join(dir, 'layout')}`, { cacheDir });
    expect(again.manifest).toBe((await library.digest(layoutRef('hello'), { cacheDir })).manifest);
    const both = library.exportTo(layoutRef('hello'), join(dir, 'x'), { cacheDir, type: 'tar', directory: true });
    await expect(both).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('key --combined: the document of --json', async () => {
    const [base, app] = [`base=${layoutRef('hello')}`, directory('app')];
    const dir = tempDir('library');
    writeFileSync(join(dir, 'Dockerfile'), 'FROM base\n');
    const file = join(dir, 'Dockerfile');
    const report = await library.combinedKey([base, app], {
      cacheDir,
      files: [file],
      with: { A: 'b=c' },
      attributes: { exclude: ['x'], file },
    });
    const args = ['key', '--combined', base, app, '-f', file, '--with', 'A=b=c', '--exclude', 'x'];
    expect({ schema: 'ctxsrc/v1', ...(plain(report) as object) }).toEqual(await json(...args));
    const idle = library.combinedKey([app], { cacheDir, attributes: { checksum: 'x' } });
    await expect(idle).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('checksum') });
  });

  it('key --build and inputs: the document of --json', async () => {
    const dir = tempDir('library');
    writeFileSync(join(dir, 'Dockerfile'), 'ARG BASE\nFROM base AS one\nCOPY a /\nRUN x\nFROM scratch AS two\n');
    writeFileSync(join(dir, 'a'), 'a');
    const build = {
      context: dir,
      target: 'one',
      platforms: ['linux/amd64'],
      contexts: { base: layoutRef('hello') },
      buildArgs: { BASE: '1' },
      labels: { l: '1' },
      hosts: { h: '10.0.0.1' },
      ulimits: ['nofile=1024'],
      network: 'none',
      shmSize: '128m',
      with: { rebuild: '2' },
      modes: 'exec',
    } as const;
    const { document, findings, ...report } = await library.buildKey(build, { cacheDir });
    const args = [
      ...[
        'inputs',
        dir,
        '--target',
        'one',
        '--platform',
        'linux/amd64',
        '--build-context',
        `base=${layoutRef('hello')}`,
      ],
      ...['--build-arg', 'BASE=1', '--label', 'l=1', '--add-host', 'h:10.0.0.1', '--ulimit', 'nofile=1024'],
      ...['--network', 'none', '--shm-size', '128m', '--with', 'rebuild=2', '--modes', 'exec'],
    ];
    expect({ schema: 'ctxsrc/v1', ...(plain(report) as object) }).toEqual(await json(...args));
    expect(digestOf(document)).toBe(report.key);
    expect(findings).toEqual([]);
    expect(await library.inputs(build, { cacheDir })).toEqual(report.inputs);
    expect((await library.buildKey({ context: dir, dockerfile: 'FROM scratch\n' }, { cacheDir })).inputs).toEqual([]);
    const unknown = library.buildKey({ buildArg: {} } as object);
    await expect(unknown).rejects.toMatchObject({ code: 'E_USAGE', message: 'build.buildArg is not known' });
  });

  it('inputs --from: the document of --json', async () => {
    const dir = tempDir('library');
    const target = (stage: string) => ({
      context: dir,
      'dockerfile-inline': 'FROM scratch AS a\nFROM a AS b',
      target: stage,
    });
    const file = join(dir, 'bake.json');
    writeFileSync(file, JSON.stringify({ target: { default: target('a'), other: target('b') } }));
    const targets = ['default', 'other'];
    const report = await library.bakeInputs(file, { cacheDir, targets, with: { a: '1' } });
    const printed = await json('inputs', '--from', file, ...targets, '--with', 'a=1');
    expect({ schema: 'ctxsrc/v1', ...(plain(report) as object) }).toEqual(printed);
    expect(report.targets.map((one) => [one.target, one.stage])).toEqual([
      ['default', 'a'],
      ['other', 'b'],
    ]);
  });

  it('lock, --check, --update and --format: the same file and the same words', async () => {
    const dir = tempDir('library');
    const [mine, theirs] = [join(dir, 'mine.lock'), join(dir, 'theirs.lock')];
    const [base, app] = [layoutRef('hello'), join(dir, 'app')];
    mkdirSync(app);
    const contexts = { base: { reference: base, attributes: { platform: 'linux/amd64' } }, app };
    const first = await library.createLock(contexts, { cacheDir, path: mine });
    await ctxsrc(['lock', `base=${base}`, `app=${app}`, '--platform', 'linux/amd64', '--lock', theirs]);
    expect(readFileSync(mine, 'utf8')).toBe(readFileSync(theirs, 'utf8'));
    expect([first.lock, first.written, Object.keys(first.contexts)]).toEqual([mine, true, ['app', 'base']]);
    expect((await library.createLock(contexts, { cacheDir, path: mine })).written).toBe(false);
    expect(await library.checkLock(contexts, { cacheDir, path: mine })).toEqual({ upToDate: true, drift: [] });

    writeFileSync(join(app, 'new'), '');
    const check = await library.checkLock(undefined, { cacheDir, path: mine });
    expect(check).toMatchObject({ upToDate: false, drift: [{ name: 'app', what: 'key' }] });
    expect({ schema: 'ctxsrc/v1', drift: check.drift }).toEqual(await json('lock', '--check', '--lock', theirs));
    expect((await library.checkLock({ more: base }, { cacheDir, path: mine })).drift).toMatchObject([
      { name: 'more', what: 'added' },
      { name: 'app' },
    ]);

    const updated = await library.updateLock({ cacheDir, path: mine, names: ['app'] });
    expect(updated.contexts.app!.key).toBe(check.drift[0]!.to);
    expect(updated.contexts.base).toEqual(first.contexts.base);
    for (const format of ['build-contexts', 'bake', 'buildkit-policy'] as const) {
      const { text, omitted } = await library.formatLock(format, { cacheDir, path: mine });
      const { stdout, stderr } = await ctxsrc(['lock', '--lock', mine, '--format', format], { cwd: process.cwd() });
      expect(text).toBe(stdout);
      for (const { name, why } of omitted) expect(stderr).toContain(`${name} is left out of the ${format}: ${why}`);
    }
    const strict = library.formatLock('buildkit-policy', { cacheDir, path: mine, strict: true });
    await expect(strict).rejects.toMatchObject({ code: 'E_INCOMPLETE' });
    await expect(library.createLock({ 'a b': base }, { path: mine })).rejects.toMatchObject({ code: 'E_USAGE' });
    const missing = library.updateLock({ cacheDir, path: mine, names: ['nope'] });
    await expect(missing).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});

describe('what a build is made of', () => {
  const cacheDir = tempDir('library-cache');
  const dir = tempDir('library');
  writeFileSync(join(dir, 'Dockerfile'), `FROM hello AS one\nCOPY a /\nFROM scratch AS two\nCOPY a /b\n`);
  writeFileSync(join(dir, 'a'), 'a');
  const build = { context: dir, target: 'one', contexts: { hello: layoutRef('hello') } };
  const flags = ['--target', 'one', '--build-context', `hello=${layoutRef('hello')}`, '--cache-dir', cacheDir];

  it('inputs --names: its document', async () => {
    const names = await library.inputNames(build, { cacheDir });
    const { stdout } = await ctxsrc(['inputs', '--names', dir, ...flags, '--json']);
    expect({ schema: 'ctxsrc/v1', ...names }).toEqual(JSON.parse(stdout));
    expect(names.names).toContainEqual(expect.stringContaining('oci-layout://'));
  });

  it('key --build --save and diff --build: the same file, and its document', async () => {
    const [mine, theirs] = [join(tempDir('library'), 'mine.json'), join(tempDir('library'), 'theirs.json')];
    const key = await library.saveBuild(build, mine, { cacheDir });
    expect((await ctxsrc(['key', '--build', '--save', theirs, dir, ...flags])).stdout.trim()).toBe(key);
    expect(readFileSync(mine, 'utf8')).toBe(readFileSync(theirs, 'utf8'));
    expect((await library.diffBuilds({ saved: mine }, build, { cacheDir })).same).toBe(true);
    const other = { ...build, target: 'two' };
    const report = await library.diffBuilds({ saved: mine }, other, { cacheDir });
    const { stdout } = await ctxsrc(['diff', mine, dir, '--target', 'two', ...flags.slice(2), '--json']);
    expect({ schema: 'ctxsrc/v1', ...report }).toEqual(JSON.parse(stdout));
    expect([report.same, report.a.key]).toEqual([false, key]);
    const none = library.diffBuilds({ saved: join(dir, 'a') }, build, { cacheDir });
    await expect(none).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('the same for a target of a bake file', async () => {
    const [file, mine, theirs] = ['bake.json', 'mine.json', 'theirs.json'].map((name) =>
      join(tempDir('library'), name),
    );
    const described = (text: string) => ({ context: dir, 'dockerfile-inline': text });
    const targets = { one: described('FROM scratch\nCOPY a /'), two: described('FROM scratch\nCOPY a /b') };
    writeFileSync(file!, JSON.stringify({ target: targets, group: { both: { targets: ['one', 'two'] } } }));
    const [one, two] = ['one', 'two'].map((target) => ({ from: file!, target }));
    const key = await library.saveBuild(one!, mine!, { cacheDir });
    const args = ['--from', file!, '--cache-dir', cacheDir];
    expect((await ctxsrc(['key', '--build', '--save', theirs!, 'one', ...args])).stdout.trim()).toBe(key);
    expect(readFileSync(mine!, 'utf8')).toBe(readFileSync(theirs!, 'utf8'));
    expect((await library.diffBuilds({ saved: mine! }, one!, { cacheDir })).same).toBe(true);
    const { stdout } = await ctxsrc(['diff', '--build', 'one', 'two', ...args, '--json']);
    expect({ schema: 'ctxsrc/v1', ...(await library.diffBuilds(one!, two!, { cacheDir })) }).toEqual(
      JSON.parse(stdout),
    );
    const several = library.saveBuild({ from: file!, target: 'both' }, mine!, { cacheDir });
    await expect(several).rejects.toMatchObject({ code: 'E_USAGE', hint: 'name one of one, two' });

    // What a target is built from does not make two of a group of one; a group of none has nothing to choose from.
    const three = { 'dockerfile-inline': 'FROM one', contexts: { one: 'target:one' } };
    const group = { one: { targets: ['three'] }, default: { targets: ['default'] } };
    writeFileSync(file!, JSON.stringify({ target: { ...targets, three }, group }));
    const ofGroup = await library.saveBuild({ from: file!, target: 'one' }, mine!, { cacheDir });
    expect(ofGroup).toBe(await library.saveBuild({ from: file!, target: 'three' }, mine!, { cacheDir }));
    writeFileSync(file!, JSON.stringify({ target: {}, group }));
    await expect(library.saveBuild({ from: file! }, mine!, { cacheDir })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: `one target of ${file} is needed, and bake finds none for default`,
      hint: 'name a target of the file',
    });
  });

  it('lock --from, and --format dockerfile: the same file, and the same Dockerfile', async () => {
    const [mine, theirs] = [join(tempDir('library'), 'mine.lock'), join(tempDir('library'), 'theirs.lock')];
    const file = join(dir, 'pinned.Dockerfile');
    const image = layoutRef('hello').replace('oci-layout://', '');
    writeFileSync(file, 'FROM scratch AS base\nADD a /\n');
    const compose = join(tempDir('library'), 'compose.yaml');
    const service = `services:\n  app:\n    build:\n      context: .\n      additional_contexts:\n        hello: oci-layout://${image}\n`;
    writeFileSync(compose, service);
    const report = await library.lockFrom(compose, { cacheDir, path: mine });
    await ctxsrc(['lock', '--from', compose, '--lock', theirs, '--cache-dir', cacheDir]);
    expect(readFileSync(mine, 'utf8')).toBe(readFileSync(theirs, 'utf8'));
    expect([Object.keys(report.contexts), report.written]).toEqual([['hello'], true]);
    const build = { contexts: { other: layoutRef('hello') } };
    const pinned = await library.lockFrom(file, { cacheDir, path: mine, build, dockerfile: true });
    const from = ['lock', '--from', file, '--build-context', `other=${layoutRef('hello')}`, '--lock', theirs];
    const { stdout } = await ctxsrc([...from, '--format', 'dockerfile', '--cache-dir', cacheDir]);
    expect(Buffer.from(pinned.dockerfile!).toString()).toBe(stdout);
    expect(readFileSync(mine, 'utf8')).toBe(readFileSync(theirs, 'utf8'));
    expect(Object.keys(pinned.contexts)).toEqual(['hello', 'other']);
    const no = library.lockFrom(compose, { cacheDir, path: mine, dockerfile: true });
    await expect(no).rejects.toMatchObject({ code: 'E_USAGE' });

    // A name of the file is its entry.
    const named = await library.cacheKey('hello', { cacheDir, lock: mine });
    expect(named.key).toBe((await library.cacheKey(layoutRef('hello'), { cacheDir })).key);
    const digest = await library.digest('hello', { cacheDir, lock: mine });
    expect(digest.digest).toBe(pinned.contexts.hello!.digest);
    await expect(library.cacheKey('hello', { cacheDir })).rejects.toMatchObject({ code: 'E_REFERENCE' });
  });
});

it('cache verify: its document', async () => {
  const cacheDir = tempDir('library-cache');
  await library.pull(layoutRef('hello'), { cacheDir });
  const { stdout } = await ctxsrc(['cache', 'verify', '--json', '--cache-dir', cacheDir]);
  expect({ schema: 'ctxsrc/v1', ...(await library.verifyStore({ cacheDir })) }).toEqual(JSON.parse(stdout));
});

describe('a signal', () => {
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  const cacheDir = join(tempDir('library'), 'never-made');
  const options = { cacheDir, signal };
  const target = join(tempDir('library'), 'out');
  const hello = layoutRef('hello');
  const calls: Record<string, () => Promise<unknown>> = {
    parse: () => library.parse(hello, options),
    resolve: () => library.resolve(hello, options),
    digest: () => library.digest(hello, options),
    cacheKey: () => library.cacheKey(hello, options),
    combinedKey: () => library.combinedKey([hello], options),
    buildKey: () => library.buildKey(directory('app'), options),
    inputs: () => library.inputs(directory('app'), options),
    inputNames: () => library.inputNames(directory('app'), options),
    saveBuild: () => library.saveBuild(directory('app'), target, options),
    diffBuilds: () => library.diffBuilds({ saved: target }, directory('app'), options),
    bakeInputs: () => library.bakeInputs(target, options),
    changedSince: () => library.changedSince(target, target, options),
    changedInputs: () => library.changedInputs(directory('app'), target, options),
    bakePage: () => library.bakePage(target, options),
    known: () => library.known(`sha256:${'0'.repeat(64)}`, { file: target }, options),
    auth: () => library.auth('localhost:1', { signal, test: true }),
    listSources: () => library.listSources(options),
    isBuilt: () => library.isBuilt(`sha256:${'0'.repeat(64)}`, 'docker-image://localhost:1/a', options),
    inspect: () => library.inspect(hello, options),
    inspectPage: () => library.inspectPage(hello, options),
    diffPage: () => library.diffPage(hello, hello, options),
    inputsPage: () => library.inputsPage(directory('app'), options),
    diff: () => library.diff(hello, hello, options),
    pull: () => library.pull(hello, options),
    snapshot: () => library.snapshot(hello, target, options),
    exportTo: () => library.exportTo(hello, target, options),
    verify: () => library.verify(target, options),
    ls: () => library.ls(hello, '', options),
    cat: () => library.cat(hello, 'x', options),
    push: () => library.push(hello, `oci-layout://${target}:x`, options),
    createLock: () => library.createLock({ a: hello }, { ...options, path: target }),
    lockFrom: () => library.lockFrom(target, { ...options, path: target }),
    updateLock: () => library.updateLock({ ...options, path: target }),
    vendorLock: () => library.vendorLock('docker-image://localhost:1/a', { ...options, path: target }),
    checkLock: () => library.checkLock(undefined, { ...options, path: target }),
    formatLock: () => library.formatLock('bake', { ...options, path: target }),
    listStore: () => library.listStore(options),
    storeUsage: () => library.storeUsage(options),
    verifyStore: () => library.verifyStore(options),
    pruneStore: () => library.pruneStore(options),
    doctor: () => library.doctor(options),
  };

  it.each(Object.keys(calls))('ends %s before anything is done', async (name) => {
    await expect(calls[name]!()).rejects.toBe(reason);
    expect([existsSync(target), existsSync(cacheDir)]).toEqual([false, false]);
  });

  it('ends what has begun, for whatever reason', async () => {
    const [store, written] = [tempDir('library-cache'), join(tempDir('library'), 'written')];
    await library.snapshot(hello, written, { cacheDir: store });
    const late = join(tempDir('library'), 'late');
    const begun: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
      (given) => library.verify(written, { cacheDir: store, signal: given }),
      (given) => library.listStore({ cacheDir: store, signal: given }),
      (given) => library.storeUsage({ cacheDir: store, signal: given }),
      (given) => library.snapshot(hello, late, { cacheDir: store, signal: given }),
      (given) => library.diff(hello, directory('app'), { cacheDir: store, signal: given, files: true }),
      (given) =>
        library.buildKey(
          { context: directory('app'), dockerfile: 'FROM scratch\nCOPY . /' },
          { cacheDir: store, signal: given },
        ),
      (given) => library.doctor({ cacheDir: store, signal: given }),
    ];
    for (const [index, call] of begun.entries()) {
      const abort = new AbortController();
      const asked = expect(call(abort.signal), `call ${index}`).rejects.toBe(reason);
      abort.abort(reason);
      await asked;
    }
    expect(existsSync(late)).toBe(false);
  });

  it('is taken by every function that does work', () => {
    const others = ['explain', 'explainExit', 'ioError', 'isCtxsrcError', 'isDigest', 'openEnvironment', 'parseDigest'];
    const functions = Object.entries(library).filter(
      ([name, value]) => typeof value === 'function' && /^[a-z]/.test(name),
    );
    expect(
      functions
        .map(([name]) => name)
        .filter((name) => !others.includes(name))
        .sort(),
    ).toEqual(Object.keys(calls).sort());
  });
});
