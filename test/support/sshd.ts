/** OpenSSH's server on a free port of the loopback interface, with keys of its own, for whoever runs the tests. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { needs, needsRoot, which } from './needs.ts';
import { tempDir } from './temp.ts';

export interface SshServer {
  readonly port: number;
  /** `USER@127.0.0.1:PORT` */
  readonly authority: string;
  /** Private key that the server lets in. */
  readonly key: string;
  /** Private key that it does not. */
  readonly otherKey: string;
  /** known_hosts with the server's key. */
  readonly knownHosts: string;
  /** Socket of an agent that holds the key. */
  readonly agent: string;
  stop(): Promise<void>;
}

/** True when a server can be run here: it runs commands by the login shell of whoever logs in. */
export function needsSshServer(): boolean {
  if (!needs('sshd', 'ssh', 'ssh-keygen', 'ssh-agent', 'ssh-add')) return false;
  let shell: string | null = null;
  try {
    ({ shell } = userInfo());
  } catch {
    // a user without a name
  }
  return (shell !== null && !/nologin|false$/.test(shell)) || needsRoot('an ssh server needs a user who can log in');
}

export async function startSshServer(): Promise<SshServer> {
  const dir = tempDir('sshd');
  const file = (name: string): string => join(dir, name);
  for (const name of ['host', 'key', 'other']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  }
  writeFileSync(file('authorized'), readFileSync(file('key.pub')), { mode: 0o600 });
  // The folder that its unprivileged half is confined to; Debian's service makes it at its start.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const agent = spawn('ssh-agent', ['-D', '-a', file('agent')], { stdio: 'ignore' });
  await until(() => ran('ssh-add', ['-q', file('key')], { SSH_AUTH_SOCK: file('agent') }));
  const port = await freePort();
  const config = `ListenAddress 127.0.0.1:${port}
HostKey ${file('host')}
AuthorizedKeysFile ${file('authorized')}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AcceptEnv GIT_PROTOCOL
`;
  writeFileSync(file('config'), config);
  const server = spawn(which('sshd') as string, ['-D', '-e', '-f', file('config')], { stdio: 'ignore' });
  await until(() => answers(port));
  writeFileSync(file('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(file('host.pub'), 'utf8')}`);
  return {
    port,
    authority: `${userInfo().username}@127.0.0.1:${port}`,
    key: file('key'),
    otherKey: file('other'),
    knownHosts: file('known_hosts'),
    agent: file('agent'),
    stop: async () => {
      await Promise.all([stop(server), stop(agent)]);
    },
  };
}

function ran(program: string, args: readonly string[], env: Record<string, string>): boolean {
  try {
    execFileSync(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(50)) if (await done()) return;
  throw new Error('the ssh server or its agent did not start');
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('data', () => socket.destroy());
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}
