/** What is appended to `$GITHUB_OUTPUT`, read as the runner of GitHub Actions reads it. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outputLines } from '../../src/cli/ci/github-output.ts';
import { cliHome, ctxsrc, packageRoot } from '../support/cli.ts';
import { readGithubOutput } from '../support/github-output.ts';
import { tempDir } from '../support/temp.ts';

describe('outputs of a step', () => {
  it.each([
    ['key', 'sha256:aa'],
    ['pinned', 'oci-layout://./a\nkey=evil@sha256:aa'],
    ['pinned', 'a\r\nkey<<b\nc\nb'],
    ['pinned', 'a<<b=c'],
    ['key-alpine:3.20', 'x'],
    ['key', ''],
  ])('%j: %j comes back as itself, and nothing else does', (name, value) => {
    expect(readGithubOutput(outputLines(name, value))).toEqual({ [name]: value });
  });

  it('hides the end of a value of several lines', () => {
    const [first, second] = [outputLines('a', 'b\nc'), outputLines('a', 'b\nc')];
    expect(first).not.toBe(second);
  });

  it.each(['key-a<<b', 'key-a\nb', 'a=b', 'key-\u001b[2J'])('refuses the name %j', (name) => {
    expect(() => outputLines(name, 'x')).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});

describe('--github-output', () => {
  const dir = tempDir('github');
  mkdirSync(join(dir, 'app'));
  cpSync(join(packageRoot, 'fixtures', 'layouts', 'hello'), join(dir, 'x\nkey=evil'), { recursive: true });
  const file = join(dir, 'output');

  it('of a path with a line break in it adds the outputs that it should, and no other', async () => {
    writeFileSync(file, '');
    const result = await ctxsrc(['key', '--github-output', 'oci-layout://./x\nkey=evil:latest'], {
      cwd: dir,
      env: { GITHUB_OUTPUT: file },
    });
    expect(result.code, result.stderr).toBe(0);
    const outputs = readGithubOutput(readFileSync(file, 'utf8'));
    expect(outputs).toEqual({
      key: result.stdout.trim(),
      digest: expect.stringMatching(/^sha256:/),
      pinned: expect.stringMatching(/^oci-layout:\/\/\.\/x\nkey=evil:latest@sha256:[0-9a-f]{64}$/),
      json: expect.any(String),
    });
    const { key, digest, pinned, json } = outputs;
    expect(JSON.parse(json!)).toEqual([{ ref: 'oci-layout://./x\nkey=evil:latest', key, digest, pinned }]);
  });

  it.each([
    ['a name that would end its line early', ['a<<b=./app', './app'], 'output', 2],
    ['two references of one name', ['a=./app', 'a=./app'], 'output', 2],
    ['a folder that is not there', ['./app'], 'nowhere/output', 74],
    ['a folder in the place of the file', ['./app'], 'app', 74],
  ])('%s is an error of one line, and no answer is printed', async (_, references, place, code) => {
    writeFileSync(file, '');
    const result = await ctxsrc(['key', '--github-output', ...references], {
      cwd: dir,
      env: { GITHUB_OUTPUT: join(dir, place) },
    });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(/^ctxsrc: [^\n]*\nhint: [^\n]*\n$/);
    // The path once, and in no words of Node.
    expect(result.stderr).not.toMatch(/E[A-Z]{4,}|, open/);
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  // Each command by its first words; none of them may have begun when the outputs cannot be written.
  it.each([
    ['push', ['layout', 'oci-layout://./made:latest']],
    ['pull', ['layout']],
    ['snapshot', ['layout', './made']],
    ['digest', ['layout']],
    ['key', ['layout']],
    ['key', ['--combined', 'layout']],
    ['key', ['--build', '--save', 'made', './app']],
    ['inputs', ['--from', 'bake.json', '--changed-since', 'none.json']],
  ])('%s %j does nothing where the outputs cannot be written', async (command, args) => {
    const layout = `oci-layout://${join(packageRoot, 'fixtures', 'layouts', 'hello')}`;
    const home = cliHome();
    for (const [place, code] of [
      [undefined, 2],
      [join(dir, 'nowhere', 'output'), 74],
      [dir, 74],
    ] as const) {
      const given = args.map((arg) => (arg === 'layout' ? layout : arg));
      const result = await ctxsrc([command, '--github-output', ...given], {
        cwd: dir,
        home,
        env: { GITHUB_OUTPUT: place },
      });
      expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining('GITHUB_OUTPUT') });
      expect(existsSync(join(dir, 'made'))).toBe(false);
      expect(existsSync(join(home, 'cache', 'ctxsrc'))).toBe(false);
    }
  });
});
