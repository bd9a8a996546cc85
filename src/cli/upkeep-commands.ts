/** The commands about the store and the machine, as data. */
import type { CommandSpec } from './command-spec.ts';
import { addNetworkFlags, listOption } from './flags.ts';

export const UPKEEP_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'cache',
    args: '<ls|du|prune|verify|path>',
    summary: 'the store: list it, measure it, make room, hash it, say where it is',
    details: 'prune without flags removes what nothing refers to.',
    takesReferences: false,
    reach: 'store',
    flags: (command) => {
      command
        .option('--max-size <size>', 'prune: size of the store afterwards; least recently used goes first')
        .option('--keep-duration <duration>', 'prune: keep what was used within this time')
        .option('--all', 'prune: all that is not in use')
        .option('--dry-run', 'prune: only say what would go')
        .addOption(listOption('--filter <filter>', 'only what matches, e.g. kind=snapshot or name~=alpine'));
    },
    words: ['ls', 'du', 'prune', 'verify', 'path'],
    examples: ['ctxsrc cache du', 'ctxsrc cache prune --max-size 5GB'],
    load: () => import('./commands/cache.ts'),
  },
  {
    name: 'doctor',
    args: '',
    summary: 'say what of this machine hinders, and what mends it',
    takesReferences: false,
    flags: (command) => {
      command.option('--test', 'try the registries too');
      addNetworkFlags(command);
    },
    examples: ['ctxsrc doctor --test'],
    load: () => import('./commands/doctor.ts'),
  },
];
