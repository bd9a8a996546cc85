/** Images whose settings, history and files want to be more than text. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

let base: string;

/** Writes an image of one file with these members of its configuration. @returns its reference */
function image(name: string, members: object, content = 'x'): string {
  const layout = new LayoutBuilder();
  const layer = layout.layer(tar([{ name: 'file', content }]));
  const rootfs = { type: 'layers', diff_ids: [layer.diffId] };
  const configBytes = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs, ...members });
  layout.tag(layout.image({ layers: [layer], configBytes }), 'latest').write(join(base, name));
  return `oci-layout://${join(base, name)}`;
}

beforeAll(() => {
  base = tempDir('hostile-settings');
});

it('are no commands of a workflow, wherever a runner ends a line', async () => {
  const env = { GITHUB_ACTIONS: 'true' };
  const plain = image('plain', { config: { Env: ['A=1'] } }, 'one\n');
  const config = { '::error::member': 'x', Env: ['A=##[error]oops'], Labels: { '##[error]x': '::error::y' } };
  const hostile = image('hostile', { config }, 'one\rtwo\r::error::pwned\n##[error]z\n');
  for (const flags of [[], ['--patch'], ['--markdown'], ['--quiet']]) {
    const { stdout, code } = await ctxsrc(['diff', plain, hostile, ...flags], { env });
    expect([code, stdout.length > 0]).toEqual([0, true]);
    expect(stdout.split(/[\r\n]/).filter((line) => /^\s*::|##\[/.test(line))).toEqual([]);
  }
});

it('take no time, however long a step of the history is', { timeout: 60_000 }, async () => {
  const history = [
    { created_by: `${' '.repeat(1_000_000)}x` },
    { created_by: '/bin/sh -c #(nop) '.repeat(50_000), empty_layer: true },
  ];
  const { code, stderr, ms } = await ctxsrc(['inspect', image('history', { history })]);
  expect(code, stderr).toBe(0);
  expect(ms).toBeLessThan(20_000);
});

it('tell no secret, by their name or within an address', async () => {
  const settings = (secret: string) => ({
    config: {
      Env: [`DB_PWD=${secret}`, `RABBITMQ_DEFAULT_PASS=${secret}`, `DATABASE_URL=postgres://u:${secret}@h/db`],
      Labels: { src: `see https://bob:${secret}@h/x` },
      Cmd: ['fetch', `https://h/x?X-Amz-Signature=${secret}`],
    },
  });
  const sides = [image('one', settings('hunter2')), image('two', settings('swordfish'))];
  for (const flags of [[], ['--json'], ['--markdown']]) {
    const { stdout, code } = await ctxsrc(['diff', ...sides, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toContain('DB_PWD');
    expect(stdout).not.toMatch(/hunter2|swordfish/);
  }
});

it('leave documents for programs as they are', async () => {
  const cwd = tempDir('hostile-lock');
  mkdirSync(join(cwd, '##[g'));
  writeFileSync(join(cwd, '##[g/file'), 'x');
  expect(await ctxsrc(['lock', 'x=./##[g'], { cwd })).toMatchObject({ code: 0 });
  const { stdout, stderr } = await ctxsrc(['lock', '--format', 'bake'], { cwd, env: { GITHUB_ACTIONS: 'true' } });
  expect(JSON.stringify(JSON.parse(stdout)), stderr).toContain('./##[g');
});
