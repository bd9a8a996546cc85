/** `ctxsrc inputs --from` and `key --build --from`, run as a person and a pipeline run them; buildx evaluates. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildx } from '../../support/buildx.ts';
import { type CliOptions, ctxsrc } from '../../support/cli.ts';
import { readGithubOutput } from '../../support/github-output.ts';
import { projectOf, put } from '../../support/project.ts';

interface Target {
  readonly target: string;
  readonly key: string;
  readonly inputs: readonly Record<string, unknown>[];
}

const HCL = `
variable "TAG" { default = "x" }
group "default" { targets = ["web", "worker"] }
group "all" { targets = ["default", "docs"] }
target "base" { dockerfile-inline = "FROM scratch\\nCOPY base /b\\nENV X=1" }
target "web" {
  context = "web"
  contexts = { lib = "target:base", "library/golang" = "docker-image://golang:1.22" }
  args = { TAG = TAG }
}
target "worker" {
  name = "worker-\${v}"
  matrix = { v = ["1", "2"] }
  args = { V = v }
}
target "docs" { context = "docs" }
`;

/** A project that needs no network. */
function project(files: Readonly<Record<string, string>> = {}): string {
  return projectOf({
    'docker-bake.hcl': HCL,
    'web/Dockerfile': 'FROM lib\nARG TAG\nLABEL tag=$TAG\nCOPY a /\n',
    'web/a': 'A',
    Dockerfile: 'FROM scratch\nARG V\nCOPY web/a /$V\n',
    base: 'B',
    'docs/Dockerfile': 'FROM scratch\nCOPY page /\n',
    'docs/page': 'P',
    ...files,
  });
}

async function targets(cwd: string, args: readonly string[] = [], options: CliOptions = {}): Promise<Target[]> {
  const result = await ctxsrc(['inputs', '--json', '--from', ...args], { cwd, ...options });
  expect(result.code, result.stderr).toBe(0);
  return (JSON.parse(result.stdout) as { targets: Target[] }).targets;
}

const keysOf = (list: readonly Target[]) => Object.fromEntries(list.map(({ target, key }) => [target, key]));

async function changed(cwd: string, ...args: string[]): Promise<unknown> {
  const result = await ctxsrc(['inputs', '--from', ...args], { cwd });
  expect(result.code, result.stderr).toBe(0);
  return JSON.parse(result.stdout);
}

