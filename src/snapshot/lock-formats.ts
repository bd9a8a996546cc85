/** A lock file in the words of other tools: buildx's flags, a bake override file, a BuildKit source policy. */
import type { Lock } from './lock.ts';

/** What another tool is given, and the contexts for which it has no words. */
export interface Rendered {
  readonly text: string;
  readonly omitted: readonly string[];
}

/** `--build-context NAME=REF@DIGEST`, one a line, for `docker buildx build` and `buildah build`. */
export function asBuildContexts(lock: Lock): Rendered {
  const lines = sorted(lock).map(([name, entry]) => `--build-context ${name}=${entry.pinned ?? entry.ref}\n`);
  return { text: lines.join(''), omitted: [] };
}

/** A bake file (JSON) that overrides the contexts of one target: `docker buildx bake -f docker-bake.hcl -f FILE`. */
export function asBake(lock: Lock, target: string): Rendered {
  const contexts = Object.fromEntries(sorted(lock).map(([name, entry]) => [name, entry.pinned ?? entry.ref]));
  return { text: `${JSON.stringify({ target: { [target]: { contexts } } }, undefined, 2)}\n`, omitted: [] };
}

/**
 * A BuildKit source policy: one CONVERT rule for each reference that has a pinned form. It matches the reference exactly
 * as BuildKit prints it and pins exactly these, nothing else.
 */
export function asBuildkitPolicy(lock: Lock): Rendered {
  const pinned = sorted(lock).filter(([, entry]) => entry.pinned !== undefined && entry.pinned !== entry.ref);
  const rules = pinned.map(([, entry]) => ({
    action: 'CONVERT',
    selector: { identifier: entry.ref, matchType: 'EXACT' },
    updates: { identifier: entry.pinned },
  }));
  const omitted = sorted(lock)
    .filter(([, entry]) => entry.pinned === undefined)
    .map(([name]) => name);
  return { text: `${JSON.stringify({ version: 1, rules }, undefined, 2)}\n`, omitted };
}

const sorted = (lock: Lock) => [...lock].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
