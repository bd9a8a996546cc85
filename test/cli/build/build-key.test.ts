/** `ctxsrc key --build` and `ctxsrc inputs`, run as a person and a pipeline run them. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/core/digest.ts';
import { type CliOptions, type CliResult, ctxsrc } from '../../support/cli.ts';
import { readGithubOutput } from '../../support/github-output.ts';
import { tempDir } from '../../support/temp.ts';

const KEY = /^sha256:[0-9a-f]{64}\n$/;
const dir = tempDir('build');
/** Everything that a build needs without a network. */
const DOCKERFILE = `FROM scratch AS base
ARG VERSION
COPY src/ /app/
FROM base AS release
LABEL version=$VERSION
COPY --chmod=755 run.sh /
`;

beforeAll(() => {
  for (const name of ['app', 'app/src', 'app/docs', 'docs']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'app', 'Dockerfile'), DOCKERFILE);
  for (const name of ['src/main.c', 'src/main.h', 'run.sh', 'docs/page.md']) {
    writeFileSync(join(dir, 'app', name), `content of ${name}\n`, { mode: 0o644 });
  }
});

function run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return ctxsrc(args, { cwd: dir, ...options });
}

async function keyOf(...args: string[]): Promise<string> {
  const result = await run(['key', '--build', ...args]);
  expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(KEY) });
  return result.stdout.trim();
}

describe('key --build', () => {
  it('prints one key, which is the hash of the document that -v shows', async () => {
    const plain = await run(['key', '--build', 'app']);
    expect(plain).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(KEY) });
    const json = await run(['key', '--build', '--json', '-v', 'app']);
    const { key, document } = JSON.parse(json.stdout) as { key: string; document: string };
    expect(`${key}\n`).toBe(plain.stdout);
    expect(sha256(document)).toBe(key);
    const told = await run(['key', '--build', '-v', 'app']);
    expect(told.stdout).toBe(plain.stdout);
    expect(told.stderr).toContain(document);
    expect(await keyOf('--safe', 'app').catch(() => 'not a digest')).toBe('not a digest');
    expect((await run(['key', '--build', '--safe', 'app'])).stdout).toBe(plain.stdout.replace(':', '-'));
  });

  it('is the same in every clone, and from standard input, and for the current directory (D6)', async () => {
    const key = await keyOf('app');
    cpSync(join(dir, 'app'), join(dir, 'clone'), { recursive: true });
    expect(await keyOf('clone')).toBe(key);
    expect((await run(['key', '--build'], { cwd: join(dir, 'app') })).stdout.trim()).toBe(key);
    const piped = await run(['key', '--build', '-f', '-', 'app'], { stdin: DOCKERFILE });
    expect(piped.stdout.trim()).toBe(key);
  });

  it('changes with what reaches the build, and with nothing else', async () => {
    const key = await keyOf('app');
    const same = [
      ['--build-arg', 'UNDECLARED=1'],
      ['--target', 'RELEASE'],
      ['-f', ''],
      ['--network', 'default'],
      ['--build-context', 'unused=./docs'],
      ['-t', 'app:1', '--push', '--pull=true', '--no-cache=false', '--secret', 'id=x,src=y', '--cache-from', 'a/b'],
    ];
    for (const args of same) expect([args, await keyOf(...args, 'app')]).toEqual([args, key]);
    const others = await Promise.all(
      [
        ['--build-arg', 'VERSION=1'],
        ['--target', 'base'],
        ['--label', 'a=b'],
        ['--platform', 'linux/s390x'],
        ['--platform', 'linux/s390x,linux/arm64'],
        ['--with', 'rebuild=2'],
        ['--with', 'rebuild=3'],
      ].map((args) => keyOf(...args, 'app')),
    );
    expect(new Set([key, ...others]).size).toBe(others.length + 1);
  });

  it('names what was taken and changes nothing in one note', async () => {
    const { stderr } = await run(['key', '--build', '-t', 'a', '--tag=b', '--push', '-o', 'type=local,dest=x', 'app']);
    expect(stderr).toBe('note: --push, --tag, --output: taken, and without effect on a key\n');
    expect((await run(['key', '--build', '--quiet', '-t', 'a', 'app'])).stderr).toBe('');
  });

  it.each([
    [['--no-cache', 'app'], 2],
    [['--no-cache-filter', 'base', 'app'], 2],
    [['--exit-code', 'app'], 2],
    [['--known', 'app', 'app'], 2],
    [['--known', 'docker-image://a', '--known-file', 'b', 'app'], 2],
    [['--with', 'a', 'app'], 2],
    [['--exclude', 'a', 'app'], 2],
    [['app', 'app'], 2],
    [['nowhere'], 3],
    [['docs'], 3],
    [['--target', 'nowhere', 'app'], 2],
  ])('refuses %j with exit %i, and prints no key', async (args, code) => {
    const result = await run(['key', '--build', ...args]);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(/^ctxsrc: [^\n]+\nhint: [^\n]+\n$/);
  });

  it('--strict refuses what leaves the decision open', async () => {
    const env = { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: 'policy.json' };
    const told = await run(['key', '--build', 'app'], { env });
    expect(told).toMatchObject({ code: 0, stderr: expect.stringMatching(/^warning: .*SOURCE_POLICY/) });
    expect(await run(['key', '--build', '--strict', 'app'], { env })).toMatchObject({ code: 8, stdout: '' });
  });
});

