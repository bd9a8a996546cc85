/**
 * The lock file: what each named context pointed to when it was written. Plain JSON, sorted, with relative paths only,
 * so that the same state gives the same bytes on every machine. Reading it runs nothing and makes no request.
 */
import type { Attributes, AttributeValue } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { compareUtf8 } from '../../core/go/text.ts';
import { isObject } from '../../core/is-object.ts';
import { parseObject } from '../../core/parse-json.ts';
import { printable, printableJson, shortened } from '../../core/printable.ts';

/** One context of the lock file. */
export interface LockEntry {
  /** The reference; a path is relative to the directory of the lock file. */
  readonly ref: string;
  /** Attributes that the content depends on (platform, include, …). */
  readonly attributes?: Attributes | undefined;
  /** Root digest, of an index if there is one; for a directory its content key. */
  readonly digest: string;
  /** Digest of the chosen platform's manifest, for images. */
  readonly manifest?: string | undefined;
  /** Digests of the manifests of further platforms that a build asks for, by platform. */
  readonly manifests?: Readonly<Record<string, string>> | undefined;
  /** Digest of the image configuration. */
  readonly config?: string | undefined;
  /** Content key. */
  readonly key: string;
  /** The reference with its root digest, if there is such a form: for people. Derived from these two, never used. */
  readonly pinned?: string | undefined;
  /** The same content as an image in a registry, by tag and digest: builds take it from there. */
  readonly vendored?: string | undefined;
  /** The content key of the files in that image, where no other member says it: what it is held to when it is read. */
  readonly vendoredKey?: string | undefined;
}

export type Lock = ReadonlyMap<string, LockEntry>;

/** The format version that this program writes and reads. */
const FORM = 1;
const TEXT_MEMBERS = ['digest', 'manifest', 'config', 'key', 'pinned', 'vendored', 'vendoredKey'] as const;
/** Far more than a build has: all entries are checked before one is used. */
const MAX_CONTEXTS = 10_000;
const REQUIRED: ReadonlySet<string> = new Set(['digest', 'key']);

/** The name of a context: no `://`, no `=`, no white space or control characters, and not starting with `.` or `/`. */
export function isContextName(name: string): boolean {
  return /^[^./\s=][^\s=]*$/.test(name) && !name.includes('://') && printable(name) === name;
}

/** The bytes of a lock file: names in the order of their bytes, members in a fixed order, a newline at the end. */
export function encodeLock(lock: Lock): string {
  // An object would put integer-like names first, so the names are written by hand.
  const contexts = byName(lock).map(([name, entry]) => `    ${JSON.stringify(name)}: ${indented(entryObject(entry))}`);
  const body = contexts.length === 0 ? '{}' : `{\n${contexts.join(',\n')}\n  }`;
  return printableJson(`{\n  "schema": "ctxsrc/v1",\n  "lockfile": ${FORM},\n  "contexts": ${body}\n}\n`);
}

/** In the order of the bytes of their names. */
export function byName<T>(contexts: ReadonlyMap<string, T>): [string, T][] {
  return [...contexts].sort(([a], [b]) => compareUtf8(a, b));
}

const indented = (value: unknown): string => JSON.stringify(value, undefined, 2).replaceAll('\n', '\n    ');

function entryObject(entry: LockEntry): Record<string, unknown> {
  const attributes = Object.entries(entry.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const members = TEXT_MEMBERS.map((member) => [member, entry[member]] as const).filter(
    ([, value]) => value !== undefined,
  );
  return {
    ref: entry.ref,
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...Object.fromEntries(members),
    ...(entry.manifests === undefined ? {} : { manifests: entry.manifests }),
  };
}

/** Parses the text of a lock file. `E_CONFIG` for errors and other versions of the format, `E_LIMIT`. */
export function decodeLock(text: string, path: string): Lock {
  const fail = (what: string): never => {
    throw new CtxsrcError('E_CONFIG', `the lock file ${path} is not valid: ${shortened(what)}`, {
      hint: 'write it anew with ctxsrc lock, or restore it from version control',
    });
  };
  const document = parseObject(text, fail);
  if (document.lockfile !== FORM)
    return fail(`its form is ${JSON.stringify(document.lockfile)}, this version reads ${FORM}`);
  if (!isObject(document.contexts)) return fail('it has no contexts');
  const found = Object.entries(document.contexts);
  if (found.length > MAX_CONTEXTS) {
    throw new CtxsrcError('E_LIMIT', `the lock file ${path} has ${found.length} contexts, more than ${MAX_CONTEXTS}`, {
      hint: 'write several lock files, each named by --lock',
    });
  }
  const lock = new Map<string, LockEntry>();
  for (const [name, entry] of found) {
    if (!isContextName(name)) return fail(`${JSON.stringify(name)} is no name of a context`);
    if (!isObject(entry)) return fail(`the context ${name} is no object`);
    if (typeof entry.ref !== 'string') return fail(`ref of the context ${name} is no text`);
    for (const member of TEXT_MEMBERS) {
      const value = entry[member];
      const valid = value === undefined ? !REQUIRED.has(member) : typeof value === 'string';
      if (!valid) return fail(`${member} of the context ${name} is no text`);
    }
    if (entry.manifests !== undefined && !isTexts(entry.manifests))
      return fail(`the manifests of the context ${name} are no texts`);
    if (entry.attributes !== undefined && !isAttributes(entry.attributes))
      return fail(`the attributes of the context ${name} are not valid`);
    lock.set(name, entry as unknown as LockEntry);
  }
  return lock;
}

function isAttributes(value: unknown): value is Attributes {
  return isObject(value) && Object.values(value).every(isAttributeValue);
}

function isTexts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isAttributeValue(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
