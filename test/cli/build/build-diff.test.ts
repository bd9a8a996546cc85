/** `ctxsrc diff` of builds, run as a person and a pipeline run it. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CliOptions, type CliResult, ctxsrc } from '../../support/cli.ts';
import { tempDir } from '../../support/temp.ts';

const dir = tempDir('build-diff');
const DOCKERFILE =
  'FROM scratch AS base\nARG VERSION\nCOPY src /src\nLABEL version=$VERSION\nFROM lib\nCOPY --from=base / /\n';
const FLAGS = ['--build-arg', 'VERSION=hunter2', '--build-context', 'lib=lib'];

function run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return ctxsrc(args, { cwd: dir, ...options });
}

function write(path: string, text: string): void {
  writeFileSync(join(dir, path), text);
  chmodSync(join(dir, path), 0o644);
}

beforeAll(async () => {
  for (const name of ['app', 'app/src', 'lib']) mkdirSync(join(dir, name));
  write('app/Dockerfile', DOCKERFILE);
  write('app/src/main.go', 'main\n');
  write('lib/f', 'f\n');
  expect(await run(['key', '--build', '--save', 'saved.json', ...FLAGS, 'app'])).toMatchObject({ code: 0 });
});

describe('diff of builds', () => {
  it('says the same, or why not, a line for each difference (D5)', async () => {
    expect(await run(['diff', ...FLAGS, 'saved.json', 'app'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: 'the same: nothing that the build reaches differs\n',
    });
    write('app/src/main.go', 'other\n');
    write('app/src/\u001b[31mevil\n', '');
    const lines = ['~ src/main.go, other content', '+ src/\\x1b[31mevil\\x0a'];
    const steps = '2 of 2 steps run anew, first app/Dockerfile:3 COPY\n';
    const found = await run(['diff', '--exit-code', 'saved.json', 'app', ...FLAGS]);
    expect(found).toMatchObject({ code: 6, stderr: '' });
    expect(found.stdout.split('\n').slice(1)).toEqual([...lines, ...steps.split('\n')]);
    const quiet = await run(['diff', '--quiet', 'saved.json', 'app', ...FLAGS]);
    expect(quiet).toMatchObject({ code: 0, stdout: `${found.stdout.split('\n')[0]}\n` });
    const back = await run(['diff', 'app', 'saved.json', ...FLAGS]);
    expect(back.stdout).toContain('\n- src/\\x1b');
    const json = await run(['diff', '--json', 'saved.json', 'app', ...FLAGS]);
    expect(json.stdout).not.toContain('\u001b');
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 'ctxsrc/v1',
      a: { name: 'saved.json', key: expect.stringMatching(/^sha256:/) },
      b: { name: 'app' },
      same: false,
      sentence: expect.stringContaining('src/main.go'),
      differences: [{ mark: '~', kind: 'file', subject: 'src/main.go', what: 'other content' }, { mark: '+' }],
      rebuilt: { steps: 2, of: 2, first: 'app/Dockerfile:3 COPY' },
    });
  });

  it('tells a build that is the same from an image that is gone (D5)', async () => {
    write('app/src/main.go', 'main\n');
    const save = ['key', '--build', '--save', 'now.json', '--known-file', 'no-keys', '--exit-code', ...FLAGS, 'app'];
    expect(await run(save)).toMatchObject({ code: 6, stderr: 'note: changed: no-keys is not there\n' });
    const same = { code: 0, stdout: 'the same: nothing that the build reaches differs\n' };
    expect(await run(['diff', '--exit-code', ...FLAGS, 'now.json', 'app'])).toMatchObject(same);
    expect(readFileSync(join(dir, 'now.json'), 'utf8')).not.toContain('hunter2');
  });

  it('names the flags that the saved build was given and this one was not', async () => {
    const context = ['--build-context', 'lib=lib'];
    const argument = await run(['diff', 'saved.json', 'app', ...context]);
    expect(argument.stdout).toContain('- --build-arg VERSION, which is not given any more');
    expect(argument.stderr).toBe('note: the saved build was given --build-arg VERSION: this flag is missing here\n');
    const missing = await run(['diff', '--offline', 'saved.json', 'app', '--build-arg', 'VERSION=hunter2']);
    expect(missing).toMatchObject({ code: 3, stdout: '' });
    expect(missing.stderr).toContain('hint: the saved build was given --build-context lib: give the same flags');
  });

  it('compares two files, formatted by whomever, or two directories', async () => {
    const { document, detail } = JSON.parse(readFileSync(join(dir, 'saved.json'), 'utf8')) as Record<string, unknown>;
    write('pretty.json', JSON.stringify({ detail, document, schema: 'ctxsrc/v1' }, undefined, 2));
    const same = expect.stringMatching(/^the same:/);
    expect(await run(['diff', 'saved.json', 'pretty.json'])).toMatchObject({ code: 0, stdout: same });
    expect(await run(['diff', '--build', ...FLAGS, 'app', 'app'])).toMatchObject({ code: 0, stdout: same });
    const piped = { stdin: readFileSync(join(dir, 'saved.json')) };
    expect(await run(['diff', 'saved.json', '-'], piped)).toMatchObject({ code: 0, stdout: same });
    const flags = await run(['diff', 'saved.json', 'pretty.json', ...FLAGS]);
    expect(flags).toMatchObject({ code: 2, stderr: expect.stringContaining('mean nothing for two files') });
  });

  it('compares a target of a bake file, with the targets that it is built from', async () => {
    const bake = { target: { b: { context: 'lib' }, d: { context: 'app', contexts: { base: 'target:b' } } } };
    write('bake.json', JSON.stringify(bake));
    write('lib/Dockerfile', 'FROM scratch\nCOPY f /\n');
    write('app/Dockerfile', 'FROM base\nLABEL a=b\n');
    const from = ['--from', 'bake.json'];
    expect(await run(['key', '--build', '--save', 'target.json', ...from, 'd'])).toMatchObject({ code: 0 });
    write('lib/f', 'other\n');
    const found = await run(['diff', ...from, 'target.json', 'd']);
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('\n~ target b: f, other content\n') });
    expect(await run(['diff', ...from, 'target.json', 'target.json'])).toMatchObject({ code: 2, stdout: '' });
  });

  it('refuses a damaged file, another one, and a source', async () => {
    write('cut.json', readFileSync(join(dir, 'saved.json'), 'utf8').slice(0, -30));
    expect(await run(['diff', 'cut.json', 'app'])).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining('cut.json is damaged'),
    });
    write('other.json', '{"schema":"ctxsrc/v1","inputs":[]}');
    for (const args of [
      ['other.json', 'app'],
      ['--build', 'other.json', 'app'],
    ]) {
      expect(await run(['diff', ...args])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('other.json was not kept by ctxsrc key --build --save'),
      });
    }
    expect(await run(['diff', 'saved.json', 'docker-image://alpine'])).toMatchObject({ code: 2, stdout: '' });
    expect(await run(['diff', 'saved.json', 'nowhere'])).toMatchObject({ code: 3, stdout: '' });
  });
});
