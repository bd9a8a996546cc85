/** Machines that lack what most have: a name for the user, a home, a cache that can be written, room for the answer. */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cliEnv, cliHome, cliPath, ctxsrc, run } from '../support/cli.ts';
import { DIGEST, directory, expectFailure, layoutRef } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needsRoot } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

/** Of nobody in the password file, as container platforms give them out. */
const NAMELESS = 1_000_710_000;
const HOMELESS = {
  HOME: undefined,
  XDG_CACHE_HOME: undefined,
  XDG_CONFIG_HOME: undefined,
  XDG_RUNTIME_DIR: undefined,
  CTXSRC_CACHE_DIR: undefined,
};

describe.skipIf(!needsRoot('becomes a user without a name'))('a user without a name', () => {
  let home: string;
  let tmp: string;
  let cache: string;
  const as = (env: Record<string, string | undefined>) => ({
    uid: NAMELESS,
    home,
    env: { ...HOMELESS, TMPDIR: tmp, ...env },
  });
  let layout: string;
  beforeAll(() => {
    home = cliHome(NAMELESS);
    tmp = join(home, 'tmp');
    cache = join(tmp, `ctxsrc-${NAMELESS}`);
    const images = new LayoutBuilder();
    const image = images.image({ layers: [images.layer(tar([{ name: 'a', content: 'a' }]))] });
    layout = `oci-layout://${images.tag(image, 'latest').write(tempDir('layout'))}`;
  });

  it.each([
    ['and without a home', {}],
    ['whose home is /', { HOME: '/' }],
  ])('%s: every kind of command works, with a private cache in the temporary folder', async (_, env) => {
    rmSync(cache, { recursive: true, force: true });
    const out = join(tmp, 'out');
    rmSync(out, { recursive: true, force: true });
    rmSync(`${out}.ctxsrc.json`, { force: true });
    for (const args of [
      ['key', layout],
      ['snapshot', layout, out],
      ['verify', out],
      ['export', layout, '-o', `type=oci,dest=${join(tmp, 'image.tar')}`],
      ['auth', 'registry.example'],
      ['cache', 'du'],
      ['sources'],
    ]) {
      const { code, stderr } = await ctxsrc(args, as(env));
      expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
    }
    expect((await ctxsrc(['cache', 'path'], as(env))).stdout).toBe(`${cache}\n`);
    expect(statSync(cache).mode & 0o7777).toBe(0o700);
  });

  it.each([
    ['of somebody else', () => mkdirSync(cache, { mode: 0o700 }), /belongs to user 0/],
    ['that is a link', () => symlinkSync(tempDir('else'), cache), /is no directory/],
  ])('a cache in the temporary folder %s is refused', async (_, make, message) => {
    rmSync(cache, { recursive: true, force: true });
    make();
    await expectFailure(
      ['key', layout],
      { code: 'E_UNSAFE', message, hint: /--cache-dir or CTXSRC_CACHE_DIR/ },
      as({}),
    );
  });

  it('and one that others may write to', async () => {
    rmSync(cache, { recursive: true, force: true });
    expect((await ctxsrc(['key', layout], as({}))).code).toBe(0);
    chmodSync(cache, 0o777);
    await expectFailure(['key', layout], { code: 'E_UNSAFE', message: /written by others/ }, as({}));
  });

  it('a home that cannot be written still serves what lies in its cache', async () => {
    const shared = tempDir('shared');
    mkdirSync(join(shared, '.cache', 'ctxsrc'), { recursive: true });
    expect((await ctxsrc(['cache', 'path'], as({ HOME: shared }))).stdout).toBe(`${shared}/.cache/ctxsrc\n`);
  });
});

