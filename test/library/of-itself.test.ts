/** Of the library: what remembers keys, credentials, the list of sources and the explanations, as the commands tell them. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ProgressEvent } from '../../src/index.ts';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const library = (await import(
  pathToFileURL(join(packageRoot, 'dist', 'index.js')).href
)) as typeof import('../../src/index.ts');

const printed = async (args: readonly string[], options?: Parameters<typeof ctxsrc>[1]): Promise<unknown> => {
  const { schema, ...members } = JSON.parse((await ctxsrc([...args, '--json'], options)).stdout) as { schema: string };
  expect(schema).toBe('ctxsrc/v1');
  return members;
};

describe('what remembers keys', () => {
  const cacheDir = tempDir('library-cache');
  const dir = tempDir('library');
  const [file, saved, list] = [join(dir, 'bake.json'), join(dir, 'saved.json'), join(dir, 'keys')];
  const target = (text: string, more: object = {}) => ({ 'dockerfile-inline': text, context: dir, ...more });
  const group = { default: { targets: ['a', 'b'] } };
  const described = { group, target: { a: target('FROM scratch\nLABEL a=1'), b: target('FROM scratch\nLABEL b=1') } };

  it('changedSince: the document of inputs --changed-since', async () => {
    writeFileSync(file, JSON.stringify(described));
    const told: string[] = [];
    const onProgress = (event: ProgressEvent): void => {
      if (event.type === 'message') told.push(event.text);
    };
    const first = await library.changedSince(file, saved, { cacheDir, onProgress });
    expect([first.changed, told]).toEqual([['a', 'b'], [`${saved} is not there: everything counts as changed`]]);
    const document = { schema: 'ctxsrc/v1', ...(await library.bakeInputs(file, { cacheDir })) };
    writeFileSync(saved, JSON.stringify(document));
    expect((await library.changedSince(file, saved, { cacheDir })).changed).toEqual([]);
    writeFileSync(
      file,
      JSON.stringify({
        ...described,
        target: { ...described.target, b: target('FROM scratch', { 'no-cache': true }) },
      }),
    );
    const report = await library.changedSince(file, saved, { cacheDir });
    expect(report.changed).toEqual(['b']);
    const args = ['inputs', '--from', file, '--changed-since', saved, '--cache-dir', cacheDir];
    expect(report).toEqual(await printed(args));
    expect((await library.changedSince(file, saved, { cacheDir, targets: ['a'] })).targets).toHaveLength(1);
    const tagged = library.changedSince(file, 'docker-image://r.example/a:1', { cacheDir });
    await expect(tagged).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringMatching(/^since /) });
  });

  it('changedInputs, inputsPage and bakePage: what inputs --changed-since tells, of one build and of targets', async () => {
    const app = tempDir('library-app');
    writeFileSync(join(app, 'Dockerfile'), 'FROM scratch\nCOPY one /\nCOPY --from=other two /\n');
    for (const name of ['one', 'two']) writeFileSync(join(app, name), '1');
    const build = { context: app, contexts: { other: app } };
    const args = ['inputs', '--build-context', `other=${app}`, '--changed-since', saved, '--cache-dir', cacheDir, app];
    const names = async () => (await library.changedInputs(build, saved, { cacheDir })).changed.map(({ name }) => name);
    writeFileSync(saved, JSON.stringify(await library.buildKey(build, { cacheDir })));
    expect(await library.changedInputs(build, saved, { cacheDir })).toEqual({ known: true, changed: [] });
    writeFileSync(join(app, 'two'), '2');
    expect(await names()).toEqual(['other']);
    const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: join(dir, 'summary') };
    expect(await printed(args, { env })).toMatchObject(await library.changedInputs(build, saved, { cacheDir }));
    const told = await ctxsrc(args);
    expect(told.stderr).toBe('note: changed: 1 of 2 inputs: other\n');
    expect(readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8')).toMatch(
      /^\n### ctxsrc inputs: 1 of 2 inputs changed\n\n\| input \| key \|\n\| --- \| --- \|\n\| `other` \| `[0-9a-f]{8}` \|\n\n$/,
    );
    expect(told.stdout.indexOf(':3 COPY')).toBeLessThan(told.stdout.indexOf(':2 COPY'));
    // What has changed comes first, and says so.
    const rows = (page: string): string[] => page.match(/>(?:changed|same)<\/td>|Dockerfile:\d COPY/g) ?? [];
    const page = await library.inputsPage(build, { cacheDir, since: saved });
    const [changed, same] = ['>changed</td>', '>same</td>'];
    expect(rows(page)).toEqual([changed, 'Dockerfile:3 COPY', same, 'Dockerfile:2 COPY']);
    expect(page).toContain('2 inputs, 1 changed');
    const bake = join(app, 'bake.json');
    writeFileSync(bake, JSON.stringify({ target: { default: { context: app, contexts: { other: app } } } }));
    const ofTargets = await library.bakePage(bake, { cacheDir, since: saved });
    expect(rows(ofTargets)).toEqual([changed, 'Dockerfile:3 COPY', same, 'Dockerfile:2 COPY']);
    expect(ofTargets).toContain('1 target, 1 changed');
    expect(rows(await library.bakePage(bake, { cacheDir }))).toEqual(['Dockerfile:2 COPY', 'Dockerfile:3 COPY']);

    writeFileSync(join(app, 'two'), '1');
    writeFileSync(join(app, 'Dockerfile'), 'FROM scratch\nCOPY one /\nCOPY --from=other two /\nCMD x\n');
    expect(await library.changedInputs(build, saved, { cacheDir })).toEqual({ known: false, changed: [] });
    await ctxsrc(args, { env });
    expect(readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8')).toMatch(
      /\n### ctxsrc inputs: the Dockerfile changed, or what the build was given\n$/,
    );
    const repository = await ctxsrc([...args.slice(0, -4), 'docker-image://r.example/app', app]);
    expect([repository.code, repository.stdout]).toEqual([2, '']);
    expect(repository.stderr).toContain('a repository remembers keys of builds');
    await expect(library.changedInputs(build, list, { cacheDir })).resolves.toMatchObject({ known: false });
  });

  it('changedInputs: an index with one more entry gives the build what it gave before, on the page, too', async () => {
    const layout = new LayoutBuilder();
    const of = (architecture: string) =>
      layout.image({ layers: [layout.layer(tar([]))], platform: { os: 'linux', architecture } });
    const [dir, images] = [tempDir('library-index'), [of('amd64'), of('arm64')]];
    const write = (count: number): void => {
      layout.manifests.length = 0;
      layout.tag(layout.index([...images, of('s390x')].slice(0, count)), 'x').write(dir);
    };
    const build = (more = '') => ({
      dockerfile: `FROM base\nRUN make${more}\n`,
      contexts: { base: `oci-layout://${dir}:x` },
      platforms: ['linux/amd64'],
    });
    write(2);
    const before = await library.buildKey(build(), { cacheDir });
    writeFileSync(saved, JSON.stringify(before));
    write(3);
    const after = await library.buildKey(build(), { cacheDir });
    expect([after.key, after.inputs[0]?.digest === before.inputs[0]?.digest]).toEqual([before.key, false]);
    expect(await library.changedInputs(build(), saved, { cacheDir })).toEqual({ known: true, changed: [] });
    const page = await library.inputsPage(build(), { cacheDir, since: saved });
    expect([page.includes('1 input, 0 changed'), page.includes('>changed</td>')]).toEqual([true, false]);
    expect(await library.changedInputs(build(' it'), saved, { cacheDir })).toEqual({ known: false, changed: [] });
  });

  it('known: what --known and --known-file say', async () => {
    const { key } = await library.buildKey({ context: dir, dockerfile: 'FROM scratch\nLABEL k=1\n' }, { cacheDir });
    const ask = () => library.known(key, { file: list }, { cacheDir });
    expect(await ask()).toEqual({ known: false, because: `${list} is not there` });
    appendFileSync(list, `${digestOf(Buffer.from('other'))}\n`);
    expect(await ask()).toEqual({ known: false, because: `${list} does not list it` });
    appendFileSync(list, `${key}\n`);
    expect(await ask()).toEqual({ known: true, because: `${list} lists it` });
    const offline = library.known(key, 'docker-image://r.example/app', { cacheDir, offline: true });
    await expect(offline).rejects.toMatchObject({ code: 'E_OFFLINE' });
    const registry = await TestRegistry.start();
    try {
      const repository = `docker-image://${registry.host}/app`;
      const asked = await library.known(key, repository, { cacheDir });
      const because = `${registry.host}/app has no tag ctxsrc-${key.slice(7)}`;
      expect(asked).toEqual({ known: false, because });
      expect(await library.isBuilt(key, repository, { cacheDir })).toBe(false);
    } finally {
      await registry.stop();
    }
    for (const memory of ['', 1, { file: '' }, { list }, null]) {
      await expect(library.known(key, memory as string, { cacheDir })).rejects.toMatchObject({ code: 'E_USAGE' });
    }
  });
});

describe('auth', () => {
  afterEach(() => vi.unstubAllEnvs());

  /** The directory of a config.json, for this process and for the command. */
  function configured(config: object): string {
    const home = tempDir('library-home');
    writeFileSync(join(home, 'config.json'), JSON.stringify(config));
    vi.stubEnv('DOCKER_CONFIG', home);
    return home;
  }

  it('is the document of the command, without the secret', async () => {
    const [username, password] = ['u', 'planted-secret'];
    const registry = await TestRegistry.start({ auth: { kind: 'basic', username, password } });
    try {
      const login = { auth: Buffer.from(`${username}:${password}`).toString('base64') };
      const home = configured({ auths: { [registry.host]: login } });
      for (const options of [{}, { test: true }, { push: 'team/app' }]) {
        const report = await library.auth(registry.host, options);
        expect(report.credential).toMatchObject({ kind: 'basic', username });
        expect(JSON.stringify(report)).not.toContain(password);
        const flags = Object.entries(options).flatMap(([name, value]) => [
          `--${name}`,
          ...(value === true ? [] : [value]),
        ]);
        const { passedOver: _, ...facts } = report;
        expect(await printed(['auth', registry.host, ...flags], { env: { DOCKER_CONFIG: home } })).toMatchObject(facts);
      }
      expect((await library.auth(registry.host, { test: true })).tested).toBe('accepted');
      configured({});
      const refused = library.auth(registry.host, { test: true, network: { retry: 0 } });
      await expect(refused).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
      await expect(library.auth('https://r.example/v2/')).rejects.toMatchObject({ code: 'E_USAGE' });
    } finally {
      await registry.stop();
    }
  });

  it('is left at once when a credential helper hangs, and so is what needs the credential', async () => {
    const registry = await TestRegistry.start({ auth: { kind: 'basic', username: 'u', password: 'p' } });
    const home = configured({ credsStore: 'slow' });
    writeFileSync(join(home, 'docker-credential-slow'), '#!/bin/sh\nexec sleep 20\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${home}:${process.env.PATH}`);
    try {
      const calls = [
        (signal: AbortSignal) => library.auth('r.example', { signal }),
        (signal: AbortSignal) =>
          library.digest(`docker-image://${registry.host}/app`, { signal, cacheDir: tempDir('library-cache') }),
      ];
      for (const call of calls) {
        const reason = new Error('enough');
        const abort = new AbortController();
        const began = performance.now();
        const asked = expect(call(abort.signal)).rejects.toBe(reason);
        setTimeout(() => abort.abort(reason), 300);
        await asked;
        expect(performance.now() - began).toBeLessThan(15_000);
      }
    } finally {
      await registry.stop();
    }
  });
});