describe.skipIf(buildx === undefined)('inputs --from docker-bake.hcl', () => {
  const print = (cwd: string, env: Readonly<Record<string, string>>, ...names: string[]) =>
    execFileSync(buildx!, ['bake', '-f', 'docker-bake.hcl', '--print', ...names], {
      cwd,
      env: { HOME: '/nowhere', PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });

  it('lists the targets that bake prints, in its order, with the keys of the JSON that it prints (B4)', async () => {
    const cwd = project();
    const listed = await targets(cwd, ['docker-bake.hcl', 'all']);
    const printed = print(cwd, {}, 'all');
    expect(listed.map(({ target }) => target)).toEqual(
      Object.keys((JSON.parse(printed.toString()) as { target: object }).target),
    );
    expect(listed.map(({ target }) => target)).toEqual(['base', 'docs', 'web', 'worker-1', 'worker-2']);
    expect(await targets(cwd, ['-'], { stdin: printed })).toEqual(listed);
    expect(new Set(listed.map(({ key }) => key)).size).toBe(5);
    expect((await targets(cwd, ['docker-bake.hcl', 'worker'])).map(({ target }) => target)).toEqual([
      'worker-1',
      'worker-2',
    ]);
  });

  it('has for a target the key of the same build line', async () => {
    const cwd = project();
    const listed = keysOf(await targets(cwd, ['docker-bake.hcl', 'all']));
    const line = await ctxsrc(['key', '--build', '--build-arg', 'V=2', '.'], { cwd });
    expect(line.stdout.trim()).toBe(listed['worker-2']);
    const one = await ctxsrc(['key', '--build', '--from', 'docker-bake.hcl', 'web'], { cwd });
    expect(one.stdout.trim()).toBe(listed.web);
    const many = await ctxsrc(['key', '--build', '--from', 'docker-bake.hcl', 'all'], { cwd });
    expect(many).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('finds 4 for all\nhint: name one of base, docs, web'),
    });
    writeFileSync(join(cwd, 'none.json'), '{"group":{"default":{"targets":["default"]}},"target":{}}');
    const none = await ctxsrc(['key', '--build', '--from', 'none.json'], { cwd });
    expect(none).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('bake finds none for default\nhint: name'),
    });
  });

  it('holds in the key of a target the key of what it is built from, and tells its files (B6)', async () => {
    const cwd = project();
    const before = await targets(cwd, ['docker-bake.hcl', 'web', 'docs']);
    expect(before.find(({ target }) => target === 'web')!.inputs[0]).toMatchObject({
      kind: 'target',
      name: 'lib',
      ref: 'target:base',
      at: [{ file: 'web/Dockerfile', line: 1, instruction: 'FROM' }],
      key: keysOf(before).base,
    });
    put(cwd, 'base', 'changed');
    const after = keysOf(await targets(cwd, ['docker-bake.hcl', 'web', 'docs']));
    expect(Object.keys(after).filter((name) => after[name] !== keysOf(before)[name])).toEqual(['base', 'web']);
    const saved = join(cwd, 'saved.json');
    await ctxsrc(['key', '--build', '--from', 'docker-bake.hcl', 'web', '--save', saved], { cwd });
    const { detail } = JSON.parse(readFileSync(saved, 'utf8')) as { detail: { paths: unknown[] } };
    expect(detail.paths).toContainEqual(expect.objectContaining({ context: 'target base', path: 'base' }));
  });

  it('has for a target that inherits the key of what it inherits last (B4)', async () => {
    const hcl = `
target "a" { args = { V = "1" } }
target "b" {
  inherits = ["a"]
  args = { V = "2" }
}
target "c" { inherits = ["a"] }
target "default" { inherits = ["b", "c"] }
`;
    const cwd = project({ 'inherited.hcl': hcl });
    const keys = await targets(cwd, ['inherited.hcl']);
    const line = await ctxsrc(['key', '--build', '--build-arg', 'V=1', '.'], { cwd });
    expect(keys.map(({ target, key }) => [target, key])).toEqual([['default', line.stdout.trim()]]);
  });

  it('takes the configuration of another target as that of a base', async () => {
    const cwd = project({ 'web/Dockerfile': 'FROM lib\nCOPY a /$X\n' });
    const key = keysOf(await targets(cwd, ['docker-bake.hcl', 'web'])).web;
    put(cwd, 'web/Dockerfile', 'FROM lib\nCOPY a /1\n');
    expect(keysOf(await targets(cwd, ['docker-bake.hcl', 'web'])).web).toBe(key);
  });

  it('says that a name which no front end looks for can never match (B5)', async () => {
    const cwd = project({ 'web/Dockerfile': 'FROM scratch\nCOPY a /\n' });
    const { stderr } = await ctxsrc(['inputs', '--from', 'docker-bake.hcl', 'web'], { cwd });
    expect(stderr).toContain('note: target web: its context library/golang can never match: write golang\n');
  });

  it('takes declared variables from the environment as bake does, and writes no value down (B3)', async () => {
    const cwd = project();
    const plain = await targets(cwd, ['docker-bake.hcl', 'web']);
    const env = { TAG: 'of-the-environment' };
    const result = await ctxsrc(['inputs', '--json', '--from', 'docker-bake.hcl', 'web'], { cwd, env });
    expect(result.stdout).not.toContain('of-the-environment');
    expect(JSON.parse(result.stdout)).toMatchObject({
      from: 'docker-bake.hcl',
      evaluatedBy: 'docker buildx bake --print',
    });
    const taken = keysOf((JSON.parse(result.stdout) as { targets: Target[] }).targets);
    expect(taken.web).not.toBe(keysOf(plain).web);
    // Whatever this version of bake reads of it.
    const shut = { ...env, BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP: '1' };
    const stdin = print(cwd, shut, 'web');
    expect(await targets(cwd, ['docker-bake.hcl', 'web'], { env: shut })).toEqual(await targets(cwd, ['-'], { stdin }));
  });

  it('reads no environment for what is piped, and no default platform at all', async () => {
    const cwd = project({ Dockerfile: 'FROM scratch\nARG SOURCE_DATE_EPOCH\nWORKDIR /w\n' });
    const stdin = print(cwd, {}, 'worker-1');
    const env = { SOURCE_DATE_EPOCH: '1700000000', DOCKER_DEFAULT_PLATFORM: 'linux/s390x' };
    expect(await targets(cwd, ['-'], { stdin, env })).toEqual(await targets(cwd, ['-'], { stdin }));
    const read = await targets(cwd, ['docker-bake.hcl', 'worker-1'], { env });
    expect(read).not.toEqual(await targets(cwd, ['docker-bake.hcl', 'worker-1']));
    expect(read[0]).toMatchObject({ platforms: [expect.not.stringContaining('s390x')] });
  });

  it('tells what buildx says of a file that it cannot evaluate', async () => {
    const cwd = projectOf({ 'a.hcl': 'target "default" { args = { A = nope } }' });
    const result = await ctxsrc(['inputs', '--from', 'a.hcl'], { cwd });
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^ctxsrc: a\.hcl: .*nope/) });
  });

  it('reads a compose file with its services as contexts and its .env, or names the variable that is missing (B8)', async () => {
    const cwd = projectOf({
      'compose.yaml': [
        'services:',
        '  web:',
        '    build: { context: web, args: [S], additional_contexts: { lib: "service:db" } }',
        '  db:',
        '    build: { context: ., dockerfile_inline: "FROM scratch\\nCOPY base /\\n" }',
        '  image: { image: postgres }',
      ].join('\n'),
      'web/Dockerfile': 'FROM lib\nARG S\nLABEL s=$S\n',
      base: 'B',
    });
    const listed = await targets(cwd, ['compose.yaml'], { env: { S: '1' } });
    expect(listed.map(({ target }) => target)).toEqual(['db', 'web']);
    expect(listed[1]!.inputs[0]).toMatchObject({ ref: 'target:db', key: listed[0]!.key });
    expect(keysOf(await targets(cwd, ['compose.yaml'], { env: { S: '2' } })).web).not.toBe(listed[1]!.key);
    put(cwd, '.env', `A=\${S:?no}\n`);
    const missing = await ctxsrc(['inputs', '--from', 'compose.yaml'], { cwd });
    expect(missing).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('variable S is missing') });
  });
});

