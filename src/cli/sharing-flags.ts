/** The flags of the shared cache. */
import type { Command } from 'commander';

export function addSharingFlags(command: Command): void {
  command
    .optionsGroup('Shared cache, for http and https:')
    .option(
      '--cache-from <ref>',
      'look for a file by its digest in this repository before its origin is asked (e.g. docker-image://HOST/NAME)',
    )
    .option('--cache-to <ref>', 'put files there that were fetched')
    .option('--cache-private', 'with --cache-to: also what was fetched with a credential');
}
