/** The lock file over a real registry: moved tags are found without a blob, and buildah takes the lines it prints. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LockEntry } from '../../src/snapshot/lock/lock.ts';
import { cliHome, ctxsrc, packageRoot, run } from '../support/cli.ts';
import { directory } from '../support/cli-expect.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const amd64 = ['--platform', 'linux/amd64'];

describe.skipIf(!needs('docker-registry', 'skopeo'))('a lock file over docker-registry', () => {
  let registry: DockerRegistry;
  /** Only to see what the registry is asked. */
  let log: FaultProxy;
  let dir: string;
  let home: string;
  let plain: string[];

  const push = (layout: string, tag: string): void => {
    const source = `oci:${join(packageRoot, 'fixtures', 'layouts', layout)}`;
    const target = `docker://${registry.host}/team/base:${tag}`;
    const flags = ['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', '--preserve-digests'];
    execFileSync('skopeo', [...flags, source, target], { stdio: 'pipe' });
  };
  const at = (...args: string[]) => ctxsrc(args, { cwd: dir, home });
  const lockText = (): string => readFileSync(join(dir, 'ctxsrc.lock'), 'utf8');
  const entry = (): LockEntry => (JSON.parse(lockText()) as { contexts: { base: LockEntry } }).contexts.base;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    log = await FaultProxy.start(registry.host);
    dir = tempDir('lock');
    home = cliHome();
    plain = ['--plain-http', log.host];
    push('hello', 'stable');
  });

  afterAll(async () => {
    await log.stop();
    await registry.stop();
  });

  it('has the same bytes twice; --check asks for no blob and finds a tag that moved', async () => {
    const args = ['lock', `base=docker-image://${log.host}/team/base:stable`, ...plain, ...amd64];
    const written = await at(...args);
    expect(written.code, written.stderr).toBe(0);
    const first = lockText();
    const again = await at(...args);
    expect(again.code, again.stderr).toBe(0);
    expect(lockText()).toBe(first);
    const { digest, pinned } = entry();
    expect(pinned).toBe(`docker-image://${log.host}/team/base:stable@${digest}`);

    log.log.length = 0;
    const same = await at('lock', '--check', ...plain);
    expect([same.code, same.stdout]).toEqual([0, '']);
    push('everything:zstd', 'stable');
    const moved = await at('lock', '--check', ...plain);
    const now = (await at('digest', `docker-image://${log.host}/team/base:stable`, ...plain)).stdout.trim();
    expect(now).not.toBe(digest);
    expect([moved.code, moved.stdout]).toEqual([6, `base digest ${digest} -> ${now}\n`]);
    expect(log.seen('blob')).toEqual([]);
    expect(log.seen('manifest').every(({ method }) => method === 'HEAD')).toBe(true);

    // What is locked is still to be had, by name.
    const files = await at('snapshot', 'base', './out', '--lock', 'ctxsrc.lock', ...plain);
    expect([files.code, files.stdout], files.stderr).toEqual([0, `${entry().key}\n`]);
    const updated = await at('lock', '--update', 'base', ...plain);
    expect(updated.code, updated.stderr).toBe(0);
    expect(entry().digest).toBe(now);
  });

  const canBuild = needs('buildah') && needsRoot('buildah with a storage of its own');
  it.skipIf(!canBuild)('buildah takes the printed --build-context lines, and gets what is locked', async () => {
    push('hello', 'build');
    const image = `base=docker-image://${log.host}/team/base:build`;
    const locked = await at('lock', '--lock', 'build.lock', image, `app=${directory('app')}`, ...plain, ...amd64);
    expect(locked.code, locked.stderr).toBe(0);
    push('everything:zstd', 'build');
    const lines = (await at('lock', '--lock', 'build.lock', '--format', 'build-contexts', ...plain)).stdout;
    const containerfile = 'FROM scratch\nCOPY --from=base /etc/motd /motd\nCOPY --from=app README.md /readme\n';
    writeFileSync(join(dir, 'Containerfile'), containerfile);
    const storage = tempDir('buildah');
    const global = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs'];
    const policy = join(storage, 'policy.json');
    writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    const build = ['build', '--isolation', 'chroot', '--tls-verify=false', '--signature-policy', policy];
    const words = lines.trim().split(/\s+/);
    const target = join(storage, 'image');
    // Not synchronously: the log between buildah and the registry runs in this process.
    const built = await run(
      'buildah',
      [...global, ...build, ...words, '-f', 'Containerfile', '-t', `oci:${target}:built`, '.'],
      { cwd: dir, env: { PATH: process.env.PATH, HOME: home, TMPDIR: storage } },
    );
    expect(built.code, built.stderr).toBe(0);
    const out = join(storage, 'files');
    const result = await at('snapshot', `oci-layout://${target}`, out);
    expect(result.code, result.stderr).toBe(0);
    expect(readFileSync(join(out, 'readme'), 'utf8')).toBe(readFileSync(join(directory('app'), 'README.md'), 'utf8'));
    expect(readFileSync(join(out, 'motd'), 'utf8').length).toBeGreaterThan(0);
  });
});
