import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { frontendOf } from '../../src/dockerfile/parse/directives.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { Asker, type ProjectOptions, projectOf, put } from '../support/project.ts';
import { TestRegistry } from '../support/registry.ts';
import { newStore } from '../support/source-env.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

let registry: TestRegistry;
let ask: Asker;
/** Name of an image in the registry. */
let base: string;
let download = 'body';
let lastModified = 'Mon, 01 Jan 2024 00:00:00 GMT';

beforeAll(async () => {
  registry = await TestRegistry.start({
    intercept: (request, response) => {
      if (request.url !== '/file.txt') return false;
      response.writeHead(200, { 'last-modified': lastModified }).end(request.method === 'HEAD' ? '' : download);
      return true;
    },
  });
  ask = new Asker(registry.host);
  base = `${registry.host}/base:1`;
  push('base:1', 'one');
});

afterAll(() => registry.stop());

interface Pushed {
  readonly config?: Readonly<Record<string, unknown>>;
  /** Another image of the same index. */
  readonly other?: string;
}

/** Pushes an image for two platforms with one file in its layer. */
function push(name: string, text: string, { config = {}, other = '' }: Pushed = {}): void {
  const layout = new LayoutBuilder();
  const image = (architecture: string, content: string) =>
    layout.image({
      layers: [layout.layer(tar([{ name: 'f', content }]))],
      platform: { os: 'linux', architecture },
      config: { Env: ['PATH=/bin'], ...config },
    });
  const [repository, tag] = name.split(':') as [string, string];
  registry.push(layout, repository, tag, layout.index([image('amd64', text), image('arm64', `arm ${other}`)]));
}

