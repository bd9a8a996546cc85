/** What commander says of wrong arguments, as an error of ours. */
import { CommanderError } from 'commander';
import { closest } from '../core/closest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shownReference } from '../core/shown-reference.ts';
import { type CommandSpec, titleOf } from './command-spec.ts';

/** Other errors stay what they are. */
export function usageError(
  error: unknown,
  spec: CommandSpec | undefined,
  commands: readonly Pick<CommandSpec, 'name'>[],
): unknown {
  if (!(error instanceof CommanderError)) return error;
  const [said = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  // What was typed stands in quotes.
  const message = said.replace(/'([^']*)'/g, (_, typed: string) => `'${shownReference(typed)}'`);
  if (error.code === 'commander.help')
    return new CtxsrcError('E_USAGE', 'no command was given', { hint: 'ctxsrc --help lists the commands' });
  if (error.code === 'commander.unknownCommand') {
    return noCommand(/'([^']*)'/.exec(said)?.[1] ?? '', commands);
  }
  return new CtxsrcError('E_USAGE', message, {
    hint:
      suggestion?.replace(/^\(|\)$/g, '') ??
      (spec === undefined ? 'ctxsrc --help lists the commands' : usageHint(spec)),
  });
}

/** What other tools call what a command does. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  compare: 'diff',
  copy: 'push',
  du: 'cache du',
  hash: 'key',
  history: 'inspect',
  info: 'inspect',
  list: 'ls',
  manifest: 'inspect',
  prune: 'cache prune',
  save: 'export',
  show: 'inspect',
};

/** Names the command of another tool's word, those that begin so, or the one that is spelled nearly so. */
export function noCommand(typed: string, commands: readonly Pick<CommandSpec, 'name'>[]): CtxsrcError {
  const names = [...new Set(commands.map(({ name }) => name))];
  const begun = typed.length > 1 ? names.filter((name) => name.startsWith(typed)) : [];
  const meant =
    (Object.hasOwn(ELSEWHERE, typed) ? ELSEWHERE[typed] : undefined) ??
    (begun.length > 0 ? begun.join(' or ctxsrc ') : undefined) ??
    closest(typed.slice(0, 100), names, (length) => Math.max(1, length * 0.4));
  return new CtxsrcError('E_USAGE', `there is no command ${JSON.stringify(shownReference(typed))}`, {
    hint: meant === undefined ? 'ctxsrc --help lists the commands' : `did you mean ctxsrc ${meant}?`,
  });
}

function usageHint(spec: CommandSpec): string {
  const { args } = spec;
  return `usage: ctxsrc ${titleOf(spec)} [flags]${args === '' ? '' : ` ${args}`}; ctxsrc ${titleOf(spec)} --help has the flags`;
}
