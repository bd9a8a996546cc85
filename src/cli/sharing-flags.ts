/** The flags of the shared cache. */
import { type Command, Option } from 'commander';

export function addSharingFlags(command: Command): void {
  command
    .optionsGroup('Shared cache, for git and http:')
    .addOption(
      new Option(
        '--cache-from <ref>',
        'look for content that its pin proves in this repository before its origin is asked (e.g. docker-image://HOST/NAME)',
      ),
    )
    .addOption(new Option('--cache-to <ref>', 'put such content there after it was fetched'))
    .addOption(new Option('--cache-private', 'with --cache-to: also what was fetched with a credential'));
}
