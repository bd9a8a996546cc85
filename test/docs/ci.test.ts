import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/cli.ts';
import { codeBlocks, Terminal } from './pages.ts';

const blocks = codeBlocks('docs/ci.md').filter(({ language }) => language === 'sh');

/** The snippet of the page whose first line is `# NAME`. */
function snippet(name: string): string {
  const block = blocks.find(({ text }) => text.startsWith(`# ${name}\n`));
  if (block === undefined) throw new Error(`docs/ci.md has no snippet ${name}`);
  return `set -eu\n${block.text}`;
}

/** A checkout with a Dockerfile, an image that stands for a base image, and a docker that writes down what it was asked. */
function checkout(): Terminal {
  const terminal = new Terminal({
    BASE_IMAGE: 'oci-layout://fixtures/layouts/hello:latest',
    GITHUB_OUTPUT: 'github-output.txt',
  });
  terminal.addProgram('docker', '#!/bin/sh\necho "docker $*" >> docker.log\n');
  writeFileSync(join(terminal.cwd, 'Dockerfile'), 'FROM base\nCOPY . /app\n');
  writeFileSync(join(terminal.cwd, '.dockerignore'), 'built\n*.log\n*.txt\nrootfs*\nctxsrc.lock\n.git\nbuild.env\n');
  expect(terminal.run('git init -q .').code).toBe(0);
  return terminal;
}

const dockerLog = (terminal: Terminal) => readFileSync(join(terminal.cwd, 'docker.log'), 'utf8');

describe('the shell snippets of docs/ci.md', () => {
  it('are all run by a test', () => {
    expect(blocks.map(({ text }) => text.split('\n')[0])).toEqual([
      '# skip-build',
      '# github-output',
      '# dotenv',
      '# cache-snapshot',
      '# pin',
      '# drift',
    ]);
  });

  it('skip-build builds once, and again when something changes', () => {
    const terminal = checkout();
    expect(terminal.run(snippet('skip-build'))).toEqual({ code: 0, output: '' });
    expect(terminal.run(snippet('skip-build')).output).toMatch(/^nothing changed: sha256-[0-9a-f]{64}\n$/);
    expect(dockerLog(terminal)).toBe('docker buildx build --target release .\n');
    appendFileSync(join(terminal.cwd, 'Dockerfile'), 'ENV A=1\n');
    expect(terminal.run(snippet('skip-build'))).toEqual({ code: 0, output: '' });
    expect(dockerLog(terminal).split('\n')).toHaveLength(3);
  });

  it('github-output appends the key', () => {
    const terminal = checkout();
    const { code, output } = terminal.run(snippet('github-output'));
    const [printed, appended] = output.split('\n');
    expect(code).toBe(0);
    expect(printed).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(appended).toBe(`key=${printed}`);
  });

  it('dotenv', () => {
    expect(checkout().run(snippet('dotenv'))).toEqual({ code: 0, output: '' });
  });

  it('cache-snapshot writes, verifies, and mends what a cache broke', () => {
    const terminal = checkout();
    expect(terminal.run(snippet('cache-snapshot')).code).toBe(0);
    appendFileSync(join(terminal.cwd, 'rootfs', 'etc', 'motd'), 'x');
    expect(terminal.run('ctxsrc verify ./rootfs').code).toBe(5);
    const last = snippet('cache-snapshot').trim().split('\n').at(-1)!;
    expect(terminal.run(last).code).toBe(0);
    expect(terminal.run('ctxsrc verify ./rootfs').code).toBe(0);
  });

  it('pin locks and hands the pinned contexts to buildx; drift finds what moved', () => {
    const terminal = checkout();
    expect(terminal.run(snippet('pin')).code).toBe(0);
    expect(dockerLog(terminal)).toMatch(
      /^docker buildx build --build-context base=oci-layout:\/\/\S+@sha256:[0-9a-f]{64} \.\n$/,
    );
    expect(terminal.run(snippet('drift'))).toEqual({ code: 0, output: expect.stringContaining('nothing has moved') });
    const path = join(terminal.cwd, 'ctxsrc.lock');
    const text = readFileSync(path, 'utf8');
    const digest = /"digest": "sha256:([0-9a-f]{64})"/.exec(text)![1]!;
    writeFileSync(path, text.replaceAll(digest, `00${digest.slice(2)}`));
    const moved = terminal.run(snippet('drift'));
    expect(moved.code).toBe(6);
    expect(moved.output).toContain('base digest sha256:00');
  });
});

describe('the composite action', () => {
  it('splits its inputs into words and evaluates none', () => {
    const terminal = checkout();
    terminal.addProgram('npx', '#!/bin/sh\nprintf "%s\\n" "$@" > npx.log\n');
    const yaml = readFileSync(join(packageRoot, 'action.yml'), 'utf8');
    const script = yaml.slice(yaml.indexOf('run: |') + 'run: |'.length).replace(/^ {8}/gm, '');
    const env = `CTXSRC_ACTION_REFERENCES='. base=docker-image://x' CTXSRC_ACTION_COMBINED=true CTXSRC_ACTION_ARGS='--with A=$(touch evil)' CTXSRC_ACTION_VERSION=1`;
    const ran = terminal.run(`export ${env}\n${script}`);
    expect(ran).toEqual({ code: 0, output: '' });
    expect(readFileSync(join(terminal.cwd, 'npx.log'), 'utf8').trim().split('\n')).toEqual([
      '--yes',
      'ctxsrc@1',
      'key',
      '--safe',
      '--github-output',
      '--with',
      'A=$(touch',
      'evil)',
      '--combined',
      '--',
      '.',
      'base=docker-image://x',
    ]);
    expect(terminal.run('ls evil').code).not.toBe(0);
  });
});