describe('a cache directory that cannot be', () => {
  const file = join(tempDir('file'), 'file');
  writeFileSync(file, '');

  it.skipIf(process.platform !== 'linux')(
    'in /proc is no reason to hang, or to fail where no cache is needed',
    async () => {
      const options = { env: { CTXSRC_CACHE_DIR: '/proc/ctxsrc/cache' }, timeout: 20_000 };
      const { code, stdout } = await ctxsrc(['key', directory('app')], options);
      expect(code).toBe(0);
      expect(stdout).toMatch(DIGEST);
      // Said before it is known whether the command can do without: true of both.
      expect((await ctxsrc(['pull', layoutRef('hello')], options)).stderr).toContain(
        'note: nothing is kept: cannot write',
      );
      for (const args of [
        ['pull', layoutRef('hello')],
        ['cache', 'prune'],
      ])
        await expectFailure(
          args,
          { code: 'E_IO', message: /cannot .*\/proc\/ctxsrc\/cache/, hint: /--cache-dir or CTXSRC_CACHE_DIR/ },
          options,
        );
    },
  );

  it('because it is a file, or below one', async () => {
    for (const cache of [file, join(file, 'below')])
      await expectFailure(
        ['key', directory('app')],
        { code: 'E_IO', message: /cache directory: not a directory/, hint: /--cache-dir or CTXSRC_CACHE_DIR/ },
        { env: { CTXSRC_CACHE_DIR: cache } },
      );
  });
});

describe.skipIf(!existsSync('/dev/full'))('no room', () => {
  const fill = (args: readonly string[], stdout: 'full' | 'pipe', stderr: 'full' | 'pipe') => {
    const full = openSync('/dev/full', 'w');
    const stdio = [stdout, stderr].map((one) => (one === 'full' ? full : 'pipe'));
    const result = spawnSync(process.execPath, [cliPath(), ...args], {
      stdio: ['ignore', ...stdio],
      env: cliEnv(cliHome()),
      encoding: 'utf8',
    });
    closeSync(full);
    return result;
  };

  it.each([
    ['key', directory('app')],
    ['--help'],
    ['--version'],
    ['sources', '--json'],
    ['export', layoutRef('hello'), '-o', 'type=tar,dest=-', '--progress', 'none'],
  ])('for the answer of %s %s: 74 and one line', (...args) => {
    const { status, stderr } = fill(
      args.filter((arg) => arg !== undefined),
      'full',
      'pipe',
    );
    expect(status, stderr).toBe(74);
    const told = args.includes('--json')
      ? /^\{.*"code":"E_DISK_FULL".*\}\n$/
      : /^(?:warning: .*\n)?ctxsrc: cannot write to standard output: no space left on the device\nhint: .*\n$/;
    expect(stderr).toMatch(told);
  });

  it('for talk: the answer is printed all the same, and the exit code is that of the command', () => {
    const good = fill(['key', layoutRef('hello'), '-vv'], 'pipe', 'full');
    expect([good.status, good.stdout]).toEqual([0, expect.stringMatching(DIGEST)]);
    const bad = fill(['key', './nope'], 'pipe', 'full');
    expect([bad.status, bad.stdout]).toEqual([3, '']);
  });
});

describe.skipIf(process.platform === 'win32')('64 open files', () => {
  it('are enough for every command, with an image of 120 layers and a directory of 2,000 files', async () => {
    const layout = new LayoutBuilder();
    const layers = Array.from({ length: 120 }, (_, i) => layout.layer(tar([{ name: `f${i}`, content: `${i}` }])));
    const image = layout.image({ layers });
    const server = await TestRegistry.start();
    try {
      server.push(layout, 'a', 'tag', image);
      const dir = tempDir('few');
      const source = join(dir, 'source');
      mkdirSync(source);
      for (let i = 0; i < 2_000; i += 1) writeFileSync(join(source, `f${i}`), `${i}`);
      const [remote, local] = [
        `docker-image://${server.host}/a:tag`,
        `oci-layout://${layout.tag(image, 'latest').write(join(dir, 'layout'))}`,
      ];
      const env = cliEnv(cliHome());
      for (const args of [
        ['key', remote, remote, remote, local, local, source, source, source],
        ['snapshot', remote, join(dir, 'a')],
        ['snapshot', remote, join(dir, 'b')],
        ['snapshot', '--mode', 'hardlink', remote, join(dir, 'c')],
        ['snapshot', local, join(dir, 'd')],
        ['snapshot', source, join(dir, 'e')],
        ['verify', join(dir, 'a')],
        ['export', local, '-o', `type=oci,dest=${join(dir, 'image.tar')}`],
        ['export', source, '-o', `type=tar,dest=${join(dir, 'files.tar')}`],
        ['diff', '--files', '--quiet', remote, source],
        ['inspect', remote],
        ['cache', 'verify'],
        ['cache', 'prune', '--all'],
      ]) {
        const limited = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, cliPath(), ...args];
        const { code, stderr } = await run('sh', limited, { env });
        expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
      }
    } finally {
      await server.stop();
    }
  });
});

