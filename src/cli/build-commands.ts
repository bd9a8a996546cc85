/** The commands that read a Dockerfile. */
import { Option } from 'commander';
import { type CommandSpec, htmlOption, safeOption } from './command-spec.ts';

export const BUILD_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'key',
    form: '--build',
    args: '[dir]',
    summary: 'print one key for everything that a Dockerfile builds from: the same key, the same build',
    details:
      'It counts what BuildKit looks at: the instructions that the target needs, the files they copy, images, arguments, ' +
      'platforms. With --known the registry is the memory: push the image with the tag ctxsrc-<hex of the key>, too.',
    takesReferences: false,
    builds: true,
    flags: (command) => {
      command
        .option('--from <file>', 'a target of this bake or compose file, by its name')
        .option('--save <file>', 'keep what the key was made of, for ctxsrc diff')
        .option('--known <docker-image://repo>', 'ask whether the repository has the tag of this key')
        .option('--known-file <file>', 'ask whether this file lists the key')
        .option('--exit-code', 'exit 6 when the key is not known')
        .addOption(safeOption())
        .option('--github-output', 'also append key= and known= to the file $GITHUB_OUTPUT names');
    },
    limited: true,
    examples: [
      'ctxsrc key --build --target release --build-arg VERSION=1.2 .',
      'ctxsrc key --build --known docker-image://registry.example/app .',
    ],
    load: () => import('./commands/build-key.ts'),
  },
  {
    name: 'inputs',
    args: '[dir-or-targets...]',
    summary: 'list the sources that a build of a Dockerfile would resolve, with their digests and keys',
    takesReferences: false,
    builds: true,
    flags: (command) => {
      command
        .option('--names', 'print only the references, each once')
        .option('--from <file>', 'targets of this bake or compose file; - is what bake --print prints')
        .addOption(
          new Option('--changed-since <file|repo>', 'what changed: targets of --from, else inputs').conflicts([
            'names',
          ]),
        )
        .addOption(new Option('--code-quality <file>', 'write the warnings for GitLab').conflicts(['names']))
        .addOption(htmlOption().conflicts(['names']))
        .option('--github-output', 'also append targets= to $GITHUB_OUTPUT');
    },
    limited: true,
    examples: [
      'ctxsrc inputs --names -f docker/app.Dockerfile --target release .',
      'ctxsrc inputs --from docker-bake.hcl --changed-since docker-image://registry.example/app',
    ],
    load: () => import('./commands/inputs.ts'),
  },
];

/** The other form of `diff`, which stands beside it in lists. */
export const BUILD_DIFF: CommandSpec = {
  name: 'diff',
  form: '--build',
  args: '<a> <b>',
  summary: 'say why the keys of two builds differ',
  details:
    'Each side is a file of key --build --save (--build may then be left out), or the directory of a build, which ' +
    'needs the flags again. Line 1 is the answer.',
  takesReferences: false,
  builds: true,
  flags: (command) => {
    command
      .option('--from <file>', 'a side is a target of this bake or compose file')
      .option('--exit-code', 'exit 6 when they differ');
  },
  limited: true,
  examples: ['ctxsrc diff saved.json .', 'ctxsrc diff --quiet --exit-code old.json new.json'],
  load: () => import('./commands/build-diff.ts'),
};
