/**
 * The commands as data: name, arguments, flags, help. Help, completion and the manual are made from this table; the
 * code of a command is loaded when it runs.
 */
import { Option } from 'commander';
import { ERROR_EXITS } from '../core/errors.ts';
import { BUILD_COMMANDS, BUILD_DIFF } from './build-commands.ts';
import { type CommandSpec, htmlOption, safeOption } from './command-spec.ts';
import { FILE_COMMANDS, layerOption } from './file-commands.ts';
import { addNetworkFlags, addWriteFlags, listOption } from './flags.ts';
import { UPKEEP_COMMANDS } from './upkeep-commands.ts';

const githubOutput = new Option(
  '--github-output',
  'also append key=, digest= and pinned= to the file $GITHUB_OUTPUT names',
);

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'parse',
    args: '<ref>',
    summary: 'print the identifier, as the reference was understood (no network)',
    takesReferences: true,
    reach: 'nothing',
    examples: ['ctxsrc parse docker-image://alpine', 'ctxsrc parse --json oci-layout://./base:latest'],
    load: () => import('./commands/parse.ts'),
  },
  {
    name: 'digest',
    args: '<ref...>',
    summary: 'print the root digest: what the reference points at now',
    takesReferences: true,
    flags: (command) => {
      command
        .option('--pinned', 'print the whole reference with the root digest')
        .addOption(
          new Option('--manifest', "print the digest of the platform's manifest").conflicts(['pinned', 'config']),
        )
        .addOption(new Option('--config', 'print the digest of the image configuration').conflicts(['pinned']))
        .addOption(githubOutput);
    },
    limited: true,
    examples: ['ctxsrc digest docker-image://alpine:3.20', 'ctxsrc digest --pinned oci-layout://./base:latest'],
    load: () => import('./commands/digest.ts'),
  },
  {
    name: 'key',
    args: '<ref...>',
    summary: 'print the content key: the same for the same files',
    details:
      'Images: the chain ID of the layers, whatever the tag or compression. Directories: the content hash of the filtered tree. ' +
      'Every other source: the one key it has.',
    takesReferences: true,
    flags: (command) => {
      command
        .addOption(
          new Option('--definition', 'print the definition key (index 0) instead').conflicts(['all', 'combined']),
        )
        .addOption(new Option('--all', 'print the keys of every index, one a line').conflicts(['combined']))
        .option('--build', 'one key for a whole build: ctxsrc key --build --help')
        .option('--combined', 'print one key for all references, for what has no Dockerfile')
        .addOption(listOption('--with <name=value>', 'add a build argument or target to the combined key'))
        .addOption(safeOption())
        .addOption(githubOutput);
    },
    limited: true,
    uses: (flags) => (flags.combined === true ? ['file', 'platform'] : []),
    examples: [
      'key=$(ctxsrc key .)',
      'ctxsrc key docker-image://alpine:3.20 oci-layout://./base',
      'ctxsrc key --combined -f Dockerfile --with TARGET=release . base=docker-image://alpine:3.20',
    ],
    shares: true,
    load: () => import('./commands/key.ts'),
  },
  ...BUILD_COMMANDS,
  {
    name: 'inspect',
    args: '<ref>',
    summary: 'show what is known without reading layers',
    takesReferences: true,
    flags: (command) => {
      command
        .option('--files', 'read the layers: the largest files; all in --json')
        .option('--hidden', 'read the layers: what later ones hide')
        .addOption(layerOption())
        .option('--why <path>', 'of a directory: which line decides on a path')
        .addOption(htmlOption());
    },
    limited: true,
    examples: [
      'ctxsrc inspect docker-image://alpine:3.20',
      'ctxsrc inspect --hidden oci-layout://./base',
      'ctxsrc inspect --why node_modules/x .',
    ],
    load: () => import('./commands/inspect.ts'),
  },
  ...FILE_COMMANDS,
  {
    name: 'pull',
    args: '<ref>',
    summary: 'bring all content into the store and print the root digest',
    takesReferences: true,
    flags: (command) => {
      command.addOption(githubOutput);
    },
    limited: true,
    examples: ['ctxsrc pull docker-image://alpine:3.20'],
    shares: true,
    load: () => import('./commands/pull.ts'),
  },
  {
    name: 'snapshot',
    args: '<ref> <dir>',
    summary: 'write the files into a directory and print the content key',
    takesReferences: true,
    flags: (command) => {
      command.option('--force', 'replace what is at the target').addOption(safeOption()).addOption(githubOutput);
      addWriteFlags(command);
    },
    uses: () => ['include', 'exclude'],
    examples: ['ctxsrc snapshot docker-image://alpine:3.20 ./rootfs'],
    shares: true,
    load: () => import('./commands/snapshot.ts'),
  },
  {
    name: 'verify',
    args: '<dir>',
    summary: 'print the content key if a snapshot still is what was written, else the paths that differ (exit 5)',
    takesReferences: false,
    reach: 'files',
    limited: true,
    examples: ['ctxsrc verify ./rootfs'],
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'diff',
    args: '<a> [b]',
    summary: 'print why two keys differ: options, digests, layers, paths',
    details:
      'Each side is a reference, a directory or a snapshot; one image with --platform A,B is compared with itself. ' +
      'Directories and snapshots are compared path by path, images by their layers unless --files or a flag that ' +
      'needs files is given. --exit-code: 6 when the content keys differ, with --only or --ignore when anything else does.',
    takesReferences: true,
    flags: (command) => {
      command
        .option('--files', 'compare the files of images too: reads their layers')
        .option('--stat', 'fold folders, draw bars')
        .option('--patch', 'print patches of text files')
        .addOption(new Option('--markdown', 'print a table for GitHub').conflicts(['json', 'patch']))
        .addOption(htmlOption())
        .addOption(listOption('--only <kinds>', 'content, mode, owner, link, xattr, time, config, …'))
        .addOption(listOption('--ignore <what>', 'leave out such kinds, or paths by a pattern'))
        .option('--max-growth <size>', 'exit 8 when it has grown by more: 10MB, 5%')
        .option('--build', 'compare builds: ctxsrc diff --build --help')
        .option('--definition', 'with --exit-code: of the definition keys')
        .option('--exit-code', 'exit 6 when they differ');
    },
    limited: true,
    examples: [
      'ctxsrc diff ./app ../other/app',
      'ctxsrc diff docker-image://alpine:3.19 docker-image://alpine:3.20',
      'ctxsrc diff --files --exit-code docker-image://alpine:3.20 ./rootfs',
    ],
    load: () => import('./commands/diff.ts'),
  },
  BUILD_DIFF,
  {
    name: 'lock',
    args: '[name=ref...]',
    summary: 'write ctxsrc.lock: what each named context points at now',
    details:
      'Arguments and the contexts of --from are added; without any, all entries are resolved anew. ' +
      'With --format alone the lock file is printed for another tool.',
    takesReferences: true,
    builds: true,
    flags: (command) => {
      command
        .addOption(
          new Option('--check', 'say what has moved (exit 6); download nothing').conflicts(['update', 'format']),
        )
        .option('--update', 'resolve the entries named by the arguments anew, or all')
        .option('--from <file>', 'take what a Dockerfile builds from, or the contexts of a compose or bake file')
        .addOption(
          new Option('--format <format>', 'print the lock file for another tool').choices([
            'build-contexts',
            'bake',
            'buildkit-policy',
            'dockerfile',
          ]),
        )
        .addOption(new Option('--vendor <place>', 'push all of it to REGISTRY/PREFIX, for builds').conflicts('check'))
        .option('--attestations', 'with --vendor: also the signatures beside an image')
        .option('--target <name>', 'the stage of --from Dockerfile; the bake target of --format bake');
    },
    limited: true,
    examples: [
      'ctxsrc lock base=docker-image://alpine:3.20 app=./app',
      'ctxsrc lock --check',
      'ctxsrc lock --from Dockerfile --target release',
      'ctxsrc lock --vendor registry.example/team/vendor',
      'docker buildx build $(ctxsrc lock --format build-contexts) .',
    ],
    load: () => import('./commands/lock.ts'),
  },
  {
    name: 'auth',
    args: '<registry>',
    summary: 'print which credential would be used, and why the others were passed over',
    takesReferences: false,
    flags: (command) => {
      command
        .option('--test', 'try it with one request')
        .option('--push <repository>', 'for pushing to this repository');
      addNetworkFlags(command);
    },
    examples: ['ctxsrc auth docker.io', 'ctxsrc auth --test registry.example:5000'],
    load: () => import('./commands/auth.ts'),
  },
  {
    name: 'export',
    args: '<ref>',
    summary: 'write an image as an OCI layout, or the files of any source as one reproducible tar',
    takesReferences: true,
    flags: (command) => {
      command.option('-o, --output <spec>', 'what to write, and where: type=tar|oci,dest=PATH|-[,tar=true|false]');
      addWriteFlags(command);
    },
    uses: () => ['include', 'exclude'],
    examples: [
      'ctxsrc export docker-image://alpine:3.20 -o type=oci,dest=alpine.tar',
      'ctxsrc export ./app -o type=tar,dest=- | tar -t',
    ],
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'push',
    args: '<ref> <destination>',
    summary: 'put an image, or any files as one, into a registry or OCI layout; print it by digest',
    takesReferences: true,
    flags: (command) => {
      command
        .option('--all-platforms', 'push the whole index, not only the manifest of one platform')
        .option('--attestations', 'push signatures and the like, too')
        .option('--dry-run', 'only say what would be sent')
        .addOption(new Option('--mtime <which>', '$SOURCE_DATE_EPOCH as time of files').choices(['epoch']))
        .addOption(listOption('--annotation <name[=value]>', 'for an image of files'))
        .addOption(githubOutput);
    },
    owns: ['mtime'],
    examples: [
      'ctxsrc push ./app docker-image://registry.example/team/app:1',
      'ctxsrc push --all-platforms docker-image://alpine:3.20 oci-layout://./images:alpine',
    ],
    load: () => import('./commands/push.ts'),
  },
  ...UPKEEP_COMMANDS,
  {
    name: 'sources',
    args: '[test] [module]',
    summary: 'list the schemes with their grammar; test runs the conformance kit on a source module',
    takesReferences: false,
    reach: 'nothing',
    words: ['test'],
    examples: ['ctxsrc sources', 'ctxsrc sources test ./my-source.js'],
    load: () => import('./commands/sources.ts'),
  },
  {
    name: 'explain',
    args: '[code]',
    summary: 'explain an error code or an exit code',
    takesReferences: false,
    reach: 'nothing',
    examples: ['ctxsrc explain 75'],
    words: Object.keys(ERROR_EXITS),
    load: () => import('./commands/explain.ts'),
  },
  {
    name: 'completion',
    args: '<bash|zsh|fish|man> [line]',
    summary: 'print the completion script, or the manual page',
    takesReferences: false,
    reach: 'nothing',
    words: ['bash', 'zsh', 'fish', 'man'],
    examples: ['eval "$(ctxsrc completion bash)"', 'ctxsrc completion man | man -l -'],
    load: () => import('./commands/completion.ts'),
  },
];

/** The command that the arguments ask for: its name, or the form of it that one of its flags makes it. */
export function commandOf(name: string | undefined, argv: readonly string[]): CommandSpec | undefined {
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const named = COMMANDS.filter((command) => command.name === name);
  const formed = named.find(({ form }) => form !== undefined && flags.includes(form));
  return formed ?? named.find(({ form }) => form === undefined);
}
