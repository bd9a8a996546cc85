/** `ctxsrc lock` and `--lock` as a user meets them, over directories and layouts. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LockEntry } from '../../src/snapshot/lock/lock.ts';
import { type CliResult, ctxsrc, packageRoot } from '../support/cli.ts';
import { directory } from '../support/cli-expect.ts';
import { tempDir } from '../support/temp.ts';

const amd64 = ['--platform', 'linux/amd64'];
let dir: string;

async function ok(args: readonly string[], cwd = dir): Promise<string> {
  const result = await ctxsrc(args, { cwd });
  expect(result.code, result.stderr).toBe(0);
  return result.stdout;
}

const at = (args: readonly string[], cwd = dir): Promise<CliResult> => ctxsrc(args, { cwd });
const lockText = (path = join(dir, 'ctxsrc.lock')): string => readFileSync(path, 'utf8');
const entries = (text = lockText()): Record<string, LockEntry> =>
  (JSON.parse(text) as { contexts: Record<string, LockEntry> }).contexts;

beforeEach(() => {
  dir = tempDir('lock');
  cpSync(directory('app'), join(dir, 'app'), { recursive: true });
  cpSync(join(packageRoot, 'fixtures', 'layouts', 'everything'), join(dir, 'base'), { recursive: true });
});

describe('writing', () => {
  it('keeps digests, key and platform of each context, sorted, paths relative; twice the same bytes', async () => {
    const args = ['lock', 'base=oci-layout://./base:latest', `app=${join(dir, 'app')}`, ...amd64];
    await ok(args);
    const first = lockText();
    const { app, base } = entries();
    const key = (await ok(['key', './app'])).trim();
    expect(app).toEqual({ ref: './app', digest: key, key });
    expect(base).toEqual({
      ref: 'oci-layout://./base:latest',
      attributes: { platform: 'linux/amd64' },
      digest: (await ok(['digest', 'oci-layout://./base:latest'])).trim(),
      manifest: (await ok(['digest', '--manifest', 'oci-layout://./base:latest', ...amd64])).trim(),
      config: (await ok(['digest', '--config', 'oci-layout://./base:latest', ...amd64])).trim(),
      key: (await ok(['key', 'oci-layout://./base:latest', ...amd64])).trim(),
      pinned: `oci-layout://./base:latest@${base!.digest}`,
    });
    expect(first).not.toContain(dir);
    const again = await at(args);
    expect(lockText()).toBe(first);
    expect(again.stderr).toContain('up to date');
    await ok(['lock', `app=./app`, 'base=oci-layout://base:latest', ...amd64]);
    expect(lockText()).toBe(first);
    expect(readdirSync(dir).sort()).toEqual(['app', 'base', 'ctxsrc.lock']);
  });

  it('writes down the platform that was not asked for, so that another machine reads the same', async () => {
    await ok(['lock', 'base=oci-layout://./base:latest', ...amd64]);
    const asked = lockText();
    const result = await ctxsrc(['lock', 'base=oci-layout://./base:latest'], {
      cwd: dir,
      env: { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' },
    });
    expect(result.code, result.stderr).toBe(0);
    expect(lockText()).toBe(asked);
    await ctxsrc(['lock', '--update'], { cwd: dir, env: { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' } });
    expect(lockText()).toBe(asked);
  });

  it('moves paths of references and of flags to where the file is', async () => {
    mkdirSync(join(dir, 'locks'));
    writeFileSync(join(dir, 'app', 'other.ignore'), '*.md\n');
    await ok(['lock', '--lock', 'locks/l.json', 'app=./app', '--ignore-file', 'app/other.ignore']);
    const [one] = Object.values(entries(lockText(join(dir, 'locks/l.json'))));
    expect(one).toMatchObject({ ref: '../app', attributes: { 'ignore-file': '../app/other.ignore' } });
    const key = (await ok(['key', './app', '--ignore-file', 'app/other.ignore'])).trim();
    expect((await ok(['key', 'app', '--lock', '../locks/l.json'], join(dir, 'base'))).trim()).toBe(key);
    expect(await ok(['lock', '--lock', 'locks/l.json', '--format', 'build-contexts'])).toBe(
      '--build-context app=./app\n',
    );
  });

  it('keeps nothing of how a user reaches a source', async () => {
    writeFileSync(join(dir, 'token'), 'hunter2');
    const url = 'https://127.0.0.1:1/data';
    const args = ['--checksum', `sha256:${'a'.repeat(64)}`, '--auth-token-file', join(dir, 'token')];
    await ok(['lock', `data=${url}`, ...args, '--header', 'Private-Token: hunter2', '--retry', '0']);
    expect(entries().data).toMatchObject({ ref: url, attributes: { checksum: `sha256:${'a'.repeat(64)}` } });
    expect(lockText()).not.toMatch(/hunter2|token/i);
  });

  it('adds to what is there, and --update renews only what is named', async () => {
    await ok(['lock', 'app=./app']);
    const before = entries().app;
    await ok(['lock', 'base=oci-layout://./base:latest', ...amd64]);
    expect(Object.keys(entries())).toEqual(['app', 'base']);
    writeFileSync(join(dir, 'app', 'new'), '');
    await ok(['lock', '--update', 'base']);
    expect(entries().app).toEqual(before);
    await ok(['lock', '--update', 'app']);
    expect(entries().app).not.toEqual(before);
    const unknown = await at(['lock', '--update', 'nobody']);
    expect([unknown.code, unknown.stdout]).toEqual([3, '']);
    expect(unknown.stderr).toContain('app, base');
  });

  it('names the flags of a build line that change nothing of what a Dockerfile takes, but not its own', async () => {
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\nCOPY --from=app . /\n');
    const line = ['lock', '--from', 'Dockerfile', '--build-context', 'app=app'];
    const idle = await at([...line, '--push', '-t', 'x']);
    expect([idle.code, idle.stderr]).toEqual([
      0,
      expect.stringContaining('note: --push, --tag: taken, and without effect on what is locked\n'),
    ]);
    const checked = await at([...line, '--check']);
    expect([checked.code, checked.stderr]).toEqual([0, expect.not.stringContaining('without effect')]);
  });

  it('takes contexts from bake files and compose files', async () => {
    const expected = ['app', 'base'];
    const contexts = { app: 'cwd://app', base: 'oci-layout://base:latest', up: 'target:y' };
    mkdirSync(join(dir, 'ci'));
    writeFileSync(join(dir, 'ci', 'bake.json'), JSON.stringify({ target: { default: { contexts }, y: {} } }));
    writeFileSync(
      join(dir, 'compose.yaml'),
      'services:\n  x:\n    build:\n      additional_contexts:\n        - app=app\n        - base=oci-layout://base:latest\n',
    );
    const texts = [];
    for (const file of ['ci/bake.json', 'compose.yaml']) {
      await ok(['lock', '--lock', 'from.lock', '--from', file, ...amd64]);
      texts.push(lockText(join(dir, 'from.lock')));
      expect(Object.keys(entries(texts.at(-1)!))).toEqual(expected);
    }
    expect(new Set(texts).size).toBe(1);
    const printed = await ctxsrc(['lock', '--lock', 'from.lock', '--from', '-', ...amd64], {
      cwd: dir,
      stdin: readFileSync(join(dir, 'ci', 'bake.json')),
    });
    expect([printed.code, lockText(join(dir, 'from.lock'))]).toEqual([0, texts[0]]);
    writeFileSync(join(dir, 'bake.hcl'), 'target "x" { contexts = { app = APP } }');
    const variable = await at(['lock', '--from', 'bake.hcl']);
    expect([variable.code, variable.stdout]).toEqual([2, '']);
    expect(variable.stderr).toContain('docker buildx bake -f bake.hcl --print | ctxsrc lock --from -');
  });

  it.each([
    [['lock', 'docker-image://alpine'], 'NAME=REF', 2],
    [['lock', './app'], 'NAME=REF', 2],
    [['lock'], 'there is no lock file', 3],
    [['lock', '--check'], 'there is no lock file', 3],
    [['lock', '--format', 'bake'], 'there is no lock file', 3],
    [['lock', '--from', 'missing.hcl'], 'missing.hcl', 3],
    [['lock', '--update', '--from', 'x'], 'exclude each other', 2],
    [['lock', 'app=./nothing'], 'nothing', 3],
    [['key', 'app', '--lock', 'missing.lock'], 'there is no lock file', 3],
  ])('%j is refused and writes nothing', async (args, message, code) => {
    const result = await at(args);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toContain(message);
    expect(existsSync(join(dir, 'ctxsrc.lock'))).toBe(false);
  });
});

describe('--check', () => {
  it('says nothing and succeeds while nothing has moved', async () => {
    await ok(['lock', 'app=./app', 'base=oci-layout://./base:latest', ...amd64]);
    expect(await ok(['lock', '--check'])).toBe('');
    expect(JSON.parse(await ok(['lock', '--check', '--json']))).toEqual({ schema: 'ctxsrc/v1', drift: [] });
  });

  it('says what moved from what to what, and exits with 6', async () => {
    await ok(['lock', 'app=./app', 'base=oci-layout://./base:latest', ...amd64]);
    const { app, base } = entries();
    writeFileSync(join(dir, 'app', 'README.md'), 'other');
    const index = JSON.parse(readFileSync(join(dir, 'base', 'index.json'), 'utf8')) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    const name = 'org.opencontainers.image.ref.name';
    const moved = index.manifests.find((one) => one.annotations[name] === 'zstd')!;
    index.manifests = index.manifests.filter((one) => one.annotations[name] !== 'latest');
    moved.annotations[name] = 'latest';
    writeFileSync(join(dir, 'base', 'index.json'), JSON.stringify(index));
    const result = await at(['lock', '--check']);
    const key = (await ok(['key', './app'])).trim();
    expect(result.code).toBe(6);
    expect(result.stdout).toBe(`app key ${app!.key} -> ${key}\nbase digest ${base!.digest} -> ${moved.digest}\n`);
    expect(JSON.parse((await at(['lock', '--check', '--json'])).stdout)).toMatchObject({
      drift: [
        { name: 'app', what: 'key' },
        { name: 'base', what: 'digest', from: base!.digest, to: moved.digest },
      ],
    });
    // What is pinned still is what it was.
    expect((await ok(['digest', 'base', '--lock', 'ctxsrc.lock'])).trim()).toBe(base!.digest);
  });

  it('compares names and references with a bake file', async () => {
    await ok(['lock', 'app=./app']);
    const contexts = { app: './base', more: './app' };
    writeFileSync(join(dir, 'bake.json'), JSON.stringify({ target: { default: { contexts } } }));
    const result = await at(['lock', '--check', '--from', 'bake.json']);
    expect([result.code, result.stdout]).toEqual([6, 'app reference ./app -> ./base\nmore added ./app\n']);
  });
});

describe('--lock in other commands', () => {
  beforeEach(() => ok(['lock', 'app=./app', 'base=oci-layout://./base:latest', ...amd64]));

  it('takes names, before directories of the same name', async () => {
    const { base } = entries();
    expect(await ok(['parse', 'base', '--lock', 'ctxsrc.lock'])).toBe(`oci-layout://./base:latest@${base!.digest}\n`);
    expect(await ok(['key', 'base', 'app', '--lock', 'ctxsrc.lock'])).toBe(`${base!.key}\n${entries().app!.key}\n`);
    expect(await ok(['snapshot', 'app', './out', '--lock', 'ctxsrc.lock'])).toBe(`${entries().app!.key}\n`);
    expect((await at(['key', 'base'])).stdout).not.toBe(`${base!.key}\n`);
  });

  it.each([['key'], ['digest'], ['inspect'], ['snapshot'], ['pull']])(
    '%s of a directory that has moved is exit 6, and nothing is printed or written',
    async (command) => {
      writeFileSync(join(dir, 'app', 'README.md'), 'other');
      const result = await at([command, 'app', ...(command === 'snapshot' ? ['./out'] : []), '--lock', 'ctxsrc.lock']);
      expect([result.code, result.stdout]).toEqual([6, '']);
      expect(result.stderr).toContain('lock --update app');
      expect(existsSync(join(dir, 'out'))).toBe(false);
    },
  );

  it('finds what the file names wherever the command is run', async () => {
    mkdirSync(join(dir, 'deep', 'er'), { recursive: true });
    expect(await ok(['key', 'app', '--lock', '../../ctxsrc.lock'], join(dir, 'deep', 'er'))).toBe(
      `${entries().app!.key}\n`,
    );
    const elsewhere = tempDir('moved');
    for (const name of ['app', 'base', 'ctxsrc.lock']) renameSync(join(dir, name), join(elsewhere, name));
    expect(await ok(['lock', '--check'], elsewhere)).toBe('');
  });

  it('refuses a file that is no lock', async () => {
    const text = lockText();
    for (const bad of ['{', '{"lockfile":9,"contexts":{}}', text.replace('"base"', '"b\\u001bse"')]) {
      writeFileSync(join(dir, 'bad.lock'), bad);
      const result = await at(['key', 'base', '--lock', 'bad.lock']);
      expect([result.code, result.stdout]).toEqual([2, '']);
    }
  });
});

describe('a lock file that contradicts itself', () => {
  it('is refused by whoever reads it, and nothing of it is told', async () => {
    const digest = `sha256:${'d'.repeat(64)}`;
    const entry = { ref: 'oci-layout://./base:latest', digest, key: digest, pinned: `oci-layout://./evil@${digest}` };
    writeFileSync(join(dir, 'ctxsrc.lock'), JSON.stringify({ lockfile: 1, contexts: { x: entry } }));
    const before = lockText();
    for (const args of [
      ['lock', '--check'],
      ['lock', '--format', 'build-contexts'],
      ['snapshot', 'x', './out', '--lock', 'ctxsrc.lock'],
      ['lock', 'app=./app'],
    ]) {
      const result = await at(args);
      expect([args, result.code, result.stdout]).toEqual([args, 8, '']);
      expect(result.stderr).toMatch(/the lock file \S+ctxsrc\.lock contradicts itself: x is pinned to /);
    }
    expect(lockText()).toBe(before);
    expect(existsSync(join(dir, 'out'))).toBe(false);
  });

  it('without the pinned form it says the same: that follows from reference and digest', async () => {
    await ok(['lock', 'base=oci-layout://./base:latest', ...amd64]);
    const contexts = await ok(['lock', '--format', 'build-contexts']);
    const document = JSON.parse(lockText()) as { contexts: { base: { pinned?: string } } };
    delete document.contexts.base.pinned;
    writeFileSync(join(dir, 'ctxsrc.lock'), JSON.stringify(document));
    expect(await ok(['lock', '--format', 'build-contexts'])).toBe(contexts);
    await ok(['lock', '--check']);
  });

  it('an entry of a source that is not loaded stands in the way of no other', async () => {
    await ok(['lock', 'app=./app']);
    const { app } = entries();
    writeFileSync(
      join(dir, 'ctxsrc.lock'),
      JSON.stringify({
        lockfile: 1,
        contexts: { app, other: { ref: 'other://x', digest: 'x', key: 'x', pinned: 'y' } },
      }),
    );
    expect((await ok(['key', 'app', '--lock', 'ctxsrc.lock'])).trim()).toBe(app!.key);
    expect((await at(['key', 'other', '--lock', 'ctxsrc.lock'])).code).toBe(2);
  });
});

describe('--format', () => {
  beforeEach(() => ok(['lock', 'app=./app', 'base=oci-layout://./base:latest', ...amd64]));

  it('prints the lines, with paths for the current directory', async () => {
    const { digest } = entries().base!;
    expect(await ok(['lock', '--format', 'build-contexts'])).toBe(
      `--build-context app=./app\n--build-context base=oci-layout://./base:latest@${digest}\n`,
    );
    expect(await ok(['lock', '--lock', '../ctxsrc.lock', '--format', 'build-contexts'], join(dir, 'app'))).toBe(
      `--build-context app=.\n--build-context base=oci-layout://../base:latest@${digest}\n`,
    );
    const bake = JSON.parse(await ok(['lock', '--format', 'bake', '--target', 'web'])) as unknown;
    expect(bake).toEqual({
      target: { web: { contexts: { app: './app', base: `oci-layout://./base:latest@${digest}` } } },
    });
  });

  it('warns of what a policy cannot pin', async () => {
    const result = await at(['lock', '--format', 'buildkit-policy']);
    expect(JSON.parse(result.stdout)).toEqual({ version: 1, rules: [] });
    expect(result.stderr).toMatch(/app is left out[\s\S]*base is left out/);
  });

  it('warns of what it leaves out, and refuses to with --strict', async () => {
    mkdirSync(join(dir, 'a b'));
    await ok(['lock', 'blank=./a b']);
    const result = await at(['lock', '--format', 'build-contexts']);
    expect([result.code, result.stdout.includes('blank')]).toEqual([0, false]);
    expect(result.stderr).toContain('warning: blank is left out of the build-contexts');
    const refused = await at(['lock', '--format', 'build-contexts', '--strict']);
    expect([refused.code, refused.stdout]).toEqual([8, '']);
    expect(refused.stderr).toContain('hint: without --strict the others are printed');
    expect(refused.stderr).not.toContain('--format buildkit-policy');
    const bake = await at(['lock', '--format', 'bake', '--strict']);
    expect(JSON.parse(bake.stdout)).toMatchObject({ target: { default: { contexts: { blank: './a b' } } } });
    expect(await at(['lock', '--format', 'bake', '--target', 'a.b'])).toMatchObject({ code: 2, stdout: '' });
  });

  it('keeps what lies in files beside the lock file relative to it, archives and blobs too', async () => {
    const { digest, config } = entries().base!;
    await ok(['export', 'oci-layout://./base:latest', '-o', 'type=oci,dest=image.tar', ...amd64]);
    await ok(['lock', 'tar=oci-archive://./image.tar', `blob=oci-layout+blob://./base@${config}`, ...amd64]);
    expect(entries().blob!.ref).toBe(`oci-layout+blob://./base@${config}`);
    const deep = join(dir, 'deep');
    mkdirSync(deep);
    for (const name of ['tar', 'blob', 'base'])
      expect(await ok(['key', name, '--lock', '../ctxsrc.lock'], deep)).toBe(`${entries()[name]!.key}\n`);
    expect(await ok(['digest', 'base', '--lock', '../ctxsrc.lock'], deep)).toBe(`${digest}\n`);
  });
});

it('says that a file names nothing to lock', async () => {
  writeFileSync(join(dir, 'plain.yaml'), 'services:\n  web:\n    build: app\n');
  const result = await at(['lock', '--lock', 'plain.lock', '--from', 'plain.yaml']);
  expect([result.code, result.stdout]).toEqual([0, '']);
  expect(result.stderr).toContain('note: plain.yaml names no contexts to lock');
});

describe('many contexts at once', () => {
  it('are locked without a word of Node about listeners', async () => {
    const names = Array.from({ length: 24 }, (_, at) => `n${at}`);
    const result = await at(['lock', ...names.map((name) => `${name}=oci-layout://./base:latest`), ...amd64]);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).not.toMatch(/MaxListeners|Warning/);
    for (const more of [['--check'], ['--update']])
      expect((await at(['lock', ...more])).stderr).not.toMatch(/MaxListeners/);
  });
});
