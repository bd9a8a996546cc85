import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isDockerfile, readNamedContexts } from '../../../src/snapshot/lock/from.ts';
import { bakePrint, buildx } from '../../support/buildx.ts';
import { tempDir } from '../../support/temp.ts';

/** A file, and what `docker buildx bake -f FILE --print` (0.29.1) printed for it: values by name, null for a failure. */
interface PrintCase {
  readonly what: string;
  readonly file: string;
  readonly text: string;
  readonly printed: Readonly<Record<string, readonly string[]>> | null;
  /** False for what is refused: it needs an evaluation, or bake refuses it too. */
  readonly read: boolean;
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'bake-print.json'), 'utf8')) as PrintCase[];
const CWD = '/srv/project';

const read = async (path: string, text: string) => {
  const { contexts, skipped } = await readNamedContexts(join(CWD, path), text, CWD);
  return { contexts: Object.fromEntries(contexts), skipped };
};

/** Values as one place on the machine, whoever wrote them. */
function meant(value: string): string {
  const path = value.replace(/^cwd:\/\//, '');
  return path === value && /^[a-z-]+:\/\/|^git@/.test(value) ? value : resolve(CWD, path);
}

describe('contexts of bake and compose files are what bake prints', () => {
  for (const { what, file, text, printed, read: isRead } of cases) {
    if (isRead) {
      it(`${file}: ${what}`, async () => {
        const { contexts, skipped } = await read(file, text);
        const expected = Object.entries(printed!).filter(([, values]) => !values[0]!.startsWith('target:'));
        expect(Object.fromEntries(Object.entries(contexts).map(([name, value]) => [name, meant(value)]))).toEqual(
          Object.fromEntries(expected.map(([name, [value, ...more]]) => [name, [meant(value!), ...more].join()])),
        );
        expect([...skipped, ...expected.map(([name]) => name)].sort()).toEqual(Object.keys(printed!).sort());
      });
    } else {
      it(`${file}: ${what} is refused with what to type`, async () => {
        const command = file.startsWith('b.')
          ? `docker buildx bake -f ${file} --print | ctxsrc lock --from -`
          : file.startsWith('sub/')
            ? '(cd sub && ctxsrc lock --lock ../ctxsrc.lock --from compose.yaml)'
            : `docker compose -f ${file} config | ctxsrc lock --from -`;
        await expect(read(file, text)).rejects.toMatchObject({
          code: 'E_CONFIG',
          message: expect.stringMatching(/^cannot read contexts from \S+: ./),
          hint: expect.stringContaining(command),
        });
      });
    }
  }

  it('gives references that mean the same to ctxsrc', async () => {
    const contexts = { a: 'src', b: 'cwd://x y', c: 'cwd://', d: '..', e: '/abs', f: 'oci-layout://lay' };
    expect((await read('sub/b.json', JSON.stringify({ target: { default: { contexts } } }))).contexts).toEqual({
      a: './src',
      b: './x y',
      c: './',
      d: '..',
      e: '/abs',
      f: 'oci-layout://lay',
    });
  });

  it('has another hint for what no tool would evaluate, and for what comes from a pipe', async () => {
    await expect(read('other.yaml', 'FROM alpine\n')).rejects.toMatchObject({
      hint: expect.stringContaining('a file of another name is read as a Dockerfile'),
    });
    const isOne = [
      ['Dockerfile', ''],
      ['app.Dockerfile', ''],
      ['-', '\ufeff# syntax=x\n\n  arg A=1\nFROM $A'],
      ['a.yaml', 'FROM x'],
      ['-', 'name: x'],
      ['-', '{}'],
    ];
    expect(isOne.map(([path, text]) => isDockerfile(path!, text!))).toEqual([true, true, true, false, false, false]);
    await expect(read('include.yml', 'include: [a.yml]\n')).rejects.toMatchObject({
      hint: expect.stringContaining('docker compose -f include.yml config'),
    });
    const unevaluated = { target: { default: { inherits: ['a'] } } };
    await expect(read('-', JSON.stringify(unevaluated))).rejects.toMatchObject({
      hint: expect.stringMatching(/^pipe what is evaluated/),
    });
  });

  it('reads a file as an editor of Windows saves it', async () => {
    const text = 'services:\n  web:\n    build:\n      additional_contexts:\n        a: src\n';
    expect((await read('compose.yml', `\ufeff${text.replaceAll('\n', '\r\n')}`)).contexts).toEqual({ a: './src' });
  });

  it('quotes the words of a command', async () => {
    await expect(read("it's; a.hcl", '')).rejects.toMatchObject({
      hint: expect.stringContaining(`-f 'it'\\''s; a.hcl' --print`),
    });
  });

  it('an alias bomb is refused', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nservices: [*c,*c,*c,*c,*c,*c]`;
    await expect(read('compose.yml', bomb)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it.each([
    [{ a: 'https://bob:hunter2@$HOST/r.git' }, 'the context a of the service web uses a variable'],
    [{ a: '~/hunter2' }, 'the context a of the service web lies in a home directory'],
    [['$a=hunter2'], 'the name $a of a context of the service web uses a variable'],
    [['hunter2'], 'a context of the service web is not NAME=VALUE'],
  ])('%j is refused without its value', async (contexts, message) => {
    const text = JSON.stringify({ services: { web: { build: { additional_contexts: contexts } } } });
    await expect(read('compose.yml', text)).rejects.toMatchObject({
      message: `cannot read contexts from compose.yml: ${message}`,
    });
  });

  it.each([
    ['compose.yml', 'a: 1', 'no services'],
    ['compose.yml', 'a: [', ''],
    ['b.json', '[]', 'no targets'],
    ['b.json', '{', ''],
    ['b.json', `{"target": ${'['.repeat(100_000)}`, ''],
  ])('%s that is %.20s is refused', async (file, text, message) => {
    await expect(read(file, text)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining(message),
    });
  });
});

describe.skipIf(buildx === undefined)('bake itself', () => {
  it('prints what was recorded', () => {
    const home = tempDir('bake');
    for (const [index, { what, file, text, printed }] of cases.entries()) {
      const cwd = join(home, String(index));
      mkdirSync(dirname(join(cwd, file)), { recursive: true });
      writeFileSync(join(cwd, file), text);
      writeFileSync(join(cwd, 'other.yaml'), 'services: {o: {build: {additional_contexts: {inc: ./i}}}}');
      expect({ what, printed: bakePrint(cwd, file) }).toEqual({ what, printed });
    }
  });

  it('repeats nothing of a file that is neither', async () => {
    for (const [file, text] of [
      ['b.json', 'SECRET=1'],
      ['compose.yaml', 'services: {}\n}SECRET'],
      ['compose.yaml', '- SECRET\n  \t}'],
    ] as const) {
      await expect(read(file, text)).rejects.toMatchObject({
        code: 'E_CONFIG',
        message: expect.not.stringContaining('SECRET'),
      });
    }
  });

  it('finds a name that is there twice without comparing each with each', async () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `  s${i}: {}\n`).join('');
    const twice = /"s7" is there twice/;
    await expect(read('compose.yaml', `services:\n${names(20_000)}  s7: {}\n`)).rejects.toThrow(twice);
  });
});
