/** An address with a password or a signature, typed where none belongs: what is said of it shows neither. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const SIGNED = 'https://bob:hunter2@127.0.0.1:1/f?version=7&X-Amz-Signature=hunter2';
const SHOWN = 'https://***@127.0.0.1:1/f?version=7&X-Amz-Signature=***';
/** No other address than that of a download is signed. */
const NAMED = 'https://bob:hunter2@127.0.0.1:1/f';
let cwd: string;

beforeAll(() => {
  cwd = join(tempDir('typed'), 'project');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(cwd, 'docker-bake.json'), '{"target": {"a": {"dockerfile-inline": "FROM scratch"}}}');
});

it.each([
  { args: [SIGNED] },
  { args: ['key', '--build', `--known=${SIGNED}`] },
  { args: ['key', '--build', '--known-file', SIGNED], fails: false },
  {
    args: ['key', '--build', '--with', SIGNED.slice(0, SIGNED.indexOf('=')), '.'],
    shown: 'https://***@127.0.0.1:1/f?version',
  },
  { args: ['key', '--build', '--shm-size', SIGNED, '.'] },
  { args: ['key', '--build', '-f', NAMED.replace('https', 'ftp'), '.'], shown: 'ftp://***@127.0.0.1:1/f' },
  { args: ['inputs', '--from', SIGNED] },
  { args: ['inputs', '--from', 'docker-bake.json', SIGNED] },
  { args: ['inputs', '--from', 'docker-bake.json', '--changed-since', SIGNED] },
  { args: ['diff', '--build', NAMED.replace('https', 'oci-layout'), '.'], shown: 'oci-layout://***@127.0.0.1:1/f' },
  { args: ['key', '--retry', SIGNED, '.'] },
  { args: ['key', '--plain-http', SIGNED, '.'] },
  { args: ['lock', SIGNED] },
  { args: ['lock', '--from', SIGNED] },
])('$args', async ({ args, fails = true, shown = SHOWN }) => {
  const result = await ctxsrc(args, { cwd });
  expect(result.stderr + result.stdout).not.toContain('hunter2');
  expect(result.stderr).toContain(shown);
  expect(result.code !== 0).toBe(fails);
});
