/** Mistakes in making the graph of stages: where, what text becomes what, and a vector that notices. */
import { type DockerfileMutation, mistakes } from './mutation.ts';

export const GRAPH_MUTATIONS: readonly DockerfileMutation[] = [
  ...mistakes('graph/arguments.ts', [
    [
      'a build argument does not replace that of a platform',
      'platform-args-overridden',
      'buildArgs.get(name) ?? value',
      'value',
    ],
    [
      'the platform has no variant',
      'multi-platform-variants',
      "TARGETVARIANT: target.variant ?? ''",
      "TARGETVARIANT: ''",
    ],
    [
      'the build platform is the target',
      'platform-args-global-expansion',
      'BUILDARCH: build.architecture',
      'BUILDARCH: target.architecture',
    ],
    ['the target stage has no name', 'targetstage-target', "targetStage === '' ? 'default' : targetStage", "'default'"],
    [
      'global defaults do not see each other',
      'arg-global-several-in-one',
      'expand(value, (other) => globals.get(other), dockerfile.escape)',
      'expand(value, () => undefined, dockerfile.escape)',
    ],
    [
      'a build argument does not replace a global default',
      'arg-global-empty-override',
      'if (given !== undefined) globals.set(name, given);',
      'if (given !== undefined && value === undefined) globals.set(name, given);',
    ],
    [
      'proxies are not known in upper case',
      'proxy-args-not-seen',
      '.filter(([name]) => known.has(name.toLowerCase()))',
      '.filter(([name]) => known.has(name))',
    ],
  ]),
  ...mistakes('graph/build-stage.ts', [
    [
      'arguments are not handed on',
      'arg-inherited-from-base-stage',
      'stage.environment = new OrderedVariables(base.environment);',
      '',
    ],
    [
      'the variables of the base image are not seen',
      'directive-escape-lower-case-name-in-stage-2',
      'for (const variable of config.variables.list) stage.environment.set(...splitVariable(variable));',
      '',
    ],
    ['PATH has no default', 'random-label-038.a', "config.variables.set('PATH', defaultPath(stage.os));", ''],
    [
      'the user of the base image is not seen',
      'base-image-user-and-workdir',
      "if (config.User !== '') stage.user = config.User;",
      '',
    ],
  ]),
  ...mistakes('graph/stages.ts', [
    [
      'a stage is found in its case only',
      'stage-name-with-upper-case',
      'return this.#byName.get(name.toLowerCase());',
      'return this.#byName.get(name);',
    ],
    ['numbers count from 1', 'random-009', 'const stage = this.list[number];', 'const stage = this.list[number - 1];'],
    [
      'what is copied from is not reached',
      'heredoc-run-mount-from',
      'for (const step of stage.steps) waiting.push(...step.froms);',
      '',
    ],
    ['the base is not reached', 'onbuild-heredoc', 'if (stage.base !== undefined) waiting.push(stage.base);', ''],
  ]),
  ...mistakes('graph/dependencies.ts', [
    [
      'a number is a name',
      'copy-from-number-too-big',
      'return [/^[+-]?[0-9]+$/.test(from) && Number.isSafeInteger(Number(from)) ? Number(from) : from];',
      'return [from];',
    ],
    [
      'mounts take nothing from stages',
      'heredoc-run-mount-from',
      "return instruction.mounts.map((mount) => mountOrigin(mount) || 'scratch');",
      "return instruction.mounts.map(() => 'scratch');",
    ],
    ['a circle is built', 'copy-from-circle', '  refuseCircle(stages, fileName);\n}\n\n', '}\n\n'],
  ]),
  ...mistakes('graph/onbuild.ts', [
    [
      'triggers of images do nothing',
      'context-image-config-env',
      'const triggers = [...stage.image.config.OnBuild, ...ofStage];',
      'const triggers = ofStage;',
    ],
    [
      'triggers of stages do nothing',
      'onbuild-heredoc',
      'const triggers = [...stage.image.config.OnBuild, ...ofStage];',
      'const triggers = stage.image.config.OnBuild;',
    ],
    [
      'triggers run last',
      'context-image-config-env',
      'stage.steps = [...steps, ...stage.steps];',
      'stage.steps = [...stage.steps, ...steps];',
    ],
    ['triggers stay in the image', 'context-image-config-env', 'stage.image.config.OnBuild = [];', ''],
    [
      'triggers bring no new image',
      'onbuild-of-base-image-copy-from-stage',
      'if (!more) return reached;',
      'return reached;',
    ],
  ]),
  ...mistakes('graph/named-contexts.ts', [
    [
      'a context of a platform is not found',
      'context-platform-suffix',
      'for (const key of [full, familiar]) {',
      'for (const key of [familiar]) {',
    ],
    [':latest is part of a name', 'context-no-stage', ".replace(/:latest$/, '')", ''],
    [
      'a named folder knows no ignore file',
      'context-no-stage',
      'const excludePatterns = await loader.resolver.namedContextExcludes(rest);',
      'const excludePatterns: string[] = [];',
    ],
  ]),
  ...mistakes('graph/declared-stages.ts', [
    [
      'stages are not replaced by contexts',
      'context-named-stage-replaced-other-case',
      "written.name === '' ? undefined : build.contexts",
      'written !== undefined ? undefined : build.contexts',
    ],
    [
      'FROM knows no platform',
      'expand-platform-flag-empty',
      "written.platform === '' ? undefined : stagePlatform(written, build)",
      'undefined',
    ],
  ]),
  ...mistakes('graph/base-images.ts', [
    [
      'images are not replaced by contexts',
      'context-no-stage',
      'const context = build.contexts.find(name, platform);',
      'const context = undefined as ReturnType<typeof build.contexts.find>;',
    ],
    [
      'scratch is an image',
      'expand-mount-options',
      "if (base === 'scratch' && context === undefined) {",
      "if (base === '' && context === undefined) {",
    ],
    [
      'images that nothing needs are asked for',
      'missing-image-not-needed',
      'if (!reached) leaveUnasked',
      'if (!reached && number === undefined) leaveUnasked',
    ],
    [
      'images are not held to a digest',
      'directive-syntax-docker',
      "digest: digest as ImageReference['digest'] });",
      'digest: undefined });\n  void digest;',
    ],
  ]),
  ...mistakes('graph/build-graph.ts', [
    ['the target is the first stage', 'crlf', 'return stages.list.at(-1)!;', 'return stages.list[0]!;'],
    [
      'labels of the build line are lost',
      'labels-from-outside',
      'for (const [name, value] of build.options.labels) image.config.labels.set(name, value);',
      '',
    ],
    [
      'one platform is built',
      'context-platform-suffix',
      'const graphs = asked.map',
      'const graphs = asked.slice(0, 1).map',
    ],
  ]),
  ...mistakes('graph/frontend.ts', [
    [
      'BUILDKIT_SYNTAX is not obeyed',
      'build-arg-syntax',
      "const given = buildArgs.get('BUILDKIT_SYNTAX');",
      'const given = undefined as string | undefined;',
    ],
  ]),
  ...mistakes('graph/definition.ts', [
    [
      'the same operation is there twice',
      'arg-global-several-in-one',
      'let position = byContent.get(content);',
      'let position = undefined as number | undefined;',
    ],
  ]),
];
