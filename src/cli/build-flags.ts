/**
 * The flags of a build, as buildx spells them: those that can matter, those that cannot and are taken so that a
 * `docker build` line can be pasted, and those that would make a key meaningless.
 */
import { type Command, Option } from 'commander';
import type { BuildLine } from '../build/request/line.ts';
import { CtxsrcError } from '../core/errors.ts';
import { camelCase, type Flags, listFlag, listOption, textFlag } from './flags.ts';

/** Flags without a value that change neither what is built nor its key. */
const IDLE_SWITCHES = ['push', 'load', 'pull', 'rm', 'force-rm', 'compress', 'squash', 'check', 'debug'];

/** The same with a value. */
const IDLE_VALUES = [
  'tag',
  'output',
  'secret',
  'ssh',
  'cache-from',
  'cache-to',
  'provenance',
  'sbom',
  'attest',
  'annotation',
  'allow',
  'builder',
  'iidfile',
  'metadata-file',
  'resource',
  'memory',
  'memory-swap',
  'cpu-shares',
  'cpu-period',
  'cpu-quota',
  'cpuset-cpus',
  'cpuset-mems',
  'isolation',
  'security-opt',
  'call',
  'print',
];

const SHORT: Readonly<Record<string, string>> = { tag: 't', output: 'o', memory: 'm', 'cpu-shares': 'c', debug: 'D' };

/** What sources declare as attributes of their own. */
const OF_SOURCES = ['--file', '--platform', '--modes'];

/**
 * Declares the flags of a build, unless the command has one of that name.
 * @param besideSources the command takes the flags of sources, too
 */
export function addBuildFlags(command: Command, besideSources = false): void {
  command.optionsGroup('Build:');
  const declared = [...command.options.map(({ long }) => long), ...(besideSources ? OF_SOURCES : [])];
  const options = [...buildOptions(), ...[...IDLE_SWITCHES, ...IDLE_VALUES].map(idleOption)];
  for (const option of options) if (!declared.includes(option.long)) command.addOption(option);
  for (const flags of ['--no-cache', '--no-cache-filter <stage>']) command.addOption(new Option(flags).hideHelp());
}

function buildOptions(): Option[] {
  return [
    new Option('-f, --file <dockerfile>', 'the Dockerfile (default: DIR/Dockerfile); - is standard input'),
    new Option('--target <stage>', 'the stage to build (default: the last)'),
    listOption('--build-arg <name[=value]>', 'a build argument; without value that of the environment'),
    listOption('--platform <os/arch[/variant]>', 'the platform to build for; several with commas'),
    listOption('--build-context <name=ref>', 'what stands for a stage or an image: a directory, an image, …'),
    listOption('--label <name=value>', 'a label of the image'),
    new Option('--network <mode>', 'the network of RUN: default, none or host'),
    new Option('--shm-size <size>', 'shared memory of RUN'),
    listOption('--ulimit <limit>', 'a limit of RUN (e.g. nofile=1024:4096)'),
    new Option('--cgroup-parent <name>', 'the cgroup above RUN'),
    listOption('--add-host <host:ip>', 'a host name for RUN'),
    new Option('--build-platform <os/arch[/variant]>', 'the platform of the machine that builds (default: this one)'),
    listOption('--policy <config>', 'a source policy of buildx; it is not read').hideHelp(),
    listOption('--with <name=value>', 'what else the build depends on; another value is another key'),
    new Option('--modes <how>', 'exec: modes as git has them, for checkouts under different umasks').choices([
      'exact',
      'exec',
    ]),
  ];
}

function idleOption(name: string): Option {
  const short = SHORT[name] === undefined ? '' : `-${SHORT[name]}, `;
  const value = IDLE_VALUES.includes(name) ? ' <value>' : '';
  return new Option(`${short}--${name}${value}`, 'taken, and changes nothing').hideHelp();
}

/**
 * `--push=true` as `--push`, and `--push=false` as nothing, for the flags that buildx also takes in this form.
 * @param argv the arguments, of which only those before `--` are flags
 */
