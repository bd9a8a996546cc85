/** The flags of an instruction: the words with `--` in front of the others. */

import { closest } from '../../core/closest.ts';
import { isGoSpace } from '../../core/go/text.ts';
import { shortened } from '../../core/printable.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import { bytesOf, textOf } from './text.ts';

/**
 * Takes the flags off the text behind the instruction's name. BuildKit reads here bytes as characters: in what is not
 * ASCII, a flag becomes another one, and so it does here.
 */
export function splitFlags(
  text: string,
  escapeMark: Escape,
): { readonly flags: readonly string[]; readonly rest: string } {
  if (!text.includes('--')) return { flags: [], rest: text };
  const bytes = Buffer.from(bytesOf(text)).toString('latin1');
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < bytes.length && isGoSpace(bytes[at]!)) at += 1;
    if (!bytes.startsWith('--', at)) break;
    let flag = '';
    let quote: string | undefined;
    for (; at < bytes.length; at += 1) {
      const character = bytes[at]!;
      if (quote === undefined && isGoSpace(character)) break;
      if (character === quote) quote = undefined;
      else if (quote === undefined && (character === '"' || character === "'")) quote = character;
      else if (character !== escapeMark) flag += character;
      else {
        at += 1;
        flag += bytes[at] ?? '';
      }
    }
    if (flag === '--') break;
    if (flag !== '') flags.push(flag);
  }
  return { flags, rest: textOf(Buffer.from(bytes.slice(at), 'latin1')) };
}

type FlagKind = 'bool' | 'text' | 'list';

type FlagValue<K extends FlagKind> = K extends 'bool' ? boolean : K extends 'text' ? string : readonly string[];

/** The values that were given. */
export type Flags<S extends Readonly<Record<string, FlagKind>>> = { readonly [N in keyof S]?: FlagValue<S[N]> };

/**
 * Reads flags by a table of those that the instruction knows.
 * @throws DockerfileProblem
 */
export function readFlags<const S extends Readonly<Record<string, FlagKind>>>(
  flags: readonly string[],
  known: S,
): Flags<S> {
  const values = new Map<string, boolean | string | string[]>();
  for (const flag of flags) {
    const equals = flag.indexOf('=');
    const name = equals === -1 ? flag.slice(2) : flag.slice(2, equals);
    const value = equals === -1 ? undefined : flag.slice(equals + 1);
    if (!Object.hasOwn(known, name)) throw unknownFlag(name, Object.keys(known));
    const kind = known[name]!;
    const earlier = values.get(name);
    if (earlier !== undefined && kind !== 'list') {
      throw new DockerfileProblem(`the flag --${name} is there twice`, 'leave one of them out');
    }
    if (kind === 'bool') {
      values.set(name, booleanValue(name, value));
      continue;
    }
    if (value === undefined) throw new DockerfileProblem(`the flag --${name} has no value`, `write --${name}=VALUE`);
    if (kind === 'text') values.set(name, value);
    else if (Array.isArray(earlier)) earlier.push(value);
    else values.set(name, [value]);
  }
  return Object.fromEntries(values) as Flags<S>;
}

function booleanValue(name: string, value: string | undefined): boolean {
  const word = value?.toLowerCase();
  if (word === undefined || word === 'true') return true;
  if (word === 'false') return false;
  throw new DockerfileProblem(
    `the value of --${name} is neither true nor false: ${shortened(value!)}`,
    `write --${name}, --${name}=true or --${name}=false`,
  );
}

function unknownFlag(name: string, known: readonly string[]): DockerfileProblem {
  const near = closest(name.slice(0, 100), known);
  return new DockerfileProblem(
    `there is no flag --${shortened(name)}`,
    near !== undefined
      ? `write --${near}`
      : known.length === 0
        ? 'this instruction has no flags'
        : `the flags are ${known.map((each) => `--${each}`).join(', ')}`,
  );
}