describe('what ctxsrc tells of itself', () => {
  it('listSources: the document of sources, and sources of a program behind it', async () => {
    const cacheDir = tempDir('library-cache');
    const sources = await library.listSources({ cacheDir });
    expect({ sources }).toEqual(await printed(['sources']));
    const grammar = [{ scheme: 'mine', form: 'mine://X', example: 'mine://x', summary: 'of my own' }];
    const own = { schemes: ['mine'], grammar, attributes: [], identify: () => null!, resolve: () => null! };
    const more = await library.listSources({ cacheDir, sources: [own] });
    expect(more).toEqual([...sources, { ...grammar[0], attributes: [] }]);
  });

  it('listSources and parse open no store, as their commands', async () => {
    const cacheDir = tempDir('library-foreign');
    writeFileSync(join(cacheDir, 'mine'), '');
    const foreign = ['--cache-dir', cacheDir];
    expect({ sources: await library.listSources({ cacheDir }) }).toEqual(await printed(['sources', ...foreign]));
    const reference = 'docker-image://r.example/a';
    expect(await library.parse(reference, { cacheDir })).toMatchObject(
      (await printed(['parse', reference, ...foreign])) as object,
    );
    expect(readdirSync(cacheDir)).toEqual(['mine']);
  });

  it('explain and explainExit: the documents of explain', async () => {
    expect(await library.explain('not_found')).toEqual(await printed(['explain', 'E_NOT_FOUND']));
    expect(await library.explainExit(75)).toEqual(await printed(['explain', '75']));
    for (const asked of [library.explain('E_NOPE'), library.explain(''), library.explainExit(42)]) {
      await expect(asked).rejects.toMatchObject({ code: 'E_USAGE' });
    }
  });
});
