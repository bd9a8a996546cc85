/** Every byte that leaves the program: on stdout answers and nothing else, on stderr no secret, whatever goes wrong. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliEnv, cliHome, cliPath, ctxsrc } from '../support/cli.ts';
import { directory, layoutRef } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const KEYS = /^(?:sha256:[0-9a-f]{64}\n)*$/;
const SECRETS = { username: 'reader', password: 'pass-hunter2-word' };

describe('key', () => {
  it('prints nothing at all when one of several references fails', async () => {
    const result = await ctxsrc(['key', directory('app'), './missing', layoutRef('hello')]);
    expect([result.code, result.stdout]).toEqual([3, '']);
  });

  it.each([
    ['plain', []],
    ['tty', ['--progress', 'tty']],
    ['rawjson', ['--progress', 'rawjson']],
    ['debug', ['-vv']],
    ['unknown flag', ['--unknown']],
    ['no value', ['--progress']],
    ['no such view', ['--progress', 'x']],
    ['a platform that is missing', ['--platform', 'plan9/mips']],
  ])('prints keys or nothing: %s', async (_, flags) => {
    const result = await ctxsrc(['key', layoutRef('everything', 'latest'), ...flags]);
    expect(result.stdout).toMatch(KEYS);
    expect(result.stdout === '').toBe(result.code !== 0);
  });
});

describe('a reader', () => {
  it('that goes away early is no error', async () => {
    const child = spawn(process.execPath, [cliPath(), 'completion', 'man'], { env: cliEnv(cliHome()) });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number];
    expect([code, stderr]).toEqual([0, '']);
  });

  it('that is slow gets everything, and the exit code is the command’s', async () => {
    const dir = tempDir('many');
    for (const side of ['a', 'b']) mkdirSync(join(dir, side));
    for (let i = 0; i < 10_000; i += 1) writeFileSync(join(dir, 'b', `a-file-with-a-rather-long-name-${i}`), '');
    const args = [cliPath(), 'diff', '--exit-code', '--progress', 'none', 'a', 'b'];
    const child = spawn(process.execPath, args, { cwd: dir, env: cliEnv(cliHome()) });
    await setTimeout(700); // The pipe is full long before the program is done.
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      child.stdout.pause();
      void setTimeout(1).then(() => child.stdout.resume());
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(6);
    expect(text.length).toBeGreaterThan(380_000);
    expect(text.split('\n').filter((line) => line.startsWith(' A a-file'))).toHaveLength(10_000);
  });
});

describe('talk on stderr', () => {
  let registry: TestRegistry;
  let reference: string[];
  let env: Record<string, string>;

  beforeAll(async () => {
    registry = await TestRegistry.start({ auth: { kind: 'bearer', ...SECRETS } });
    const layout = new LayoutBuilder();
    const image = layout.image({ layers: [layout.layer(tar([{ name: 'x', content: 'x' }]))] });
    const root = layout.index([{ ...image, platform: { os: 'linux', architecture: 'amd64' } }]);
    registry.push(layout, 'team/app', 'latest', root);
    const platform = ['--platform', 'linux/amd64'];
    reference = [`docker-image://${registry.host}/team/app:latest`, '--plain-http', registry.host, ...platform];
    const auth = Buffer.from(`${SECRETS.username}:${SECRETS.password}`).toString('base64');
    env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [registry.host]: { auth } } }) };
  });

  afterAll(() => registry.stop());

  it('shows requests with -v, choices with -vv, and never a secret', async () => {
    const quiet = await ctxsrc(['key', ...reference, '-q'], { env });
    expect([quiet.code, quiet.stderr]).toEqual([0, '']);
    const usual = await ctxsrc(['key', ...reference], { env, home: cliHome() });
    expect(usual.stderr).not.toMatch(/GET|HEAD|debug/);
    const verbose = await ctxsrc(['key', ...reference, '-v'], { env, home: cliHome() });
    expect(verbose.stderr).toMatch(/^(HEAD|GET) http:\/\/.*\/v2\/team\/app\/manifests\/latest \d+ \(\d+ ms/m);
    expect(verbose.stderr).not.toContain('debug: ');
    const debug = await ctxsrc(
      ['key', ...reference, '-vv', '--mirror', `${registry.host}=127.0.0.1:1`, '--retry', '0'],
      {
        env,
        home: cliHome(),
      },
    );
    expect(debug.code, debug.stderr).toBe(0);
    expect(debug.stderr).toMatch(/debug: platform linux\/amd64: linux\/amd64 of 1 in sha256:/);
    expect(debug.stderr).toMatch(/debug: credential for .*: basic from DOCKER_AUTH_CONFIG/);
    expect(debug.stderr).toMatch(/debug: mirror for .*: 127\.0\.0\.1:1\/team\/app/);
    const raw = await ctxsrc(['key', ...reference, '--progress', 'rawjson'], { env, home: cliHome() });
    for (const { stdout, stderr } of [quiet, usual, verbose, debug, raw]) {
      expect(stdout).toMatch(KEYS);
      for (const secret of [
        SECRETS.password,
        Buffer.from(`${SECRETS.username}:`).toString('base64').slice(0, 9),
        'token-of-the',
      ])
        expect(stderr).not.toContain(secret);
    }
  });

  it('as rawjson keeps the documented schema', async () => {
    const dir = join(tempDir('raw'), 'out');
    const result = await ctxsrc(['snapshot', ...reference, dir, '--progress', 'rawjson'], { env, home: cliHome() });
    expect(result.code, result.stderr).toBe(0);
    const documented = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'progress.md'), 'utf8');
    const members: Readonly<Record<string, readonly string[]>> = {
      start: ['id', 'phase', 'label', 'total', 'unit', 'parent', 'layer', 'layers'],
      advance: ['id', 'done', 'total', 'files', 'part', 'phase'],
      end: ['id', 'status'],
      message: ['level', 'text', 'hint'],
      request: ['method', 'url', 'status', 'ms', 'bytes', 'error'],
    };
    const events = result.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const open = new Set<unknown>();
    let at = 0;
    for (const { schema, at: now, type, ...rest } of events) {
      expect(schema).toBe('ctxsrc/v1');
      expect(now).toBeGreaterThanOrEqual(at);
      at = now as number;
      expect(documented).toContain(`| \`${type as string}\` |`);
      expect(members[type as string]).toEqual(expect.arrayContaining(Object.keys(rest)));
      if (type === 'start') {
        open.add(rest.id);
        expect(documented).toContain(`\`${rest.phase as string}\``);
      }
      if (type === 'end') expect(open.delete(rest.id)).toBe(true);
      if (type === 'advance') expect(open.has(rest.id)).toBe(true);
    }
    expect(open.size).toBe(0);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['start', 'advance', 'end', 'message', 'request']));
  });

  it('of a terminal holds no colour with NO_COLOR or --no-color', async () => {
    const colour = /\u001b\[3\d/;
    for (const more of [{ NO_COLOR: '1' }, {}]) {
      const flags = 'NO_COLOR' in more ? [] : ['--no-color'];
      const result = await ctxsrc(['key', ...reference, '--progress', 'tty', ...flags], { env: { ...env, ...more } });
      expect(result.code, result.stderr).toBe(0);
      expect(result.stderr).not.toMatch(colour);
    }
  });

  it('is JSON for an error with --json, after any progress', async () => {
    const result = await ctxsrc(['key', ...reference, '--json'], { home: cliHome() });
    expect([result.code, result.stdout]).toEqual([4, '']);
    expect(JSON.parse(result.stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({
      schema: 'ctxsrc/v1',
      error: { code: 'E_UNAUTHORIZED', exit: 4, ref: reference[0] },
    });
  });

  it('does not keep the process once all is said', async () => {
    const times = async (args: readonly string[]): Promise<number> => {
      const result = await ctxsrc([...args], { env });
      expect(result.code).toBe(0);
      return result.ms;
    };
    // Half a second more was spent on a library's compilation in the background. The quickest of ten, for a machine
    // that is busy with something else slows one or another.
    let more = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 10 && more >= 450; round += 1) {
      more = Math.min(more, (await times(['digest', ...reference])) - (await times(['--version'])));
    }
    expect(more).toBeLessThan(450);
  });
});

describe('--github-output', () => {
  it('appends key, digest and pinned, and prints as ever; an error appends nothing', async () => {
    const file = join(tempDir('github'), 'output');
    writeFileSync(file, 'before=1\n');
    const env = { GITHUB_OUTPUT: file };
    const args = ['key', '--github-output', layoutRef('hello', 'latest')];
    const result = await ctxsrc(args, { env });
    expect(result.code, result.stderr).toBe(0);
    const pinned = (await ctxsrc(['digest', '--pinned', layoutRef('hello', 'latest')])).stdout;
    const digest = pinned.slice(pinned.lastIndexOf('@') + 1);
    const expected = readFileSync(file, 'utf8');
    expect(expected.split(/^json=.*\n/m)).toEqual([
      `before=1\nkey=${result.stdout}digest=${digest}pinned=${pinned}`,
      '',
    ]);
    expect((await ctxsrc(['key', '--github-output', './missing'], { env })).code).toBe(3);
    expect(readFileSync(file, 'utf8')).toBe(expected);
    expect(await ctxsrc(args)).toMatchObject({ code: 2 });
  });
});
