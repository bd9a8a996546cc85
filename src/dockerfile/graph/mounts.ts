/** `RUN --mount=…`: what each mount adds to the operation. */
import { baseName, cleanPath, joinPath } from '../../core/go/path.ts';
import type { Mount, RunInstruction } from '../parse/instruction.ts';
import { parseMount } from '../parse/mount.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import type { CacheMount, ExecMount, SecretMount, SshMount } from './exec-operation.ts';
import { fileOperation } from './file-operation.ts';
import type { Output } from './operation.ts';
import type { Stage, Step } from './stages.ts';

export interface Mounts {
  readonly mounts: readonly ExecMount[];
  readonly secrets: readonly SecretMount[];
  readonly ssh: readonly SshMount[];
}

/** @throws DockerfileProblem */
export function mountsOf(stage: Stage, build: Build, instruction: RunInstruction, step: Step): Mounts {
  const mounts: ExecMount[] = [];
  const secrets: SecretMount[] = [];
  const ssh: SshMount[] = [];
  const expanded = build.expander(stage);
  for (const [index, text] of instruction.mounts.entries()) {
    const mount = parseMount(text, expanded);
    const origin = step.froms[index]!;
    // A cache without `from` begins as what `scratch` means.
    const from = mount.from !== '' || mount.type === 'cache' ? origin : undefined;
    if (from !== undefined && !from.done) {
      throw new DockerfileProblem(
        `the stage ${from.shownName} stands below ${stage.shownName}, which mounts it`,
        `move the stage ${from.shownName} up`,
      );
    }
    if (mount.type === 'secret') secrets.push(secretMount(mount, build, step));
    else if (mount.type === 'ssh') ssh.push(sshMount(mount, build, step));
    else mounts.push(treeMount(mount, from, stage, build, step));
  }
  return { mounts, secrets, ssh };
}

function treeMount(mount: Mount, from: Stage | undefined, stage: Stage, build: Build, step: Step): ExecMount {
  const target = targetOf(mount, stage);
  const source = joinPath('/', mount.source);
  if (from === undefined) build.useContext(source, step.place);
  else from.paths.add(source);
  const common = { target, readOnly: mount.readOnly };
  if (mount.type === 'tmpfs') return { ...common, kind: 'tmpfs', size: Number(mount.size) };
  let files = from === undefined ? build.context : from.files;
  let selector = source === '/' ? '' : source;
  if (source === '/' && (mount.uid ?? mount.gid ?? mount.mode) !== undefined) {
    files = cacheDirectory(mount, files);
    selector = '/cache';
  }
  if (mount.type === 'bind') return { ...common, kind: 'bind', files, selector };
  const cache = cacheOf(mount, build);
  build.noteUnkeyed('cache', mount.id || cleanPath(mount.target), step.place);
  return { ...common, kind: 'cache', files, selector, cache };
}

function targetOf(mount: Mount, stage: Stage): string {
  const target = cleanPath(mount.target).startsWith('/')
    ? mount.target
    : joinPath('/', stage.workingDirectory, mount.target);
  if (target === '/') throw new DockerfileProblem('a mount has no target', 'write target=/PATH in --mount');
  return target;
}

function cacheOf(mount: Mount, build: Build): CacheMount {
  const id = mount.id === '' ? cleanPath(mount.target) : mount.id;
  return { id: `${build.run.cacheNamespace}/${id}`, sharing: mount.sharing };
}

/** Where a cache begins when an owner or mode is given. */
function cacheDirectory(mount: Mount, base: Output | undefined): Output {
  const owner = { user: { id: mount.uid ?? 0 }, group: { id: mount.gid ?? 0 } };
  const action = { kind: 'mkdir' as const, path: '/cache', mode: mount.mode ?? 0o755, parents: false, owner };
  return fileOperation(base, [action], []);
}

function secretMount(mount: Mount, build: Build, step: Step): SecretMount {
  const id = mount.source || mount.id || baseName(mount.target);
  build.noteUnkeyed('secret', id, step.place);
  const file = mount.target || `/run/secrets/${baseName(id)}`;
  return {
    id,
    // One that is a variable is a file only if a target is given.
    target: mount.env === undefined ? file : mount.target || undefined,
    variable: mount.env,
    optional: !mount.required,
    ...ownerOf(mount, 0o400),
  };
}

function sshMount(mount: Mount, build: Build, step: Step): SshMount {
  if (mount.source !== '') throw new DockerfileProblem('a mount of type ssh has no source', 'leave source= out');
  build.noteUnkeyed('ssh', mount.id || 'default', step.place);
  return { id: mount.id, target: mount.target, optional: !mount.required, ...ownerOf(mount, 0o600) };
}

function ownerOf(mount: Mount, mode: number) {
  return { uid: mount.uid ?? 0, gid: mount.gid ?? 0, mode: mount.mode ?? mode };
}
