import { ERROR_EXITS } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { diffSources, type SourceComparison, type SourceDifference } from '../../snapshot/diff/diff.ts';
import type { FactDifference } from '../../snapshot/diff/facts.ts';
import { diffSide } from '../../snapshot/diff/side.ts';
import type { PathDifference } from '../../snapshot/diff/trees.ts';
import { identifierMembers } from '../../source/document.ts';
import type { Resolved } from '../../source/resolve.ts';
import { type Flags, limitsOf } from '../flags.ts';
import { formatBytes } from '../format.ts';
import type { Run } from '../run.ts';
import { isJsonFile } from '../saved-builds.ts';

/** `ctxsrc diff <a> <b>`: a line for each difference as it is found; exit 6 for any with `--exit-code`. */
export async function run(run: Run, references: readonly string[], flags: Flags): Promise<number | undefined> {
  const foreign = references.find(isJsonFile);
  if (foreign !== undefined) {
    const { notSaved } = await import('../../build/diff/saved.ts');
    throw notSaved(`the file ${printable(foreign)}`);
  }
  const resolved = await run.resolve(references);
  const [a, b] = await run.each(resolved, diffSide);
  const differences = diffSources(await run.job(), a!, b!, { files: flags.files === true, limits: limitsOf(flags) });
  const found = run.json ? await printJson(run, resolved, differences) : await printLines(run, differences);
  if (found.incomplete.length > 0) run.incomplete(`could not be compared: ${found.incomplete.join(', ')}`);
  return found.equal || flags.exitCode !== true ? undefined : ERROR_EXITS.E_DRIFT;
}

type Differences = AsyncGenerator<SourceDifference, SourceComparison>;

async function printLines(run: Run, differences: Differences): Promise<SourceComparison> {
  for (;;) {
    const { value, done } = await differences.next();
    if (done !== true) {
      await run.line('path' in value ? pathLine(value) : factLine(value));
      continue;
    }
    if (value.equal) await run.line(value.from === value.to ? `equal ${value.from}` : 'equal: the files are the same');
    else if (value.note !== undefined) run.note(value.note);
    return value;
  }
}

/** One document, written piece by piece: two trees can differ in more paths than fit into memory. */
async function printJson(run: Run, resolved: readonly Resolved[], differences: Differences): Promise<SourceComparison> {
  const [a, b] = resolved.map((one) => identifierMembers(one, run.defaultPlatform()));
  const head = JSON.stringify({ schema: 'ctxsrc/v1', a, b }).slice(0, -1);
  let text = `${head},"differences":[`;
  let separator = '';
  for (;;) {
    const { value, done } = await differences.next();
    if (done === true) {
      const { from, to, ...verdict } = value;
      await run.out(`${text}],${JSON.stringify({ keys: { from, to }, ...verdict }).slice(1)}\n`);
      return value;
    }
    text += `${separator}${JSON.stringify(value)}`;
    separator = ',';
    if (text.length > 64 * 1024) {
      await run.out(text);
      text = '';
    }
  }
}

function pathLine({ what, path, from, to, by }: PathDifference): string {
  const why = by === undefined ? '' : `: ${by}`;
  switch (what) {
    case 'added':
    case 'deleted':
      return `${what} ${path} (${from ?? to})`;
    case 'ignored':
    case 'unignored':
    case 'xattr':
      return `${what} ${path}${why}`;
    case 'content':
      return `content ${path}: ${from === to ? 'other bytes, the same size' : `${from} -> ${to} bytes`}`;
    default:
      return `${what} ${path}: ${from} -> ${to}`;
  }
}

function factLine({ what, name, index, from, to, members, sameContent }: FactDifference): string {
  if (members !== undefined) return `${what} ${members.join(', ')}`;
  const subject = [what, name, index].filter((word) => word !== undefined).join(' ');
  const change = `${shown(from)} -> ${shown(to)}`;
  return `${subject} ${change}${sameContent === true ? ' (the same files, packed otherwise)' : ''}`;
}

function shown(value: unknown): string {
  if (value === undefined) return '(none)';
  if (typeof value !== 'object' || value === null) return String(value);
  const { digest, size } = value as { digest?: unknown; size?: unknown };
  if (typeof digest !== 'string') return JSON.stringify(value);
  return typeof size === 'number' ? `${digest} (${formatBytes(size)})` : digest;
}
