/** The annotations of a pushed source that somebody asked for. */
import { CtxsrcError } from '../../../core/errors.ts';
import { shownReference } from '../../../core/shown-reference.ts';
import { CREATED, TREE_PIN } from '../../../oci/tree-annotations.ts';

const REVISION = 'org.opencontainers.image.revision';
const SOURCE = 'org.opencontainers.image.source';
const OWN = 'dev.ctxsrc.';
/** Reverse domain notation (image-spec, annotations.md). */
const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\.[a-z0-9]+(?:[._-][a-z0-9]+)*)+$/i;

/** What a source knows of itself. */
export interface SourceFacts {
  readonly pin: string;
  /** Of git: the commit, if the pin is the ID of a tag. */
  readonly commit?: unknown;
  /** Of git: the repository. */
  readonly remote?: unknown;
  readonly identifier?: string;
}

/**
 * @param asked `NAME=VALUE`, or a name whose value the source knows
 * @throws CtxsrcError `E_USAGE`
 */
export function annotationsOf(asked: readonly string[], facts: SourceFacts): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const text of asked) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    // Names that differ in case alone would be taken for one another.
    const lower = name.toLowerCase();
    if (lower === CREATED)
      throw wrong(text, 'is the time of the files', '--mtime epoch takes SOURCE_DATE_EPOCH for it');
    const isOwn = lower.startsWith(OWN);
    const value = equals < 0 ? known(name, facts) : text.slice(equals + 1);
    if (!NAME.test(name) || (equals >= 0 && isOwn)) {
      throw wrong(text, isOwn ? 'is made by ctxsrc, and takes no value' : 'has no name like org.example.name');
    }
    if (value === undefined) throw wrong(text, 'has no value, and this source knows none');
    if (annotations[name] !== undefined) throw wrong(text, 'is given twice');
    annotations[name] = value;
  }
  return annotations;
}

function known(name: string, { pin, commit, remote, identifier }: SourceFacts): string | undefined {
  if (name === TREE_PIN) return pin;
  if (name === REVISION) return typeof commit === 'string' ? commit : /^[0-9a-f]{40,64}$/.test(pin) ? pin : undefined;
  if (name !== SOURCE) return undefined;
  const source = typeof remote === 'string' ? remote : identifier;
  // Neither users nor queries: either may be a secret.
  return source === undefined
    ? undefined
    : shownReference(source)
        .replace(/[?#].*$/s, '')
        .replace(/(?<=:\/\/)[^/@]*@/, '');
}

const FORM = `--annotation NAME=VALUE; without a value ${TREE_PIN}, ${REVISION}, ${SOURCE}`;

function wrong(text: string, what: string, hint = FORM): CtxsrcError {
  return new CtxsrcError('E_USAGE', `the annotation ${JSON.stringify(text)} ${what}`, { hint });
}