describe('the key of a build', () => {
  it('is the digest of its document, which holds digests alone', async () => {
    const dir = projectOf({ 'src/a': 'A' });
    const file = `FROM ${base}\nARG SECRET\nCOPY src /src\nRUN make $SECRET`;
    const { key, document } = await ask.answer(dir, file, { buildArgs: new Map([['SECRET', 'hunter2']]) });
    expect(key).toBe(sha256(document));
    expect(JSON.parse(document)).toMatchObject({
      version: 1,
      platforms: [{ platform: 'linux/amd64', steps: [{}, {}] }],
    });
    const values = document.replace(/sha256:[0-9a-f]{64}/g, '').match(/"[^"]*"/g) ?? [];
    expect(new Set(values)).toEqual(
      new Set(
        ['version', 'platforms', 'platform', 'linux/amd64', 'steps', 'operation', 'inputs', 'source', 'paths', 'step']
          .concat(['output', 'result', 'config', ''])
          .filter((name) => name !== 'paths')
          .map((name) => `"${name}"`),
      ),
    );
  });

  it('changes with the base, and not with another platform of its list (I1, I2)', async () => {
    const file = `FROM ${registry.host}/moved:1\nRUN make`;
    push('moved:1', 'old');
    const before = await ask.answer(undefined, file);
    push('moved:1', 'old', { other: 'rebuilt' });
    const rebuilt = await ask.answer(undefined, file);
    expect(rebuilt.key).toBe(before.key);
    expect(rebuilt.inputs[0]?.digest).not.toBe(before.inputs[0]?.digest);
    push('moved:1', 'new');
    expect(await ask.key(undefined, file)).not.toBe(before.key);
  });

  it('changes with a stage that files are copied from, and not with one that nothing needs (G2, G9)', async () => {
    const file = `FROM ${base} AS unused\nRUN other\nFROM ${registry.host}/tools:1 AS tools\nRUN make\nFROM ${base}\nCOPY --from=tools /o /`;
    push('tools:1', 'old');
    const before = await ask.key(undefined, file);
    expect(await ask.key(undefined, file.replace('RUN other', 'RUN else'))).toBe(before);
    push('tools:1', 'new');
    expect(await ask.key(undefined, file)).not.toBe(before);
  });

  it('changes with the environment of the base and with its triggers (G10)', async () => {
    const dir = projectOf({ trigger: 't' });
    const file = `FROM ${registry.host}/child:1\nRUN make`;
    push('child:1', 'same');
    const before = await ask.key(dir, file);
    push('child:1', 'same', { config: { Env: ['PATH=/sbin'] } });
    const otherPath = await ask.key(dir, file);
    expect(otherPath).not.toBe(before);
    push('child:1', 'same', { config: { OnBuild: ['COPY trigger /t'] } });
    const triggered = await ask.answer(dir, file);
    expect([before, otherPath]).not.toContain(triggered.key);
    expect(triggered.inputs.map(({ name, at }) => [name, at[0]?.onbuildOf])).toContainEqual([
      'context',
      expect.stringContaining('child:1'),
    ]);
  });

  it('changes with files that a step takes, their modes, and nothing else of the context (C8)', async () => {
    const dir = projectOf({ 'src/a': 'A', 'src/n.log': 'n', README: 'r', '.dockerignore': '*/*.log\n' });
    const file = `FROM ${base}\nCOPY src /src`;
    const before = await ask.key(dir, file);
    put(dir, 'README', 'changed');
    put(dir, 'src/n.log', 'changed');
    expect(await ask.key(dir, file)).toBe(before);
    expect(await ask.key(projectOf({ 'src/a': 'A' }), file)).toBe(before);
    put(dir, 'src/a', 'A', 0o664);
    const otherMode = await ask.key(dir, file);
    expect(otherMode).not.toBe(before);
    expect(await ask.key(dir, file, { modes: 'exec' })).toBe(before);
    put(dir, 'src/a', 'B');
    expect([before, otherMode]).not.toContain(await ask.key(dir, file));
  });

  it('changes when two sources of one name, or of two mounts, change places', async () => {
    const dir = projectOf({ 'a/f': 'A', 'b/f': 'B' });
    const copied = (one: string, two: string) => ask.key(dir, `FROM scratch\nCOPY ${one}/f ${two}/f /d/`);
    expect(await copied('a', 'b')).not.toBe(await copied('b', 'a'));
    const mounted = (one: string, two: string) =>
      ask.key(dir, `FROM ${base}\nRUN --mount=source=${one},target=/x --mount=source=${two},target=/y make`);
    expect(await mounted('a', 'b')).not.toBe(await mounted('b', 'a'));
  });

  it('without a context is that of an empty directory, of which no file can be copied', async () => {
    const empty = projectOf({ '.dockerignore': '*\n' });
    for (const taken of ['COPY . /', 'COPY *.txt /', 'RUN --mount=target=/x true']) {
      const file = `FROM ${base}\n${taken}`;
      expect(await ask.key(undefined, file)).toBe(await ask.key(empty, file));
    }
    await expect(ask.key(undefined, `FROM ${base}\nCOPY etc /`)).rejects.toMatchObject({
      code: 'E_PATH_NOT_FOUND',
      message: 'Dockerfile:2: COPY: there is no etc: the build context is empty',
      hint: expect.stringContaining('-f - DIR'),
    });
  });

  it('reads the ignore file of each context at its own root', async () => {
    const dir = projectOf({ '.dockerignore': '*\n' });
    const named = projectOf({ f: 'F', g: 'G', '.dockerignore': 'g\n', 'Dockerfile.dockerignore': 'f\n' });
    const file = `FROM ${base}\nCOPY --from=n . /`;
    const contexts = new Map([['n', named]]);
    const before = await ask.key(dir, file, { contexts });
    put(named, 'g', 'changed');
    expect(await ask.key(dir, file, { contexts })).toBe(before);
    put(named, 'f', 'changed');
    expect(await ask.key(dir, file, { contexts })).not.toBe(before);
  });

  it('changes with every file of a directory that the image is built upon', async () => {
    const root = projectOf({ 'etc/passwd': 'app:x:1:1::/:/bin/sh\n', f: 'F' });
    const file = 'FROM n\nUSER app\nWORKDIR /w';
    const contexts = new Map([['n', root]]);
    const before = await ask.key(undefined, file, { contexts });
    put(root, 'f', 'changed');
    expect(await ask.key(undefined, file, { contexts })).not.toBe(before);
  });

  it('changes with a salt, whatever its name, and with nothing when the salts only change places', async () => {
    const file = 'FROM scratch\nLABEL a=b';
    const one = ['a', '1'] as const;
    const two = ['b', '2'] as const;
    const keys = await Promise.all(
      [[], [one], [two], [one, two], [two, one]].map((salts) => ask.key(undefined, file, { salts })),
    );
    expect(new Set(keys).size).toBe(4);
    expect(keys[3]).toBe(keys[4]);
  });

  it('changes with a branch of git that moved, and not with its spelling (I9)', async () => {
    const root = tempDir('git');
    const repository = join(root, 'r.git');
    initBare(repository);
    commit(repository, 'refs/heads/main', { f: '1' });
    const server = await serveGit(root);
    try {
      const file = 'FROM scratch\nCOPY --from=r f /';
      const at = (ref: string) => ({ contexts: new Map([['r', `${server.origin}/r.git#${ref}`]]) });
      const before = await ask.answer(undefined, file, at('main'));
      expect(before.inputs).toMatchObject([
        { kind: 'git', name: 'r', digest: expect.stringMatching(/^[0-9a-f]{40}$/) },
      ]);
      expect(await ask.key(undefined, file, at('refs/heads/main'))).toBe(before.key);
      const added = (flag: string) => ask.key(undefined, `FROM scratch\nADD ${flag} ${server.origin}/r.git#main /`);
      expect(await added('--keep-git-dir')).not.toBe(await added(''));
      commit(repository, 'refs/heads/main', { f: '2' });
      expect(await ask.key(undefined, file, at('main'))).not.toBe(before.key);
    } finally {
      await server.close();
    }
  });

  it('changes with what a URL answers, and not with the time that the server gives', async () => {
    const file = `FROM scratch\nADD http://${registry.host}/file.txt /`;
    const before = await ask.answer(undefined, file);
    expect(before.inputs).toMatchObject([{ kind: 'http', digest: sha256('body'), at: [{ line: 2 }] }]);
    lastModified = 'Tue, 02 Jan 2024 00:00:00 GMT';
    expect(await ask.key(undefined, file)).toBe(before.key);
    download = 'other';
    expect(await ask.key(undefined, file)).not.toBe(before.key);
  });

  it('asks no server for what is named by its checksum or commit (I9)', async () => {
    const [commit, checksum] = ['a'.repeat(40), `sha256:${'b'.repeat(64)}`];
    const closed = 'http://127.0.0.1:1';
    const file = `FROM scratch\nADD --checksum=${checksum} ${closed}/f /\nADD ${closed}/r.git#${commit} /r`;
    const { inputs } = await ask.answer(undefined, file);
    expect(inputs).toMatchObject([
      { kind: 'http', digest: checksum },
      { kind: 'git', digest: commit },
    ]);
    await expect(ask.key(undefined, `FROM scratch\nADD ${closed}/r.git#main /r`)).rejects.toMatchObject({
      message: expect.stringContaining('Dockerfile:2: ADD: '),
    });
  });

  it('is one over all platforms (I5)', async () => {
    const file = `FROM ${base}\nRUN make`;
    const platforms = (...targetPlatforms: string[]) => ({ targetPlatforms, platformAsked: true });
    const both = await ask.answer(undefined, file, platforms('linux/amd64', 'linux/arm64'));
    expect(both.inputs.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    expect(both.platforms).toEqual(['linux/amd64', 'linux/arm64']);
    const keys = [
      both.key,
      await ask.key(undefined, file, platforms('linux/amd64')),
      await ask.key(undefined, file, platforms('linux/arm64')),
    ];
    expect(new Set(keys).size).toBe(3);
  });

  it('of an image in a layout is that of the same image in a registry', async () => {
    const layout = new LayoutBuilder();
    const image = layout.image({
      layers: [layout.layer(tar([{ name: 'f', content: 'x' }]))],
      platform: { os: 'linux', architecture: 'amd64' },
    });
    registry.push(layout, 'same', '1', image);
    const dir = layout.tag(image, 'latest').write(tempDir('layout'));
    const inRegistry = await ask.key(undefined, `FROM ${registry.host}/same:1\nRUN make`);
    const inLayout = await ask.answer(undefined, 'FROM base\nRUN make', {
      contexts: new Map([['base', `oci-layout://${dir}:latest`]]),
    });
    expect(inLayout.key).toBe(inRegistry);
    expect(inLayout.inputs).toMatchObject([{ kind: 'oci-layout', name: 'base', digest: image.digest }]);
  });
});

describe('a front end', () => {
  it("that is docker's own is listed and in no key, reached or not (I7)", async () => {
    const plain = await ask.key(undefined, 'FROM scratch\nLABEL a=b');
    const own = await ask.answer(undefined, '# syntax=docker/dockerfile:1\nFROM scratch\nLABEL a=b', { offline: true });
    expect(own.key).toBe(plain);
    expect(own.frontend).toEqual({ ref: 'docker-image://docker.io/docker/dockerfile:1' });
  });

  it('is found below a shebang, where nothing is an escape character any more (R8)', async () => {
    const text = '\ufeff#!/usr/bin/env x\n# syntax=docker/dockerfile:1\n# escape=`\nFROM scratch\nLABEL a=b\\\nc';
    const own = await ask.answer(undefined, text, { offline: true });
    expect(own.frontend).toEqual({ ref: 'docker-image://docker.io/docker/dockerfile:1' });
    expect(own.key).toBe(await ask.key(undefined, 'FROM scratch\nLABEL a=bc'));
    for (const form of ['// syntax=docker/dockerfile:1\n', '{"syntax": "docker/dockerfile:1"}']) {
      expect(frontendOf(Buffer.from(`#!x\n${form}`))).toMatchObject({ image: 'docker/dockerfile:1', line: 2 });
    }
  });

  it('of an older version is told to be read by newer rules, by whatever it is asked for (I7)', async () => {
    const told = async (syntax: string, options: ProjectOptions = {}) => {
      ask.messages.length = 0;
      const file = `# syntax=${syntax}\nFROM scratch\nCOPY --parents a /`;
      const { frontend } = await ask.answer(projectOf({ a: 'A' }), file, { offline: true, ...options });
      return [frontend?.ref.replace('docker-image://docker.io/', ''), ask.messages.join('\n')];
    };
    const note = (tag: string) => [
      `docker/dockerfile:${tag}`,
      expect.stringContaining(`docker/dockerfile:${tag} is read by the rules of 1.`),
    ];
    for (const tag of ['1.4', '1.4.3', '1.7-labs']) expect(await told(`docker/dockerfile:${tag}`)).toEqual(note(tag));
    const buildArgs = new Map([['BUILDKIT_SYNTAX', 'docker/dockerfile:1.0']]);
    expect(await told('docker/dockerfile:1', { buildArgs })).toEqual(note('1.0'));
    for (const tag of ['1', 'latest', '1-labs', '1.99']) {
      expect(await told(`docker/dockerfile:${tag}`)).toEqual([`docker/dockerfile:${tag}`, '']);
    }
  });

  it('of another kind makes everything count, and is refused by strict', async () => {
    push('lang:1', 'front end');
    const dir = projectOf({ anything: '1' });
    const file = `# syntax=${registry.host}/lang:1\nno Dockerfile at all`;
    const before = await ask.answer(dir, file);
    expect(before.frontend?.digest).toMatch(/^sha256:/);
    expect(before.platforms).toEqual(['linux/amd64']);
    const others = [
      await ask.key(dir, `${file}, another`),
      await ask.key(dir, file, { buildArgs: new Map([['A', '1']]) }),
      await ask.key(projectOf({ anything: '2' }), file),
    ];
    push('lang:1', 'another version');
    others.push(await ask.key(dir, file));
    expect(new Set([before.key, ...others]).size).toBe(5);
    // What follows the reference can be the value of an argument.
    const buildArgs = new Map([['BUILDKIT_SYNTAX', `${registry.host}/lang:1 hunter2`]]);
    await expect(ask.key(dir, file, { buildArgs, strict: true })).rejects.toMatchObject({
      code: 'E_DOUBTFUL',
      message: `Dockerfile: the front end docker-image://${registry.host}/lang:1 is not docker's own: what it reads cannot be known`,
    });
  });

  it('of another kind sees all platforms of a named image, and what lies beside a Dockerfile elsewhere', async () => {
    push('lang:2', 'front end');
    const text = `# syntax=${registry.host}/lang:2`;
    const folder = projectOf({ 'elsewhere.yaml': text });
    const context = projectOf({ a: 'A' });
    const dockerfile = { name: 'elsewhere.yaml', bytes: Buffer.from(text), path: join(folder, 'elsewhere.yaml') };
    const contexts = new Map([['c', `docker-image://${registry.host}/named:1`]]);
    const key = () => ask.key(context, text, { dockerfile, contexts });
    const keys: string[] = [];
    push('named:1', 'n');
    keys.push(await key());
    push('named:1', 'n', { config: { Env: ['PATH=/other'] } });
    keys.push(await key());
    push('named:1', 'n', { config: { Env: ['PATH=/other'] }, other: 'arm' });
    keys.push(await key());
    put(folder, 'elsewhere.yaml.dockerignore', 'x');
    keys.push(await key());
    expect(new Set(keys).size).toBe(4);
  });

  it('of another kind is told which commit and address its context is, so both count', async () => {
    push('lang:3', 'front end');
    const dir = projectOf({ a: 'A' });
    const file = `# syntax=${registry.host}/lang:3`;
    const keyOf = (ref: string, key: string) => ask.key(dir, file, { remote: { kind: 'git', ref, key } });
    const keys = [await ask.key(dir, file), await keyOf('git://h/r.git', '1'), await keyOf('git://h/r.git', '2')];
    keys.push(await keyOf('git://h/other.git', '1'));
    expect(new Set(keys).size).toBe(4);
    expect(await keyOf('git://h/r.git', '1')).toBe(keys[1]);
  });
});

describe('the list of inputs', () => {
  it('has each source in the order of its first use, with its places', async () => {
    const dir = projectOf({ a: 'A', 'docs/b': 'B' });
    const file = `FROM ${base} AS one\nCOPY a /\nFROM ${base}\nCOPY --from=one /a /\nCOPY docs /docs\nRUN --mount=type=secret,id=npmrc-é x`;
    const { inputs, unkeyed, target } = await ask.answer(dir, file);
    expect(target).toBe('');
    expect(inputs).toEqual([
      {
        kind: 'docker-image',
        name: base,
        ref: `docker-image://${base}`,
        platform: 'linux/amd64',
        purl: `pkg:docker/${base.replace(/^([^:]*):(\d+)\//, '$1%3A$2/').replace(':1', '@1')}?platform=linux%2Famd64`,
        at: [1, 3].map((line) => ({ file: 'Dockerfile', line, instruction: 'FROM' })),
        digest: expect.stringMatching(/^sha256:/),
        mediaType: 'application/vnd.oci.image.index.v1+json',
        pinned: expect.stringContaining('@sha256:'),
        config: expect.stringMatching(/^sha256:/),
        key: expect.stringMatching(/^sha256:/),
      },
      {
        kind: 'local',
        name: 'context',
        ref: expect.stringMatching(/^local:\/\//),
        at: [2, 5].map((line) => ({ file: 'Dockerfile', line, instruction: 'COPY' })),
        paths: ['/a', '/docs'],
        files: 2,
        bytes: 2,
        key: expect.stringMatching(/^sha256:/),
      },
    ]);
    const at = [{ file: 'Dockerfile', line: 6, instruction: 'RUN' }];
    expect(unkeyed).toEqual([
      { kind: 'secret', id: 'npmrc-é', at },
      { kind: 'network', at },
    ]);
  });

  it('has an image of which nothing is used without a key, and the key does not hold it', async () => {
    push('asked:1', 'old');
    const file = `FROM ${base}\nRUN --mount=type=tmpfs,from=${registry.host}/asked:1,target=/t make`;
    const before = await ask.answer(undefined, file);
    expect(before.inputs.find(({ name }) => name.includes('asked'))).toMatchObject({ used: false });
    push('asked:1', 'new');
    expect(await ask.key(undefined, file)).toBe(before.key);
  });

  it('tells names alone, and offline which bases nobody could ask', async () => {
    const dir = projectOf({ a: 'A' });
    const file = `FROM ${base}\nCOPY a /`;
    const store = await newStore();
    const offline = await ask.names(dir, file, { offline: true, store });
    expect(offline.unasked).toEqual([`docker-image://${base}`]);
    expect(offline.refs[0]).toBe(`docker-image://${base}`);
    expect(await ask.names(dir, file, { store })).toMatchObject({ refs: offline.refs, unasked: [] });
  });

  it('says of what each step was made, without a value or a path of this machine', async () => {
    const dir = projectOf({ 'src/a': 'A' });
    const contexts = new Map([['n', projectOf({ f: 'F' })]]);
    const file = (run: string) => `FROM ${base}\nARG V\nCOPY src /src\nCOPY --from=n f /\nRUN ${run}\nCMD x`;
    const options = { contexts, buildArgs: new Map([['V', 'hunter2']]) };
    const detail = await (await ask.answer(dir, file('make  all'), options)).detail();
    expect(JSON.stringify(detail)).not.toMatch(/hunter2|\/project-|ctxsrc-/);
    expect(detail.paths.map(({ digest: _, content: __, ...path }) => path)).toEqual([
      { context: 'context', path: 'src', type: 'dir', mode: '0755' },
      { context: 'context', path: 'src/a', type: 'file', mode: '0644' },
      { context: 'n', path: 'f', type: 'file', mode: '0644' },
    ]);
    expect(detail.paths[1]?.content).toBe(sha256('A'));
    const blanks = await (await ask.answer(dir, file('make all'), options)).detail();
    const run = (one: typeof detail) => one.instructions.find(({ instruction }) => instruction === 'RUN');
    expect(run(blanks)?.digest).not.toBe(run(detail)?.digest);
    expect(run(blanks)?.blanks).toBe(run(detail)?.blanks);
    expect(detail.settings.flatMap(({ flag, name }) => (flag === '--build-arg' ? [name] : []))).toEqual(['V']);
    expect(detail.config.map(({ member }) => member)).toContain('Cmd');
  });
});

describe('what cannot be resolved', () => {
  it('is told with its place, and a base that may be on this machine alone with the way out', async () => {
    await expect(ask.key(undefined, `FROM ${registry.host}/gone:1`)).rejects.toMatchObject({
      message: expect.stringContaining('Dockerfile:1'),
      hint: expect.stringContaining('--build-context'),
      exit: 3,
    });
  });

  it('is a file that is not there, with the line that takes it', async () => {
    const dir = projectOf({ a: 'A' });
    for (const copy of ['COPY missing /', 'COPY --parents x/missing /', 'COPY a missing /d/']) {
      await expect(ask.key(dir, `FROM ${base}\nCOPY a /\n${copy}`)).rejects.toMatchObject({
        code: 'E_PATH_NOT_FOUND',
        message: expect.stringContaining('Dockerfile:3'),
      });
    }
  });

  it('is no error where nothing needs it (G9)', async () => {
    const dir = projectOf({ 'a/f': 'A' });
    const file = `ARG S\nFROM ${base} AS p-a\nCOPY a/ /\nFROM ${registry.host}/gone:1 AS p-b\nCOPY b/ /\nFROM p-$S`;
    const { inputs } = await ask.answer(dir, file, { buildArgs: new Map([['S', 'a']]) });
    expect(inputs.find(({ kind }) => kind === 'local')?.paths).toEqual(['/a']);
  });

  it('is under strict a short name that nobody pinned (I4)', async () => {
    await expect(ask.key(undefined, 'FROM alpine', { strict: true })).rejects.toMatchObject({
      code: 'E_DOUBTFUL',
      message: expect.stringContaining('Dockerfile:1'),
    });
    await expect(ask.key(undefined, `FROM ${base}`, { strict: true })).resolves.toMatch(/^sha256:/);
    const contexts = new Map([['alpine', `docker-image://${base}`]]);
    await expect(ask.key(undefined, 'FROM alpine', { strict: true, contexts })).resolves.toMatch(/^sha256:/);
  });
});

it('asks for all images side by side', async () => {
  const names = ['s1', 's2', 's3', 's4'];
  for (const name of names) push(`${name}:1`, name);
  let open = 0;
  let most = 0;
  const before = registry.intercept;
  registry.intercept = async (request, response) => {
    if (/\/s\d\/manifests\/1$/.test(request.url ?? '')) {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 100));
      open -= 1;
    }
    return (await before?.(request, response)) ?? false;
  };
  const copies = names.slice(1).map((name) => `COPY --from=${registry.host}/${name}:1 /f /${name}`);
  await ask.key(undefined, [`FROM ${registry.host}/s1:1`, ...copies].join('\n'));
  registry.intercept = before;
  expect(most).toBe(4);
  // The tag, the list, the manifest and the configuration; and no image a second time by its digest.
  const asked = names.map((name) => registry.log.filter(({ url }) => url.includes(`/${name}/`)).length);
  expect(asked).toEqual([4, 4, 4, 4]);
});

it('tells of several failures the one that stands first, when all have ended', async () => {
  const dir = projectOf({ a: 'A' });
  const file = `FROM ${base}\nCOPY --from=n missing /\nCOPY missing /`;
  const contexts = new Map([['n', projectOf({ f: 'F' })]]);
  await expect(ask.key(dir, file, { contexts })).rejects.toMatchObject({ message: expect.stringContaining('file:2') });
});
