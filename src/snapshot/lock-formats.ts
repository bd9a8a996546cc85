/**
 * A lock file in the words of other tools: buildx's flags, a bake override file, a BuildKit source policy. Each says what
 * that tool can read; what it cannot is left out and named.
 */
import { isGitReference, parseGitReference } from '../source/git/url.ts';
import type { Lock, LockEntry } from './lock.ts';

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
    const rule = policyRule(entry);
    if (rule === undefined) omitted.push({ name, why: 'no policy can pin such a source' });
    else if (rule !== 'pinned already') rules.push(rule);
  }
  return { text: `${JSON.stringify({ version: 1, rules }, undefined, 2)}\n`, omitted };
}

/** What `--build-context` takes: images, layouts, git, files on the web, and directories, which are plain paths. */
const BUILD_CONTEXT = /^(?:(?:docker-image|oci-layout|https?|ssh|git):\/\/|[^/@:]+@[^/:]+:|\.{0,2}(?:\/|$))/;

function buildContexts(lock: Lock): { contexts: [string, string][]; omitted: { name: string; why: string }[] } {
  const contexts: [string, string][] = [];
  const omitted: { name: string; why: string }[] = [];
  for (const [name, entry] of sorted(lock)) {
    const value = entry.pinned ?? entry.ref;
    if (!BUILD_CONTEXT.test(value)) omitted.push({ name, why: `no build context can be ${value}` });
    // Each line is split at blanks by the shell that hands it on.
    else if (/\s/.test(value)) omitted.push({ name, why: `${JSON.stringify(value)} contains white space` });
    else contexts.push([name, value]);
  }
  return { contexts, omitted };
}

/** `moby.buildkit.v1.sourcepolicy.Rule` as BuildKit reads it from JSON. */
interface PolicyRule {
  readonly action: 'CONVERT';
  readonly selector: { readonly identifier: string; readonly matchType: 'EXACT' };
  readonly updates: { readonly identifier: string; readonly attrs?: Readonly<Record<string, string>> };
}

/** A rule, or why none is needed; undefined when there can be none. */
function policyRule({ ref, pinned, digest }: LockEntry): PolicyRule | 'pinned already' | undefined {
  const convert = (identifier: string, updates: PolicyRule['updates']): PolicyRule => ({
    action: 'CONVERT',
    selector: { identifier, matchType: 'EXACT' },
    updates,
  });
  if (isGitReference(ref)) {
    if (pinned === undefined || pinned === ref) return 'pinned already';
    return convert(gitIdentifier(ref), { identifier: gitIdentifier(pinned) });
  }
  if (ref.startsWith('docker-image://') && pinned !== undefined) {
    return pinned === ref ? 'pinned already' : convert(ref, { identifier: pinned });
  }
  if (/^https?:\/\//.test(ref)) return convert(ref, { identifier: ref, attrs: { 'http.checksum': digest } });
  return /^docker-image\+blob:/.test(ref) ? 'pinned already' : undefined;
}

/** As BuildKit names a git source: `git://HOST/PATH#REF:SUBDIR`, whatever the transport. */
function gitIdentifier(reference: string): string {
  const { url, ref, subdir } = parseGitReference(reference);
  const fragment = `${ref}${subdir === '' ? '' : `:${subdir}`}`;
  return `git://${url.host}/${url.path.replace(/^\/+/, '')}${fragment === '' ? '' : `#${fragment}`}`;
}

const sorted = (lock: Lock) => [...lock].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
