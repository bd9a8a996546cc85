/** What commander says of wrong arguments, as an error of ours. */
import { CommanderError } from 'commander';
import { CtxsrcError } from '../core/errors.ts';
import { shownReference } from '../core/shown-reference.ts';
import { type CommandSpec, titleOf } from './command-spec.ts';

/** Other errors stay what they are. */
export function usageError(error: unknown, spec: CommandSpec | undefined): unknown {
  if (!(error instanceof CommanderError)) return error;
  const [said = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  // What was typed stands in quotes.
  const message = said.replace(/'([^']*)'/g, (_, typed: string) => `'${shownReference(typed)}'`);
  if (error.code === 'commander.help')
    return new CtxsrcError('E_USAGE', 'no command was given', { hint: 'ctxsrc --help lists the commands' });
  return new CtxsrcError('E_USAGE', message, {
    hint:
      suggestion?.replace(/^\(|\)$/g, '') ??
      (spec === undefined ? 'ctxsrc --help lists the commands' : usageHint(spec)),
  });
}

function usageHint(spec: CommandSpec): string {
  const { args } = spec;
  return `usage: ctxsrc ${titleOf(spec)} [flags]${args === '' ? '' : ` ${args}`}; ctxsrc ${titleOf(spec)} --help has the flags`;
}
