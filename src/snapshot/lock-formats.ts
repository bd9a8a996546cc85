/**
 * A lock file in the words of other tools: buildx's flags, a bake override file, a BuildKit source policy. Each says what
 * that tool can read; what it cannot is left out and named.
 */
import { isBuildContext, type PolicyRule, sourcePolicyRule } from '../source/foreign-forms.ts';
import type { Lock } from './lock.ts';

/** What another tool is given, and the contexts for which it has no words. */
export interface Rendered {
  readonly text: string;
  readonly omitted: readonly { readonly name: string; readonly why: string }[];
}

/** `--build-context NAME=REF@DIGEST`, one a line, for `docker buildx build` and `buildah build`. */
export function asBuildContexts(lock: Lock): Rendered {
  const { contexts, omitted } = buildContexts(lock);
  return { text: contexts.map(([name, value]) => `--build-context ${name}=${value}\n`).join(''), omitted };
}

/** A bake file (JSON) that overrides the contexts of one target: `docker buildx bake -f docker-bake.hcl -f FILE`. */
export function asBake(lock: Lock, target: string): Rendered {
  const { contexts, omitted } = buildContexts(lock);
  const document = { target: { [target]: { contexts: Object.fromEntries(contexts) } } };
  return { text: `${JSON.stringify(document, undefined, 2)}\n`, omitted };
}

/**
 * A BuildKit source policy: one CONVERT rule for each reference that can be pinned. It matches the reference exactly as
 * BuildKit prints it and pins exactly these, nothing else.
 */
export function asBuildkitPolicy(lock: Lock): Rendered {
  const rules: PolicyRule[] = [];
  const omitted: { name: string; why: string }[] = [];
  for (const [name, entry] of sorted(lock)) {
    const rule = sourcePolicyRule(entry);
    if (rule === undefined) omitted.push({ name, why: 'no policy can pin such a source' });
    else if (rule !== 'pinned already') rules.push(rule);
  }
  return { text: `${JSON.stringify({ version: 1, rules }, undefined, 2)}\n`, omitted };
}

function buildContexts(lock: Lock): { contexts: [string, string][]; omitted: { name: string; why: string }[] } {
  const contexts: [string, string][] = [];
  const omitted: { name: string; why: string }[] = [];
  for (const [name, entry] of sorted(lock)) {
    const value = entry.pinned ?? entry.ref;
    if (!isBuildContext(value)) omitted.push({ name, why: `no build context can be ${value}` });
    // Each line is split at blanks by the shell that hands it on.
    else if (/\s/.test(value)) omitted.push({ name, why: `${JSON.stringify(value)} contains white space` });
    else contexts.push([name, value]);
  }
  return { contexts, omitted };
}

const sorted = (lock: Lock) => [...lock].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