describe('inputs --from a bake file in JSON', () => {
  const files = {
    'sub/docker-bake.json': JSON.stringify({ target: { default: { context: 'app', dockerfile: 'my.Dockerfile' } } }),
    'app/my.Dockerfile': 'FROM scratch\nCOPY a /\n',
    'app/a': 'A',
  };

  it('takes paths from the current directory, or from beside the file, and names what it tried (B1)', async () => {
    const cwd = projectOf(files);
    const [target] = await targets(cwd, ['sub/docker-bake.json']);
    expect(target!.inputs[0]).toMatchObject({ ref: 'local://app', at: [{ file: 'app/my.Dockerfile' }] });
    const env = { BUILDX_BAKE_FILE_RELATIVE_PATHS: '1' };
    const tried = await ctxsrc(['inputs', '--from', 'sub/docker-bake.json'], { cwd, env });
    expect(tried).toMatchObject({ code: 3, stdout: '' });
    expect(tried.stderr).toMatch(
      /^ctxsrc: sub\/docker-bake\.json: target default: its context "app" is no directory: .*\/sub\/app was tried\nhint: /,
    );
    put(cwd, 'sub/app/my.Dockerfile', 'FROM scratch\nCOPY b /\n');
    put(cwd, 'sub/app/b', 'B');
    expect((await targets(cwd, ['sub/docker-bake.json'], { env }))[0]!.inputs[0]).toMatchObject({ paths: ['/b'] });
  });

  it('reads no files for an inline Dockerfile that takes none, and reads it from the file alone', async () => {
    const inline = (text: string) =>
      JSON.stringify({ target: { default: { context: null, 'dockerfile-inline': text } } });
    const cwd = projectOf({ Dockerfile: 'FROM nowhere', 'b.json': inline('FROM scratch\nLABEL a=1') });
    const [target] = await targets(cwd, ['b.json']);
    expect(target!.inputs).toEqual([]);
    put(cwd, 'b.json', inline('FROM scratch\nLABEL a=2'));
    expect((await targets(cwd, ['b.json']))[0]!.key).not.toBe(target!.key);
  });

  it.each([
    ['--platform', 'linux/arm64'],
    ['--build-arg', 'A=1'],
    ['--target', 'x'],
    ['-f', 'Dockerfile'],
  ])('refuses %s, which is for a target to say', async (...flag) => {
    const result = await ctxsrc(['inputs', '--from', 'sub/docker-bake.json', ...flag], { cwd: projectOf(files) });
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('docker buildx bake --set') });
  });

  it('refuses targets that are built from each other, and names the target of an error', async () => {
    const of = (target: object) =>
      projectOf({ 'b.json': JSON.stringify({ target }), Dockerfile: 'FROM scratch\nCOPPY' });
    const circle = of({ default: { contexts: { x: 'target:a' } }, a: { contexts: { y: 'target:default' } } });
    const run = (cwd: string, PATH?: string) =>
      ctxsrc(['inputs', '--from', '-'], {
        cwd,
        stdin: readFileSync(join(cwd, 'b.json')),
        env: PATH === undefined ? {} : { PATH },
      });
    expect((await run(circle)).stderr).toContain('targets are built from each other: default, a, default');
    const wrong = await run(of({ default: {} }));
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ctxsrc: -: target default: Dockerfile:2: COPPY'),
    });
  });

  it('needs a file for what it is asked about its targets', async () => {
    const cwd = projectOf(files);
    for (const args of [
      ['--changed-since', 'docker-image://x', '.'],
      ['.', '.'],
      ['--github-output', '.'],
      ['--github-output', '--from', 'sub/docker-bake.json'],
    ]) {
      expect(await ctxsrc(['inputs', ...args], { cwd })).toMatchObject({ code: 2, stdout: '' });
    }
  });
});

