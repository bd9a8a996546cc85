/** An operation as BuildKit's cache keys see it: what is in none of them is taken out. */
import { type Digest, sha256 } from '../../core/digest.ts';
import { baseName } from '../../core/go/path.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { Vertex } from '../../dockerfile/graph/types.ts';
import type { ExecMount, ExecOperation, FileAction, FileOperation } from './operation.ts';

/**
 * Digest of what a cache key holds of an operation itself. What comes from its inputs is not in it: which of their
 * files it takes (`inputsOf`) and what is in them.
 */
export function operationDigest({ kind, op, platform, inputs }: Vertex): Digest {
  // Only a command runs on a platform: files are copied the same way on all of them.
  if (kind === 'exec') return sha256(stableJson({ kind, platform, op: execView(op as unknown as ExecOperation) }));
  if (kind === 'file') return sha256(stableJson({ kind, op: fileView(op as unknown as FileOperation, inputs.length) }));
  return sha256(stableJson({ kind, op }));
}

function execView(op: ExecOperation): unknown {
  const { proxy_env: _, extraHosts, ...meta } = op.meta;
  return {
    ...op,
    meta: { ...meta, ...(extraHosts && { extraHosts: extraHosts.map(({ Host }) => ({ Host })) }) },
    mounts: op.mounts.map(({ selector: _, ...mount }) => (hidesCache(mount) ? withoutCacheName(mount) : mount)),
  };
}

/** Only a cache mount of default name and sharing keeps them: with a namespace, or without, before the target. */
function hidesCache({ cacheOpt, dest }: ExecMount): boolean {
  if (cacheOpt === undefined) return false;
  const { ID = '', sharing = 0 } = cacheOpt;
  const slash = ID.indexOf('/');
  const isDefault = ID === dest || (slash >= 0 && ID.slice(slash + 1) === dest);
  return !isDefault || sharing !== 0;
}

function withoutCacheName({ cacheOpt, ...mount }: ExecMount): unknown {
  const { ID: _, sharing: __, ...rest } = cacheOpt!;
  return { ...mount, cacheOpt: rest };
}

function fileView({ actions }: FileOperation, inputs: number): unknown {
  return { actions: actions.map((action) => actionView(action, inputs)) };
}

/** Of the path of what is copied from an input the last part only: the file arrives under this name. */
function actionView(action: FileAction, inputs: number): unknown {
  const { copy } = action.Action;
  if (copy === undefined || action.secondaryInput < 0 || action.secondaryInput >= inputs) return action;
  return { ...action, Action: { copy: { ...copy, src: baseName(copy.src) } } };
}