describe('what remembers keys', () => {
  it('--known-file: a list that CI kept (D1, D3)', async () => {
    const key = await keyOf('app');
    const list = join(dir, 'keys');
    const ask = (...args: string[]) => run(['key', '--build', '--known-file', 'keys', ...args, 'app']);
    expect(await ask('--exit-code')).toMatchObject({
      code: 6,
      stdout: `${key}\n`,
      stderr: 'note: changed: keys is not there\n',
    });
    writeFileSync(list, 'sha256:aa\n');
    expect(await ask()).toMatchObject({
      code: 0,
      stdout: `${key}\n`,
      stderr: 'note: changed: keys does not list it\n',
    });
    expect(await ask('--exit-code')).toMatchObject({ code: 6, stdout: `${key}\n` });
    writeFileSync(list, `${key}\n`);
    expect(await ask('--exit-code')).toMatchObject({
      code: 0,
      stdout: `${key}\n`,
      stderr: 'note: known: keys lists it\n',
    });
    expect(JSON.parse((await ask('--json')).stdout)).toMatchObject({ key, known: true });
  });

  it('--github-output adds key= and known=', async () => {
    const file = join(dir, 'output');
    const outputs = async (...args: string[]) => {
      writeFileSync(file, '');
      await run(['key', '--build', '--github-output', ...args, 'app'], { env: { GITHUB_OUTPUT: file } });
      return readGithubOutput(readFileSync(file, 'utf8'));
    };
    const key = await keyOf('app');
    expect(await outputs()).toEqual({ key });
    writeFileSync(join(dir, 'none'), '');
    expect(await outputs('--known-file', 'none')).toEqual({ key, known: 'false' });
    writeFileSync(join(dir, 'all'), key);
    expect(await outputs('--safe', '--known-file', 'all')).toEqual({ key: key.replace(':', '-'), known: 'true' });
  });
});

