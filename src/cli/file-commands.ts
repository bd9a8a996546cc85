/** The commands that look into a source without a snapshot. */
import { Option } from 'commander';
import type { CommandSpec } from './command-spec.ts';

export const layerOption = (): Option => new Option('--layer <n>', 'one layer by itself; the base is 1');

export const FILE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'ls',
    args: '<ref> [path]',
    summary: 'list the files of a source, without a snapshot',
    details:
      'Of an image no more layers are fetched than the answer needs. Names that could be misread are quoted as git does.',
    takesReferences: true,
    flags: (command) => {
      command
        .option('-l, --long', 'type, mode, owner, size, time in UTC, target')
        .option('-R, --recursive', 'all that is below, too')
        .addOption(new Option('-0, --null', 'end each line with NUL, and quote nothing').conflicts(['json']))
        .addOption(layerOption());
    },
    limited: true,
    examples: ['ctxsrc ls docker-image://alpine:3.20 etc', 'ctxsrc ls -lR ./app'],
    load: () => import('./commands/ls.ts'),
  },
  {
    name: 'cat',
    args: '<ref> <path>',
    summary: 'print a file of a source; links are followed, inside the source only',
    takesReferences: true,
    flags: (command) => {
      command.addOption(layerOption());
    },
    limited: true,
    examples: ['ctxsrc cat docker-image://alpine:3.20 etc/os-release'],
    load: () => import('./commands/cat.ts'),
  },
];
