/** The flags of the shared cache. */
import type { Command } from 'commander';

export function addSharingFlags(command: Command): void {
  command
    .optionsGroup('Shared cache, for http, https and git:')
    .option(
      '--cache-from <ref>',
      'look for a file by its digest, or a commit, in this repository before the origin (e.g. docker-image://HOST/NAME)',
    )
    .option('--cache-to <ref>', 'put files and commits there that were fetched')
    .option('--cache-private', 'with --cache-to: also what was fetched with a credential');
}