export function withoutBooleanValues(argv: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const pattern = new RegExp(`^(--(?:no-cache|${IDLE_SWITCHES.join('|')}))=(1|0|t|f|true|false)$`, 'i');
  return argv.flatMap((arg, index) => {
    const [, flag, value] = (index < end && pattern.exec(arg)) || [];
    if (flag === undefined) return [arg];
    return /^(?:1|t|true)$/i.test(value!) ? [flag] : [];
  });
}

/** The build line in the flags. E_USAGE for a flag that makes a key meaningless. */
export function buildLineOf(dir: string | undefined, flags: Flags): BuildLine {
  refuseNoCache(flags);
  const list = (name: string): readonly string[] => listFlag(flags, name);
  return {
    context: dir ?? '.',
    // As with buildx an empty one is none.
    file: textFlag(flags, 'file') || undefined,
    target: textFlag(flags, 'target'),
    buildArgs: list('buildArg'),
    platforms: list('platform'),
    buildContexts: list('buildContext'),
    labels: list('label'),
    addHosts: list('addHost'),
    ulimits: list('ulimit'),
    network: textFlag(flags, 'network'),
    shmSize: textFlag(flags, 'shmSize'),
    cgroupParent: textFlag(flags, 'cgroupParent'),
    policies: list('policy'),
    ...sharedOf(flags),
  };
}

/**
 * What the flags say of all targets of a file.
 * @throws E_USAGE for a flag that is a target's own affair
 */
export function sharedLineOf(flags: Flags): Pick<BuildLine, 'buildPlatform' | 'salts' | 'modes'> {
  refuseNoCache(flags);
  const own = TARGETS_OWN.find((name) => flags[camelCase(name)] !== undefined);
  if (own === undefined) return sharedOf(flags);
  throw new CtxsrcError('E_USAGE', `--${own} is of one build, and --from says what each target is built with`, {
    hint: `write it into the file, or let bake set it: docker buildx bake --set '*.${SET_AS[own] ?? own}=…' --print | ctxsrc … --from -`,
  });
}

function sharedOf(flags: Flags): Pick<BuildLine, 'buildPlatform' | 'salts' | 'modes'> {
  return {
    buildPlatform: textFlag(flags, 'buildPlatform'),
    salts: listFlag(flags, 'with'),
    modes: textFlag(flags, 'modes') === 'exec' ? 'exec' : 'exact',
  };
}

/** What a file says of each of its targets. */
const TARGETS_OWN = [
  'file',
  'target',
  'build-arg',
  'platform',
  'build-context',
  'label',
  'network',
  'shm-size',
  'ulimit',
  'cgroup-parent',
  'add-host',
  'policy',
];

/** As bake calls them. */
const SET_AS: Readonly<Record<string, string>> = {
  file: 'dockerfile',
  'build-arg': 'args.NAME',
  'build-context': 'contexts.NAME',
  label: 'labels.NAME',
  ulimit: 'ulimits',
  'add-host': 'extra-hosts.NAME',
};

function refuseNoCache(flags: Flags): void {
  if (flags.cache === false || typeof flags.cacheFilter === 'string') {
    throw new CtxsrcError('E_USAGE', '--no-cache builds whatever the key says: there is nothing to decide', {
      hint: 'leave it out; to force a build give another salt, for instance --with rebuild=2',
    });
  }
}

/** The first flag that only a build has, as it is typed; undefined when none is given. */
export function firstBuildFlag(flags: Flags): string | undefined {
  const own = [...TARGETS_OWN, 'build-platform', 'with', ...IDLE_SWITCHES, ...IDLE_VALUES];
  // These are of other commands and sources, too.
  const shared = ['file', 'target', 'platform', 'check'];
  const name = own.find((each) => !shared.includes(each) && flags[camelCase(each)] !== undefined);
  return name === undefined ? undefined : `--${name}`;
}

/** The flags among those given that do not change `what`, in one sentence; undefined when there are none. */
export function idleNote(flags: Flags, what = 'a key'): string | undefined {
  const given = [...IDLE_SWITCHES, ...IDLE_VALUES].filter((name) => flags[camelCase(name)] !== undefined);
  return given.length === 0
    ? undefined
    : `${given.map((name) => `--${name}`).join(', ')}: taken, and without effect on ${what}`;
}
