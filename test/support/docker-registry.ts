/** Debian's docker-registry (the distribution project's) on a free port of the loopback interface. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { run } from './cli.ts';
import { which } from './needs.ts';
import type { ImageServer } from './project-world.ts';
import { tempDir } from './temp.ts';

export interface DockerRegistryOptions {
  /** Ask for the user name and password below. */
  readonly auth?: boolean | undefined;
  /** PEM files; the registry then speaks https, with an authority only to clients that it signed. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientAuthority?: string } | undefined;
  /** More lines of its configuration file (YAML). */
  readonly extra?: string | undefined;
  /** Where it keeps its content; a fresh directory unless given. */
  readonly storage?: string | undefined;
}

export interface DockerRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly storage: string;
  stop(): Promise<void>;
}

/** The one account of a registry with `auth`. */
export const REGISTRY_USER = { username: 'reader', password: 'open-sesame' } as const;
const HTPASSWD = 'reader:$2y$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO';

/** Starts it and waits until it answers. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const program = which('docker-registry');
  if (program === undefined) throw new Error('docker-registry is not installed');
  const dir = tempDir('registry');
  const storage = options.storage ?? join(dir, 'content');
  // Another program may take the port between the look and the start; then the registry ends, and we try anew.
  for (let attempt = 1; ; attempt++) {
    const host = `127.0.0.1:${await freePort()}`;
    writeFileSync(join(dir, 'htpasswd'), `${HTPASSWD}\n`);
    writeFileSync(join(dir, 'config.yml'), config(host, dir, storage, options));
    const child = spawn(program, ['serve', join(dir, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-4000);
    });
    if (await ready(child, `http${options.tls ? 's' : ''}://${host}/v2/`)) {
      return { host, storage, stop: () => stop(child) };
    }
    await stop(child);
    if (attempt === 3) throw new Error(`docker-registry did not start: ${log}`);
  }
}

function config(host: string, dir: string, storage: string, options: DockerRegistryOptions): string {
  const { certificate, key, clientAuthority } = options.tls ?? {};
  const clients = clientAuthority === undefined ? '' : `, clientcas: [${clientAuthority}]`;
  const tls = options.tls === undefined ? '' : `  tls: {certificate: ${certificate}, key: ${key}${clients}}\n`;
  const auth = options.auth === true ? `auth: {htpasswd: {realm: test, path: ${join(dir, 'htpasswd')}}}\n` : '';
  return `version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: ${storage}}, delete: {enabled: true}}
http:
  addr: ${host}
${tls}${auth}${options.extra ?? ''}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Waits for any answer at all (401 is one; so is a certificate that this process does not trust). */
async function ready(child: ChildProcess, url: string): Promise<boolean> {
  for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(50)) {
    if (child.exitCode !== null) return false;
    try {
      await (await fetch(url)).arrayBuffer();
      return true;
    } catch (error) {
      const cause = (error as { cause?: { code?: string } }).cause?.code ?? '';
      if (/CERT|SELF_SIGNED|VERIFY/.test(cause)) return true;
    }
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}

/** Pushes images to it by skopeo, and moves tags between those that were pushed. */
export function imageServer({ host }: DockerRegistry): ImageServer {
  const pushed = new Set<string>();
  return {
    host,
    async push(layout, repository, tag, root) {
      const image = `${repository}@${root.digest}`;
      if (pushed.has(image)) {
        const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
          method: 'PUT',
          headers: { 'content-type': root.mediaType },
          body: new Uint8Array(layout.blobs.get(root.digest)!),
        });
        if (!answer.ok) throw new Error(await answer.text());
        return;
      }
      layout.tag(root, tag);
      const dir = layout.write(tempDir('layout'));
      const flags = ['copy', '--all', '--preserve-digests', '--dest-tls-verify=false', '--insecure-policy'];
      const names = [`oci:${dir}:${tag}`, `docker://${host}/${repository}:${tag}`];
      const result = await run(which('skopeo')!, [...flags, ...names]);
      if (result.code !== 0) throw new Error(result.stderr);
      pushed.add(image);
    },
  };
}