describe('--save', () => {
  it('keeps the document and its details, without a value or an absolute path', async () => {
    const args = ['--build-arg', 'VERSION=hunter2', '--label', 'l=hunter3', '--with', 's=hunter4'];
    const key = await keyOf('--save', 'saved.json', ...args, join(dir, 'app'));
    const text = readFileSync(join(dir, 'saved.json'), 'utf8');
    const { document, detail } = JSON.parse(text) as { document: string; detail: { paths: { path: string }[] } };
    expect(sha256(document)).toBe(key);
    expect(detail.paths.map(({ path }) => path).sort()).toEqual(
      expect.arrayContaining(['run.sh', 'src/main.c', 'src/main.h']),
    );
    expect(text).not.toMatch(/hunter/);
    expect(text).not.toContain(dir);
    expect(readdirSync(dir).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('into a directory that is not there is an error, and no key is printed', async () => {
    const result = await run(['key', '--build', '--save', 'nowhere/saved.json', 'app']);
    expect(result).toMatchObject({ code: 74, stdout: '', stderr: expect.stringContaining('nowhere/saved.json') });
    expect(existsSync(join(dir, 'nowhere'))).toBe(false);
  });
});

describe('inputs', () => {
  it('shows a person where each source stands, and what is taken of the context', async () => {
    const { code, stdout, stderr } = await run(['inputs', 'app']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^app\/Dockerfile {2}target release {2}linux\/\w+\nkey {2}sha256:[0-9a-f]{64}\n/);
    expect(stdout).toMatch(/^PLACE +REFERENCE +DIGEST +KEY$/m);
    expect(stdout).toMatch(/^:3 COPY, :6 COPY +local:\/\/\S+ /m);
    expect(stdout).toMatch(/^ {2}\/run\.sh {2}\/src {2}\(3 files, \d+ B\)$/m);
  });

  it('--json is the document of the contract', async () => {
    const document = JSON.parse((await run(['inputs', '--json', 'app'])).stdout) as Record<string, unknown>;
    expect(document).toMatchObject({
      schema: 'ctxsrc/v1',
      file: 'app/Dockerfile',
      target: 'release',
      platforms: [expect.stringMatching(/^linux\//)],
      key: await keyOf('app'),
      frontend: null,
      unkeyed: [],
    });
    expect(document.inputs).toEqual([
      expect.objectContaining({
        kind: 'local',
        name: 'context',
        paths: ['/run.sh', '/src'],
        at: [
          { file: 'app/Dockerfile', line: 3, instruction: 'COPY' },
          { file: 'app/Dockerfile', line: 6, instruction: 'COPY' },
        ],
      }),
    ]);
  });

  it('names a context of its own, and what no key can hold (D9)', async () => {
    writeFileSync(
      join(dir, 'other.Dockerfile'),
      'FROM scratch\nCOPY --from=docs . /docs\nRUN --mount=type=secret,id=npmrc --mount=type=cache,target=/c true\n',
    );
    const args = ['-f', 'other.Dockerfile', '--build-context', 'docs=app/docs', 'app'];
    const { stdout } = await run(['inputs', ...args]);
    expect(stdout).toMatch(/^of docs, no ignore file\n {2}everything +\(1 file, \d+ B\)$/m);
    expect(stdout).toMatch(/^what no key can hold\n(?: {2}.*\n)* {2}secret +npmrc +:3 RUN$/m);
    const { unkeyed } = JSON.parse((await run(['inputs', '--json', ...args])).stdout) as {
      unkeyed: { kind: string }[];
    };
    expect(unkeyed.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['secret', 'cache', 'network']));
  });

  it('warns of what makes a key worthless, by line and rule, until the file silences it (A1)', async () => {
    const stdin = 'FROM scratch\nCOPY . /app\nLABEL org.opencontainers.image.created=now\n';
    const warnings = async (text: string) =>
      (await run(['inputs', '-f', '-', '--build-arg', 'NOBODY=1', 'app'], { stdin: text })).stderr;
    expect((await warnings(stdin)).trim().split('\n')).toEqual([
      expect.stringMatching(/^warning: Dockerfile: UndeclaredBuildArg: .*NOBODY/),
      expect.stringMatching(/^warning: Dockerfile:2: ContextWithoutIgnoreFile: /),
      expect.stringMatching(/^warning: Dockerfile:3: LabelWithTime: /),
    ]);
    expect(await warnings(`# check=skip=all\n${stdin}`)).toBe('');
    const key = await run(['key', '--build', '-f', '-', '--build-arg', 'NOBODY=1', 'app'], { stdin });
    expect(key.stderr).toMatch(/^note: Dockerfile: UndeclaredBuildArg: [^\n]*NOBODY\n$/);
  });

  it('--names prints the references, each once', async () => {
    expect(await run(['inputs', '--names', 'app'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^local:\/\/\S+\n$/),
    });
  });

  it('makes hostile names harmless', async () => {
    const hostile = 'a\u001b]0;b\n::error::x';
    writeFileSync(join(dir, 'app', hostile), '');
    const stdin = `FROM scratch\nCOPY ${JSON.stringify([hostile, '/'])}\n`;
    for (const args of [['inputs'], ['inputs', '--json'], ['inputs', '--names'], ['key', '--build', '-vv']]) {
      const { code, stdout, stderr } = await run([...args, '-f', '-', 'app'], { stdin });
      expect(code, stderr).toBe(0);
      expect(stdout + stderr).not.toContain('\u001b');
      expect(stdout + stderr).not.toMatch(/^::/m);
    }
  });
});
