/** BuildKit's exec operation: a process, what it sees of files, secrets and sockets, and what it leaves. */
import { compareUtf8 } from '../../core/go/text.ts';
import { formatPlatformAll, type Platform } from '../../core/platform.ts';
import { type InputPosition, type Operation, type Output, present } from './operation.ts';
import type { RunOptions } from './run-options.ts';
import type { Place } from './types.ts';

interface MountPlace {
  readonly target: string;
  readonly readOnly: boolean;
}

export interface CacheMount {
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
}

/** Of `files` the part that `selector` names is mounted; an empty one: all of them. */
export type ExecMount = MountPlace &
  (
    | { readonly kind: 'bind'; readonly files: Output | undefined; readonly selector: string }
    | {
        readonly kind: 'cache';
        readonly files: Output | undefined;
        readonly selector: string;
        readonly cache: CacheMount;
      }
    | { readonly kind: 'tmpfs'; readonly size: number }
  );

interface OwnedMount {
  readonly id: string;
  readonly optional: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface SecretMount extends OwnedMount {
  /** The file that holds it; undefined: none does. */
  readonly target: string | undefined;
  /** The environment variable that holds it. */
  readonly variable: string | undefined;
}

export interface SshMount extends OwnedMount {
  /** Empty: BuildKit chooses the socket. */
  readonly target: string;
}

export interface Process {
  readonly root: Output | undefined;
  readonly platform: Platform;
  readonly args: readonly string[];
  readonly environment: readonly string[];
  readonly directory: string;
  readonly user: string;
  readonly network: number;
  readonly insecure: boolean;
  readonly proxies: Readonly<Record<string, string>> | undefined;
  readonly options: RunOptions;
  readonly mounts: readonly ExecMount[];
  readonly secrets: readonly SecretMount[];
  readonly ssh: readonly SshMount[];
}

const MOUNT_TYPE = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 } as const;
const SHARING = { shared: 0, private: 1, locked: 2 } as const;

/** The operation; its output are the files that the process leaves. */
export function execOperation(process: Process, places: readonly Place[]): Output {
  const mounts = [...process.mounts].sort((a, b) => compareUtf8(a.target, b.target));
  const operation: Operation = {
    kind: 'exec',
    platform: formatPlatformAll(process.platform),
    places,
    sources: [process.root, ...mounts.map((mount) => (mount.kind === 'tmpfs' ? undefined : mount.files))],
    describe: (input) => ({ op: describe(process, mounts, input) }),
  };
  return { operation, index: 0 };
}

function describe(process: Process, mounts: readonly ExecMount[], input: InputPosition) {
  const { options, secrets } = process;
  const sockets = process.ssh.map((socket, index) => ({
    ...socket,
    target: socket.target === '' ? `/run/buildkit/ssh_agent.${index}` : socket.target,
  }));
  return present({
    meta: present({
      args: process.args,
      env: withAgent(process.environment, sockets[0]?.target),
      cwd: process.directory,
      user: process.user,
      proxy_env: process.proxies && present(process.proxies),
      extraHosts: options.extraHosts,
      hostname: options.hostname,
      ulimit: options.ulimits.map(present),
      cgroupParent: options.cgroupParent,
      removeMountStubsRecursive: true,
    }),
    mounts: [
      present({ input: input(process.root), dest: '/' }),
      ...mounts.map((mount) => describeMount(mount, input)),
      ...secrets.flatMap((secret) => (secret.target === undefined ? [] : [describeSecret(secret, secret.target)])),
      ...sockets.map((socket) => ({
        ...present({ input: -1, dest: socket.target, mountType: MOUNT_TYPE.ssh }),
        SSHOpt: describeOwned(socket),
      })),
    ],
    network: process.network,
    security: process.insecure ? 1 : 0,
    secretenv: secrets.flatMap(({ id, variable, optional }) => {
      return variable === undefined ? [] : [present({ ID: id, name: variable, optional })];
    }),
  });
}

function withAgent(environment: readonly string[], socket: string | undefined): readonly string[] {
  const known = environment.some((variable) => variable.startsWith('SSH_AUTH_SOCK='));
  return socket === undefined || known ? environment : [...environment, `SSH_AUTH_SOCK=${socket}`];
}

/** No mount is an output: changes of a bind are dropped, caches are kept elsewhere. */
function describeMount(mount: ExecMount, input: InputPosition): unknown {
  const members = {
    ...present({
      input: mount.kind === 'tmpfs' ? -1 : input(mount.files),
      selector: mount.kind === 'tmpfs' ? '' : mount.selector,
      dest: mount.target,
      output: -1,
      readonly: mount.readOnly,
      mountType: MOUNT_TYPE[mount.kind],
    }),
  };
  if (mount.kind === 'tmpfs') return { ...members, TmpfsOpt: present({ size: mount.size }) };
  if (mount.kind === 'bind') return members;
  return { ...members, cacheOpt: present({ ID: mount.cache.id, sharing: SHARING[mount.cache.sharing] }) };
}

function describeSecret(secret: SecretMount, target: string): unknown {
  return { ...present({ input: -1, dest: target, mountType: MOUNT_TYPE.secret }), secretOpt: describeOwned(secret) };
}

function describeOwned({ id, uid, gid, mode, optional }: OwnedMount): unknown {
  return present({ ID: id, uid, gid, mode, optional });
}