describe('inputs --changed-since a document', () => {
  const document = (more: object = {}) => ({
    group: { default: { targets: ['a', 'b', 'c'] } },
    target: {
      a: { 'dockerfile-inline': 'FROM scratch\nCOPY a /' },
      b: { 'dockerfile-inline': 'FROM lib\nCOPY b /', contexts: { lib: 'target:lib' } },
      lib: { 'dockerfile-inline': 'FROM scratch\nCOPY l /' },
      c: { 'dockerfile-inline': 'FROM scratch\nLABEL c=1', ...more },
    },
  });

  it('lists the targets whose key is not there, but not what others are built from (D1)', async () => {
    const cwd = projectOf({ 'b.json': JSON.stringify(document()), a: '', b: '', l: '' });
    const saved = await ctxsrc(['inputs', '--json', '--from', 'b.json'], { cwd });
    const first = await ctxsrc(['inputs', '--from', 'b.json', '--changed-since', 'saved.json'], { cwd });
    expect(first).toMatchObject({
      code: 0,
      stdout: '["a","b","c"]\n',
      stderr: expect.stringContaining('saved.json is not there'),
    });
    writeFileSync(join(cwd, 'saved.json'), saved.stdout);
    expect(await changed(cwd, 'b.json', '--changed-since', 'saved.json')).toEqual([]);
    put(cwd, 'l', 'changed');
    expect(await changed(cwd, 'b.json', '--changed-since', 'saved.json')).toEqual(['b']);
    put(cwd, 'b.json', JSON.stringify(document({ 'no-cache': true })));
    expect(await changed(cwd, 'b.json', '--changed-since', 'saved.json')).toEqual(['b', 'c']);
    expect(await changed(cwd, 'b.json', 'a', '--changed-since', 'saved.json')).toEqual([]);
  });

  it('lists what is built from a target without a cache, however far below it that is', async () => {
    const built = {
      group: { default: { targets: ['top', 'other'] } },
      target: {
        top: { 'dockerfile-inline': 'FROM mid', contexts: { mid: 'target:mid' } },
        mid: { 'dockerfile-inline': 'FROM base', contexts: { base: 'target:base' } },
        base: { 'dockerfile-inline': 'FROM scratch\nLABEL b=1', 'no-cache': true },
        other: { 'dockerfile-inline': 'FROM scratch\nLABEL o=1' },
      },
    };
    const cwd = projectOf({ 'b.json': JSON.stringify(built) });
    const saved = await ctxsrc(['inputs', '--json', '--from', 'b.json'], { cwd });
    put(cwd, 'saved.json', saved.stdout);
    expect(await changed(cwd, 'b.json', '--changed-since', 'saved.json')).toEqual(['top']);
    const lines = saved.stdout.match(/sha256:[0-9a-f]{64}/g)!;
    put(cwd, 'keys', `${lines.join('\n')}\n`);
    const known = ['key', '--build', '--from', 'b.json', '--known-file', 'keys', '--exit-code'];
    expect(await ctxsrc([...known, 'top'], { cwd })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('note: changed: the target is built without a cache\n'),
    });
    expect(await ctxsrc([...known, 'other'], { cwd })).toMatchObject({ code: 0 });
    expect(await ctxsrc(['key', '--build', '--from', 'b.json', 'top'], { cwd })).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('changed'),
    });
  });

  it('gives a step of GitHub Actions the list for its matrix, and people a table', async () => {
    const cwd = projectOf({
      'b.json': JSON.stringify(document()),
      a: '',
      b: '',
      l: '',
      out: '',
      summary: '',
      'x.json': '{"targets":[]}',
    });
    const env = { GITHUB_OUTPUT: join(cwd, 'out'), GITHUB_STEP_SUMMARY: join(cwd, 'summary'), GITHUB_ACTIONS: 'true' };
    await ctxsrc(['inputs', '--from', 'b.json', '--changed-since', 'x.json', '--github-output'], { cwd, env });
    expect(readGithubOutput(readFileSync(join(cwd, 'out'), 'utf8'))).toEqual({ targets: '["a","b","c"]' });
    expect(readFileSync(join(cwd, 'summary'), 'utf8')).toMatch(
      /^\n### ctxsrc inputs: 3 of 3 targets changed\n\n\| target \| key \|\n\| --- \| --- \|\n\| `a` \| `[0-9a-f]{8}` \|\n/,
    );
  });

  it('refuses a file that is no such document', async () => {
    const cwd = projectOf({ 'b.json': JSON.stringify(document()), a: '', b: '', l: '' });
    appendFileSync(join(cwd, 'list'), 'sha256:1\n');
    const result = await ctxsrc(['inputs', '--from', 'b.json', '--changed-since', 'list'], { cwd });
    expect(result).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('is none of ctxsrc inputs --json'),
    });
    const tagged = await ctxsrc(['inputs', '--from', 'b.json', '--changed-since', 'docker-image://a:1'], { cwd });
    expect(tagged).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--changed-since docker-image://HOST'),
    });
  });
});
