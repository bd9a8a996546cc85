/** The file that `key --build --save` keeps: the document of a key, and its detail. */
import { type Digest, sha256 } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { isObject } from '../../core/is-object.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { readNamedFile } from '../../fs/small-file.ts';
import type { BuildDetail } from '../build-detail.ts';
import { looksSaved } from './saved-form.ts';

/** Files of a step, or of a source: compared as they are. */
type StepInput = Readonly<Record<string, unknown>>;

/** The document of a key, as far as it is compared. */
interface ReadDocument {
  readonly version: number;
  readonly platforms: readonly {
    readonly platform: string;
    readonly steps: readonly { readonly operation: string; readonly inputs: readonly StepInput[] }[];
    readonly result?: StepInput;
    readonly config: string;
  }[];
  readonly frontend?: {
    readonly image: string;
    readonly config: string;
    readonly given: Readonly<Record<string, string>>;
  };
}

/** A build as it is compared. */
export interface ComparedBuild {
  readonly key: Digest;
  readonly document: ReadDocument;
  readonly detail: BuildDetail;
}

const SCHEMA = 'ctxsrc/v1';

/** A build with thousands of files has some megabytes. */
const MAX_SAVED_BYTES = 256 << 20;

/** The text of the file. */
export function savedText(document: string, detail: BuildDetail): string {
  return `${JSON.stringify({ schema: SCHEMA, document, detail })}\n`;
}

/**
 * Reads the file; `-` and `/dev/stdin` are standard input.
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, and as `readSaved`
 */
export async function readSavedFile(file: string, cwd: string, signal: AbortSignal): Promise<ComparedBuild> {
  const what = `the file ${printable(shownReference(file))}`;
  const bytes = await readNamedFile(file, { what, cwd, signal, maxBytes: MAX_SAVED_BYTES });
  return readSaved(bytes.toString('utf8'), what);
}

/**
 * @param what the file, for messages
 * @throws CtxsrcError `E_USAGE` for another file, `E_CONTENT_INVALID` for one that is damaged
 */
export function readSaved(text: string, what: string): ComparedBuild {
  const saved = parsed(text);
  if (!isObject(saved) || !looksSaved(text)) {
    throw looksSaved(text) ? damaged(what, 'it is no JSON') : notSaved(what);
  }
  if (saved.schema !== SCHEMA) {
    throw new CtxsrcError('E_USAGE', `${what} has another form than ${SCHEMA}`, {
      hint: 'a newer ctxsrc has kept it: use that one',
    });
  }
  const { document: bytes, detail } = saved;
  if (typeof bytes !== 'string') throw damaged(what, 'its document is no text');
  return comparedBuild(bytes, detail, what);
}

/** @throws as `readSaved` */
export function comparedBuild(bytes: string, detail: unknown, what: string): ComparedBuild {
  const document = parsed(bytes);
  const wrong = misfit(document, DOCUMENT, 'document') ?? misfit(detail, DETAIL, 'detail');
  if (wrong !== undefined) throw damaged(what, `${wrong} is not as it was written`);
  return { key: sha256(bytes), document: document as ReadDocument, detail: detail as BuildDetail };
}

/** The error for a file that is none of those. */
export function notSaved(what: string): CtxsrcError {
  return new CtxsrcError('E_USAGE', `${what} was not kept by ctxsrc key --build --save`, {
    hint: 'keep one: ctxsrc key --build --save FILE DIR',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(what: string, why: string): CtxsrcError {
  return new CtxsrcError('E_CONTENT_INVALID', `${what} is damaged: ${why}`, {
    hint: 'keep it anew: ctxsrc key --build --save FILE DIR',
  });
}

/** A type by its name, with `?` where it may be absent; a list of one form; the members of an object. */
type Form = 'string' | 'string?' | 'number' | 'boolean' | 'boolean?' | 'object' | 'object?' | FormList | FormMembers;
type FormList = readonly [Form];
interface FormMembers {
  readonly [member: string]: Form | Optional;
}
/** Members that may be absent as a whole. */
interface Optional {
  readonly optional: FormMembers | FormList;
}

const PART = { name: 'string', digest: 'string' } as const;

const DOCUMENT: FormMembers = {
  version: 'number',
  platforms: [
    {
      platform: 'string',
      steps: [{ operation: 'string', inputs: ['object'] }],
      result: 'object?',
      config: 'string',
    },
  ],
  frontend: { optional: { image: 'string', config: 'string', given: 'object' } },
};

const DETAIL: FormMembers = {
  file: 'string',
  text: 'string',
  frontend: { optional: { ref: 'string', digest: 'string?' } },
  platforms: ['string'],
  settings: [
    {
      flag: 'string',
      name: 'string?',
      value: 'string?',
      digest: 'string',
      idle: 'boolean?',
      implied: 'boolean?',
    },
  ],
  stages: [{ name: 'string', line: 'number', reached: 'boolean' }],
  instructions: [
    { stage: 'string', line: 'number', instruction: 'string', digest: 'string', blanks: 'string', parts: [PART] },
  ],
  inputs: [
    {
      kind: 'string',
      name: 'string',
      platform: 'string?',
      digest: 'string?',
      key: 'string?',
      base: 'boolean',
      config: { optional: [PART] },
    },
  ],
  ignores: [{ context: 'string', file: 'string', digest: 'string' }],
  paths: [{ context: 'string', path: 'string', type: 'string', mode: 'string', digest: 'string', content: 'string?' }],
  steps: [{ platform: 'string', step: 'number', line: 'number', instruction: 'string', onbuildOf: 'string?' }],
  config: [{ platform: 'string', member: 'string', digest: 'string' }],
};

/** The place of the first part of a value that is not as its form has it. */
function misfit(value: unknown, form: Form | Optional, place: string): string | undefined {
  if (typeof form === 'string') {
    if (form.endsWith('?') && value === undefined) return undefined;
    const isRight = form.startsWith('object') ? isObject(value) : typeof value === form.replace('?', '');
    return isRight ? undefined : place;
  }
  if (isOptional(form)) return value === undefined ? undefined : misfit(value, form.optional, place);
  if (isList(form)) return Array.isArray(value) ? firstMisfit(value, form[0], place) : place;
  if (!isObject(value)) return place;
  for (const [member, below] of Object.entries(form)) {
    const found = misfit(value[member], below, `${place}.${member}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstMisfit(values: readonly unknown[], form: Form, place: string): string | undefined {
  for (const [index, value] of values.entries()) {
    const found = misfit(value, form, `${place}[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isOptional(form: FormMembers | FormList | Optional): form is Optional {
  return 'optional' in form;
}

function isList(form: FormMembers | FormList): form is FormList {
  return Array.isArray(form);
}
