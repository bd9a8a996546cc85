/**
 * Checks the arguments that a program hands to the library. Without these checks an unknown name or a value of the
 * wrong type would be ignored in silence, and the answer would be to another question.
 */
import { CtxsrcError } from './errors.ts';
import { isObject } from './is-object.ts';

/** Throws `E_USAGE` for a value that is not accepted. `where` is the argument's name, for the message. */
export type Check = (value: unknown, where: string) => void;

function check(wanted: string, holds: (value: unknown) => boolean): Check {
  return (value, where) => {
    if (holds(value)) return;
    throw new CtxsrcError('E_USAGE', `${where} is not ${shown(value)}: it takes ${wanted}`);
  };
}

export const text: Check = check('a text', (value) => typeof value === 'string');
/** For paths and names: an empty path would mean the current directory, an empty name anything. */
export const nonEmpty: Check = check('a text that is not empty', (value) => typeof value === 'string' && value !== '');
export const flag: Check = check('true or false', (value) => typeof value === 'boolean');
export const list: Check = check(
  'a list of texts',
  (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
);
export const wholeNumber: Check = check('a whole number', Number.isSafeInteger);
/** Accepts Infinity, which means no limit. */
export const positive: Check = check('a number above 0', (value) => typeof value === 'number' && value > 0);
export const milliseconds: Check = check(
  'a number of milliseconds',
  (value) => typeof value === 'number' && value >= 0 && Number.isFinite(value),
);
export const call: Check = check('a function', (value) => typeof value === 'function');

/** A whole number, at least `least`. */
export function count(least: number): Check {
  return check(`a whole number from ${least} on`, (value) => Number.isSafeInteger(value) && (value as number) >= least);
}

/** One of these texts. */
export function oneOf(...choices: readonly string[]): Check {
  return check(choices.join(' or '), (value) => choices.includes(value as string));
}

/** An array whose every item passes `item`. */
export function arrayOf(item: Check): Check {
  return (value, where) => {
    check('an array', Array.isArray)(value, where);
    for (const [index, one] of (value as unknown[]).entries()) item(one, `${where}[${index}]`);
  };
}

/** An object that has at least these functions and properties. */
export function having(what: string, members: Readonly<Record<string, 'function' | 'object' | 'boolean'>>): Check {
  return check(what, (value) => {
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(members).every(([name, type]) => typeof (value as Record<string, unknown>)[name] === type);
  });
}

/** An object with these members and no others, each of them optional. */
export function members(known: Readonly<Record<string, Check>>): Check {
  return (value, where) => {
    check('an object', isObject)(value, where || 'options');
    for (const [name, member] of Object.entries(value as object)) {
      const path = where === '' ? name : `${where}.${name}`;
      const own = Object.hasOwn(known, name) ? known[name] : undefined;
      if (own === undefined) throw unknownMember(path, name, Object.keys(known));
      if (member !== undefined) own(member, path);
    }
  };
}

/** The members whose value is not undefined: `{ x: undefined }` means the same as `{}`. */
export function given<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const there = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function unknownMember(path: string, name: string, known: readonly string[]): CtxsrcError {
  const plain = (word: string): string => word.toLowerCase().replace(/[^a-z0-9]/g, '');
  const meant = known.find((word) => plain(word) === plain(name));
  const all = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`;
  return new CtxsrcError('E_USAGE', `${path} is not known`, { hint: meant === undefined ? all : `it is ${meant}` });
}

/** Shows a text by its type only: it may be a secret that was meant for another argument. */
function shown(value: unknown): string {
  if (value === null || ['number', 'boolean', 'undefined'].includes(typeof value)) return String(value);
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : 'such a text';
  return Array.isArray(value) ? 'such an array' : typeof value === 'object' ? 'such an object' : `a ${typeof value}`;
}
