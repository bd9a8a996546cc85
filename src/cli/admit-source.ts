/** How a source from outside is added to the table of a run, with its own flags. */
import { type Command, Option } from 'commander';
import type { Source } from '../contract/index.ts';
import { addSource, takenFlag } from '../source/declaration.ts';
import type { SourceTable } from '../source/table.ts';

/**
 * Adds a source from outside.
 * @param module the user's name of it
 * @param program has the flags of every command
 * @throws E_SOURCE_MODULE for an existing scheme, and for an attribute whose flag a command or another source has
 */
export async function admitSource(
  table: SourceTable,
  source: Source,
  module: string,
  program: () => Command,
): Promise<void> {
  await addSource(table, source, module);
  if (source.attributes.length === 0) return;
  const owners = flagOwners(program());
  for (const spec of source.attributes) {
    const names = namesOf(new Option(`${spec.short === undefined ? '' : `-${spec.short}, `}--${spec.name}`));
    const owner = names.map((name) => owners.get(name)).find((one) => one !== undefined);
    if (owner !== undefined) throw takenFlag(source, spec, module, `a flag of ${owner}`);
  }
}

/** The owner of each flag, for people, by every name of the flag and of its value. */
function flagOwners(program: Command): ReadonlyMap<string, string> {
  const owners = new Map(['--help', '-h', 'help', '--version', '-V', 'version'].map((name) => [name, 'ctxsrc']));
  for (const command of program.commands) {
    for (const name of command.options.flatMap(namesOf)) {
      owners.set(name, owners.has(name) ? 'ctxsrc' : `ctxsrc ${command.name()}`);
    }
  }
  return owners;
}

/** commander stores `--no-color` as `color`. */
function namesOf(option: Option): string[] {
  return [option.long, option.short, option.attributeName()].filter((name) => typeof name === 'string');
}