describe('targets that cannot be made', () => {
  it.skipIf(process.platform !== 'linux')('in /proc, or with a name that is too long', async () => {
    await expectFailure(['snapshot', layoutRef('hello'), '/proc/x'], {
      code: 'E_IO',
      message: /cannot write \/proc\/x: no such/,
    });
    const long = join(tempDir('long'), 'a'.repeat(260));
    await expectFailure(['snapshot', layoutRef('hello'), long], {
      code: 'E_IO',
      message: /^(?:ctxsrc: )?cannot look at \S+a{260}: name too long$/,
    });
    await expectFailure(['export', layoutRef('hello'), '-o', 'type=tar,dest=/proc/x/y.tar'], {
      code: 'E_IO',
      message: /\/proc\/x: no such/,
    });
    expect(readdirSync(join(long, '..'))).toEqual([]);
  });
});

it.skipIf(process.platform !== 'linux')('a current directory that was removed is said to be', () => {
  const runIn = (...args: string[]) =>
    spawnSync('sh', ['-c', 'rmdir "$PWD" && exec "$@"', 'sh', process.execPath, cliPath(), ...args], {
      cwd: tempDir('removed'),
      env: cliEnv(cliHome()),
      encoding: 'utf8',
    });
  expect(runIn('key', '.')).toMatchObject({
    status: 74,
    stdout: '',
    stderr: 'ctxsrc: the current directory is gone: no such file or directory\nhint: cd /\n',
  });
  expect(runIn('--version').status).toBe(0);
});

describe('a person who errs', () => {
  it('is told which command there is not', async () => {
    await expectFailure(['help', 'nope'], { code: 'E_USAGE', message: /no command "nope"/, hint: /--help/ });
  });
  it.each([
    ['hash', 'did you mean ctxsrc key?'],
    ['du', 'did you mean ctxsrc cache du?'],
    ['snap', 'did you mean ctxsrc snapshot?'],
    ['pu', 'did you mean ctxsrc pull or ctxsrc push?'],
    ['insepct', 'did you mean ctxsrc inspect?'],
    ['toString', 'ctxsrc --help lists the commands'],
    ['blub', 'ctxsrc --help lists the commands'],
  ])('who types %s is told: %s', async (word, hint) => {
    const { code, stderr } = await ctxsrc([word, '.']);
    expect([code, stderr]).toEqual([2, `ctxsrc: there is no command "${word}"\nhint: ${hint}\n`]);
  });
  it('is told what verify wants', async () => {
    await expectFailure(['verify', './nope'], {
      code: 'E_PATH_NOT_FOUND',
      message: /is no snapshot/,
      hint: /snapshot/,
    });
  });
  it.each([
    [['--progress', 'rawjson'], {}],
    [['--progress=rawjson'], {}],
    [[], { BUILDKIT_PROGRESS: 'rawjson' }],
  ])('in a stream of events, with %j %j: the error is one too', async (flags, env) => {
    for (const args of [
      ['key', './nope'],
      ['cache', 'nope'],
      ['explain', 'nope'],
      ['verify', './nope'],
    ]) {
      const { stderr, stdout } = await ctxsrc([...args, ...flags], { env });
      expect(stdout).toBe('');
      const documents = stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { error?: { code: string } });
      expect(documents.at(-1)?.error?.code).toMatch(/^E_/);
    }
  });
});
