import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { parseReference } from '../../src/source/parse.ts';
import { tempDir } from '../support/temp.ts';

const failure = (text: string): CtxsrcError => {
  try {
    parseReference(text);
  } catch (error) {
    if (error instanceof CtxsrcError) return error;
    throw error;
  }
  throw new Error(`${text} was understood`);
};

it('a password in a bare word is not repeated', () => {
  const { message, hint } = failure('bob:PW-typed@host/app');
  expect(`${message} ${hint}`).toContain('***@host/app');
  expect(`${message} ${hint}`).not.toContain('PW-typed');
});

describe('a reference is split at its scheme', () => {
  it.each([
    ['docker-image://alpine:3.20', 'docker-image', 'alpine:3.20'],
    ['oci-layout://./a=b:tag', 'oci-layout', './a=b:tag'],
    ['oci-layout+blob://x@sha256:00', 'oci-layout+blob', 'x@sha256:00'],
    ['http://host/file?x=1', 'http', 'host/file?x=1'],
    ['https://host/file.tar.gz', 'https', 'host/file.tar.gz'],
    ['.', 'local', '.'],
    ['..', 'local', '..'],
    ['./a=b', 'local', './a=b'],
    ['../dir', 'local', '../dir'],
    ['/dir', 'local', '/dir'],
    ['local:///dir', 'local', '/dir'],
    ['Docker-Image://x', 'Docker-Image', 'x'],
  ])('%s', (text, scheme, rest) => {
    expect(parseReference(text)).toEqual({ scheme, rest, text });
  });

  it.each([
    'https://host/r.git',
    'https://host/r.git#main:sub',
    'git://host/r',
    'ssh://git@host/r',
    'git@host:o/r.git',
  ])('git keeps its whole text: %s', (text) => {
    expect(parseReference(text)).toEqual({ scheme: 'git', rest: text, text });
  });

  it('a name stands before the first equals sign', () => {
    expect(parseReference('base=docker-image://alpine')).toEqual({
      scheme: 'docker-image',
      rest: 'alpine',
      text: 'base=docker-image://alpine',
      name: 'base',
    });
    expect(parseReference('src=https://host/r.git?ref=main')).toMatchObject({ name: 'src', scheme: 'git' });
  });

  it('a bare word is a directory if it exists', async () => {
    const dir = await tempDir();
    mkdirSync(join(dir, 'app'));
    const before = process.cwd();
    process.chdir(dir);
    try {
      expect(parseReference('app')).toEqual({ scheme: 'local', rest: 'app', text: 'app' });
      expect(parseReference('ctx=app')).toMatchObject({ scheme: 'local', rest: 'app', name: 'ctx' });
    } finally {
      process.chdir(before);
    }
  });
});

describe('what is no reference is refused, with what to type', () => {
  it.each([
    ['', 'ctxsrc key .'],
    ['alpine:3.20', 'docker-image://alpine:3.20'],
    ['github.com/o/r', 'https://github.com/o/r.git'],
    ['github.com/o/r.git#main', 'https://github.com/o/r.git#main'],
    ['base=', 'base=REF'],
    ['base=target:build', 'target:'],
    ['input:x', 'input:'],
    ['-x', './-x'],
    ['a b', "'./a b'"],
  ])('%j', (text, hint) => {
    const error = failure(text);
    expect(error.code).toBe('E_REFERENCE');
    expect(error.exit).toBe(2);
    expect(error.hint).toContain(hint);
  });

  it('a NUL character is refused', () => {
    expect(failure('./a\0b').code).toBe('E_REFERENCE');
  });
});
