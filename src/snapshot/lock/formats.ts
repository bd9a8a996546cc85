/**
 * Locked contexts in the formats of other tools: buildx's flags, a bake override file, a BuildKit source policy.
 * Contexts that a format cannot express are left out and reported.
 */
import { isPolicyOnly } from '../../build/pin-names.ts';
import { printable, printableJson } from '../../core/printable.ts';
import {
  contextName,
  isBuildContext,
  isWebFile,
  type Pinnable,
  type PolicyRule,
  sourcePolicyRule,
} from '../../source/foreign-forms.ts';
import { byName } from './lock.ts';

/** Contexts by name, with paths relative to the directory in which the other tool is run. */
export type Contexts = ReadonlyMap<string, Pinnable>;

/** The text for another tool, and the contexts that its format cannot express. */
export interface Rendered {
  /** What the other tool reads. */
  readonly text: string;
  /** What is not in it. */
  readonly omitted: readonly Omitted[];
}

/** A context that a format cannot express. */
export interface Omitted {
  /** Its name. */
  readonly name: string;
  /** For people. */
  readonly why: string;
}

/**
 * `--build-context NAME=REF@DIGEST`, one per line, for `docker buildx build` and `buildah build`. A shell splits `$(…)`
 * into words and does not interpret quotes in it: references that it would split or expand as file patterns are left
 * out.
 */
export function asBuildContexts(lock: Contexts): Rendered {
  const { contexts, omitted } = buildContexts(lock, (name, value) =>
    SPLIT_OR_EXPANDED.test(name + value) || printable(name + value) !== name + value
      ? `the shell would not leave ${JSON.stringify(`${name}=${value}`)} as it is; --format bake can say it`
      : undefined,
  );
  return { text: contexts.map(([name, value]) => `--build-context ${name}=${value}\n`).join(''), omitted };
}

/** More characters than `$(…)` needs, because lines are also copied by hand. */
const SPLIT_OR_EXPANDED = /[\s"'`$\\*?[\](){}<>|&;!]/;

/** A bake file (JSON) that overrides the contexts of one target: `docker buildx bake -f docker-bake.hcl -f FILE`. */
export function asBake(lock: Contexts, target: string): Rendered {
  const { contexts, omitted } = buildContexts(lock, () => undefined);
  const short = new Map<string, string>();
  const left = [...omitted];
  for (const [name, value] of contexts) {
    // bake passes names on unchanged, and BuildKit looks for the short names.
    const key = contextName(name)!;
    const earlier = short.get(key);
    if (earlier !== undefined && earlier !== value) left.push({ name, why: `${key} is ${earlier} already` });
    else short.set(key, value);
  }
  const literal = [...short].map((pair) => pair.map(bakeLiteral) as [string, string]);
  const document = { target: { [target]: { contexts: Object.fromEntries(literal) } } };
  return { text: json(document), omitted: left };
}

/** Texts of a bake file are templates, including names of contexts. */
const bakeLiteral = (text: string): string => text.replace(/[$%](?=\{)/g, '$&$&');

/**
 * A BuildKit source policy: one CONVERT rule for each reference that can be pinned. It matches only the reference
 * exactly as BuildKit prints it.
 */
export function asBuildkitPolicy(lock: Contexts): Rendered {
  const rules = new Map<string, PolicyRule>();
  const omitted: Omitted[] = [];
  for (const [name, context] of byName(lock)) {
    const rule = sourcePolicyRule(context);
    if (rule === undefined) omitted.push({ name, why: 'no policy can pin such a source' });
    if (rule === undefined || rule === 'pinned already') continue;
    const { identifier } = rule.selector;
    const earlier = rules.get(identifier) ?? rule;
    // BuildKit would always apply the first rule.
    if (JSON.stringify(earlier) !== JSON.stringify(rule))
      omitted.push({ name, why: `the policy pins ${identifier} to another digest already` });
    else rules.set(identifier, rule);
  }
  return { text: json({ version: 1, rules: [...rules.values()] }), omitted };
}

function buildContexts(
  lock: Contexts,
  problem: (name: string, value: string) => string | undefined,
): { contexts: [string, string][]; omitted: Omitted[] } {
  const contexts: [string, string][] = [];
  const omitted: Omitted[] = [];
  for (const [name, { ref, pinned, vendored }] of byName(lock)) {
    const value = vendored ?? pinned ?? ref;
    // The Dockerfile holds it to the digest itself.
    if (name.includes('@') && value === ref) continue;
    const why = isPolicyOnly(name)
      ? 'no build context can stand for it; --format buildkit-policy pins it'
      : isWebFile(value)
        ? 'a build context holds no checksum of a file on the web; --format buildkit-policy pins it'
        : !isBuildContext(value)
          ? `no build context can be ${value}`
          : contextName(name) === undefined
            ? 'a build takes only names that an image could have: lower case, no blanks'
            : problem(name, value);
    if (why === undefined) contexts.push([name, value]);
    else omitted.push({ name, why });
  }
  return { contexts, omitted };
}

const json = (document: unknown): string => printableJson(`${JSON.stringify(document, undefined, 2)}\n`);
