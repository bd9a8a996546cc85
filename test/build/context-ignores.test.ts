import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { contextIgnores } from '../../src/build/context-ignores.ts';
import { fakeJob } from '../support/fake-ref.ts';
import { tempDir } from '../support/temp.ts';

let dir: string;
let context: string;

beforeEach(() => {
  dir = tempDir('ignores');
  context = join(dir, 'app');
  mkdirSync(context);
  writeFileSync(join(context, '.dockerignore'), '# made by hand\n*.log\n');
});

const inContext = () => ({ name: 'app/Dockerfile', path: join(context, 'Dockerfile') });

function ignores(dockerfile?: { name: string; path: string | undefined }) {
  if (dockerfile?.path !== undefined) writeFileSync(dockerfile.path, 'FROM scratch\n');
  return contextIgnores(fakeJob(), context, dockerfile);
}

test('the main context has the .dockerignore at its root', async () => {
  const found = await ignores(inContext());
  expect(found).toMatchObject({ name: '.dockerignore', exclude: ['*.log'] });
  expect(found.excludedBy(0)).toBe('.dockerignore line 2: *.log');
});

test('the ignore file of the Dockerfile is the only one, even if it is empty', async () => {
  writeFileSync(join(context, 'Dockerfile.dockerignore'), '');
  expect(await ignores(inContext())).toMatchObject({ name: 'Dockerfile.dockerignore', exclude: [] });
});

test('that of a Dockerfile elsewhere is named as the Dockerfile was', async () => {
  writeFileSync(join(dir, 'other.dockerignore'), 'tmp\n');
  const found = await ignores({ name: '../other', path: join(dir, 'other') });
  expect(found).toMatchObject({ name: '../other.dockerignore', exclude: ['tmp'] });
  expect(found.excludedBy(0)).toBe('../other.dockerignore line 1: tmp');
});

test('a Dockerfile from a stream has none of its own', async () => {
  writeFileSync(join(context, 'Dockerfile.dockerignore'), 'src\n');
  expect(await ignores({ name: 'Dockerfile', path: undefined })).toMatchObject({ exclude: ['*.log'] });
});

test('a named context has its own .dockerignore and none of a Dockerfile', async () => {
  writeFileSync(join(context, 'Dockerfile.dockerignore'), 'src\n');
  expect(await ignores()).toMatchObject({ name: '.dockerignore', exclude: ['*.log'] });
  const other = join(dir, 'n');
  mkdirSync(other);
  expect(await contextIgnores(fakeJob(), other, undefined)).toMatchObject({ name: undefined, exclude: [] });
});

test('a bad pattern is an error with its place', async () => {
  writeFileSync(join(context, '.dockerignore'), '!\n');
  await expect(ignores(inContext())).rejects.toMatchObject({
    code: 'E_PATTERN',
    message: 'illegal exclusion pattern: .dockerignore line 1: !',
  });
});
