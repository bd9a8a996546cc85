/** Mistakes in making the steps of a stage: where, what text becomes what, and a vector that notices. */
import { type DockerfileMutation, mistakes } from './mutation.ts';

export const STEPS_MUTATIONS: readonly DockerfileMutation[] = [
  ...mistakes('graph/run.ts', [
    [
      'a script with #! goes to the shell',
      'run-heredoc-shebang-name.a',
      "!text.startsWith('#!')",
      'text !== undefined',
    ],
    [
      'a line with more than a here-document is a script',
      'heredoc-in-command',
      'if (heredocWord(line) === undefined) {',
      'if (line === undefined) {',
    ],
    [
      '--network is lost',
      'run-network-security',
      'const network = networkOf(instruction) || build.run.network;',
      'const network = build.run.network;',
    ],
    ['arguments of the history are lost', 'no-expand-run-cmd', '`RUN ${[...words, ...args]', '`RUN ${[...args]'],
  ]),
  ...mistakes('graph/copy.ts', [
    [
      'here-documents are not expanded',
      'copy-heredoc-variable-value.a',
      'if (!document.expand) return document;',
      'if (document) return document;',
    ],
    ['quoted here-documents are expanded', 'real-static-site', 'if (!document.expand) return document;\n', ''],
    [
      'COPY from a later stage takes nothing',
      'copy-from-later-stage',
      'if (from !== undefined && !from.done) {',
      'if (from === undefined && !build) {',
    ],
    [
      '--link copies onto the files below',
      'copy-link',
      "if (instruction.link && expanded.chmod === '') {",
      "if (instruction.link && expanded.chmod === '\\n') {",
    ],
    [
      '--parents is not known',
      'copy-parents',
      'parents ? parentsOf(source, stage.os) : plainSource',
      "parents && source === '' ? parentsOf(source, stage.os) : plainSource",
    ],
    [
      '--exclude is not known',
      'copy-wildcard-only-and-exclude-order',
      'excludePatterns: instruction.exclude',
      'excludePatterns: []',
    ],
    [
      'ADD unpacks nothing',
      'onbuild-of-base-image-add',
      "unpack: unpack ?? instruction.kind === 'ADD'",
      'unpack: unpack ?? false',
    ],
    [
      'the slash of a destination is lost',
      'directive-escape-backtick',
      'return keepEnd(cleanPath(absolute), absolute);',
      'return cleanPath(absolute);',
    ],
    ['a pivot is no pivot', 'copy-parents', "const pivot = source.indexOf('/./');", 'const pivot = -1 as number;'],
  ]),
  ...mistakes('graph/stage-arguments.ts', [
    [
      'a stage does not see global arguments',
      'arg-redeclared-in-stage',
      'written === undefined ? build.globals.get(name) : expanded(written)',
      'written === undefined ? undefined : expanded(written)',
    ],
    [
      'a build argument does not replace a default',
      'arg-redeclared-given',
      'build.buildArgs.get(name) ?? (written',
      'undefined ?? (written',
    ],
    [
      'arguments are seen without a declaration',
      'random-001',
      'if (value !== undefined && !NO_VARIABLES.includes(name)) stage.environment.set(name, value);',
      'for (const [given, text] of build.buildArgs) stage.environment.set(given, text);\n    if (value !== undefined) stage.environment.set(name, value);',
    ],
  ]),
  ...mistakes('graph/environment.ts', [
    [
      'a variable that is set again keeps its place',
      'random-021',
      'this.delete(name);\n    const text',
      'this.#list = undefined;\n    const text',
    ],
  ]),
  ...mistakes('graph/metadata.ts', [
    [
      'ENV sees what it sets itself',
      'expand-workdir-user-expose',
      'return pairs.map(({ name, value }) => [expanded(name), expanded(value)]);',
      'return pairs.map(({ name, value }) => [name, expanded(value)]);',
    ],
    ['SHELL changes nothing', 'no-expand-run-cmd', 'config.Shell = instruction.shell;', ''],
    ['ENTRYPOINT keeps the command of the base', 'real-go-service', 'if (!stage.hasCmd) config.Cmd = [];', ''],
    [
      'ports are one word',
      'expand-workdir-user-expose',
      'const ports = words.flatMap(parsePorts);',
      'const ports = parsePorts(words.join(" "));',
    ],
  ]),
  ...mistakes('graph/mounts.ts', [
    [
      'the source of a mount is lost',
      'expand-mount-options',
      "let selector = source === '/' ? '' : source;",
      "let selector = '';",
    ],
    [
      'a relative target is below the root',
      'mount-cache',
      "joinPath('/', stage.workingDirectory, mount.target)",
      "joinPath('/', mount.target)",
    ],
    [
      'caches of all names are one',
      'expand-mount-options',
      "const id = mount.id === '' ? cleanPath(mount.target) : mount.id;",
      'const id = cleanPath(mount.target);',
    ],
  ]),
  ...mistakes('graph/workdir.ts', [
    ['WORKDIR / makes a directory', 'workdir-root-spelled.b', "if (directory === '/') {", "if (directory === '') {"],
    [
      "WORKDIR is root's",
      'base-image-user-and-workdir',
      "owner: User === '' ? undefined : parseOwner(User)",
      'owner: undefined',
    ],
  ]),
  ...mistakes('graph/exec-operation.ts', [
    [
      'mounts keep their order',
      'run-with-many-mounts-of-one-stage',
      '.sort((a, b) => compareUtf8(a.target, b.target))',
      '',
    ],
  ]),
];
