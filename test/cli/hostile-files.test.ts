/** Small files that a stranger may have put into a checkout: pipes, devices, endless ones, links that lead out. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cliEnv, cliHome, cliPath, ctxsrc, packageRoot } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const dir = tempDir('hostile-files');
const layout = join(packageRoot, 'fixtures', 'layouts', 'hello');

/** The command, with `FILE` where the file is named; the file itself, below the directory; how it is called. */
type Reader = readonly [what: string, args: readonly string[], file: string, env?: Record<string, string>];

const READERS: readonly Reader[] = [
  ['the Dockerfile', ['key', '--combined', '-f', 'FILE', 'app'], 'docker/Dockerfile'],
  ['the ignore file', ['key', 'app'], 'app/.dockerignore'],
  ['the ignore file', ['key', 'app'], 'app/Dockerfile.dockerignore'],
  ['the ignore file', ['key', '--ignore-file', 'FILE', 'app'], 'app/ignored'],
  ['the lock file', ['key', '--lock', 'FILE', 'base'], 'app/ctxsrc.lock'],
  ['the lock file', ['lock', '--lock', 'FILE', 'a=./app'], 'app/other.lock'],
  ['app/compose.yaml', ['lock', '--from', 'FILE', '--lock', 'new.lock'], 'app/compose.yaml'],
  ['the sidecar', ['verify', 'app'], 'app.ctxsrc.json'],
  ['the configuration file', ['key', 'app'], 'config.json', { CTXSRC_CONFIG: 'config.json' }],
  ['index.json of the OCI layout', ['key', 'oci-layout://hello'], 'hello/index.json'],
  ['oci-layout of the OCI layout', ['key', 'oci-layout://hello'], 'hello/oci-layout'],
  ['the token file', ['key', '--auth-token-file', 'FILE', 'http://127.0.0.1:9/x'], 'app/token'],
  ['FILE', ['auth', '--registry-config', 'FILE', 'docker.io'], 'app/auth.json'],
  ['the certificate file', ['key', '--ca-file', 'FILE', 'https://127.0.0.1:9/x'], 'app/ca.pem'],
];

const KINDS: readonly (readonly [name: string, make: (path: string) => void, message: RegExp])[] = [
  ['a pipe', (path) => execFileSync('mkfifo', [path]), /is a pipe, not a regular file/],
  ['a link to /dev/zero', (path) => symlinkSync('/dev/zero', path), /is a device, not a regular file|leads out of/],
  [
    'a file without end',
    (path) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 40);
    },
    /is larger than \d+ bytes, the most that is read/,
  ],
];

beforeAll(() => {
  mkdirSync(join(dir, 'app'));
  mkdirSync(join(dir, 'docker'));
  writeFileSync(join(dir, 'secret'), 'password[1\n');
});

test.each(KINDS)('%s is refused wherever a small file is read', async (_, make, message) => {
  const results: Record<string, unknown> = {};
  for (const [what, args, file, env] of READERS) {
    rmSync(join(dir, 'hello'), { recursive: true, force: true });
    cpSync(layout, join(dir, 'hello'), { recursive: true });
    rmSync(join(dir, file), { force: true });
    make(join(dir, file));
    const { code, stdout, stderr } = await ctxsrc(
      args.map((arg) => (arg === 'FILE' ? file : arg)),
      { cwd: dir, env, timeout: 20_000 },
    );
    rmSync(join(dir, file));
    const named = what === 'FILE' ? file : what;
    const told = message.test(stderr) && stderr.includes(`ctxsrc: ${named}`);
    results[`${args.join(' ')} ${file}`] = { code, stdout, stderr: told ? 'told' : stderr };
  }
  const all = READERS.map(([, args, file]) => `${args.join(' ')} ${file}`);
  expect(results).toEqual(Object.fromEntries(all.map((key) => [key, { code: 8, stdout: '', stderr: 'told' }])));
});

describe('an ignore file that nobody named', () => {
  test.each(['.dockerignore', 'Dockerfile.dockerignore'])('and leads out is not followed: %s', async (name) => {
    symlinkSync('../secret', join(dir, 'app', name));
    const { code, stderr } = await ctxsrc(['key', 'app'], { cwd: dir });
    rmSync(join(dir, 'app', name));
    expect(code).toBe(8);
    expect(stderr).toContain(`the ignore file ${name} is a link that leads out of ${join(dir, 'app')}`);
    expect(stderr).not.toContain('password');
  });

  test('nor is a line of one that was named repeated', async () => {
    symlinkSync('../secret', join(dir, 'app', 'ignored'));
    const { code, stderr } = await ctxsrc(['key', '--ignore-file', 'app/ignored', 'app'], { cwd: dir });
    rmSync(join(dir, 'app', 'ignored'));
    expect(code).toBe(2);
    expect(stderr).toContain('syntax error in pattern app/ignored line 1\n');
    expect(stderr).not.toContain('password');
  });
});

describe('a Dockerfile on standard input', () => {
  test('counts as the same file would', async () => {
    writeFileSync(join(dir, 'docker', 'Dockerfile'), 'FROM scratch\n');
    const key = async (file: string, stdin?: string) =>
      (await ctxsrc(['key', '--combined', '-f', file, 'app'], { cwd: dir, stdin })).stdout;
    const of = await key('docker/Dockerfile');
    expect(of).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await key('-', 'FROM scratch\n')).toBe(of);
    expect(await key('/dev/stdin', 'FROM scratch\n')).toBe(of);
    expect(await key('-', 'FROM busybox\n')).not.toBe(of);
  });

  test('that never ends is given up when the process is told to end', async () => {
    const child = spawn(process.execPath, [cliPath(), 'key', '--combined', '-f', '-', 'app', '--progress=rawjson'], {
      cwd: dir,
      env: cliEnv(cliHome()),
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr!.on('data', (text) => {
      if (said === '') setTimeout(() => child.kill('SIGTERM'), 50);
      said += text;
    });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(143);
  });
});
