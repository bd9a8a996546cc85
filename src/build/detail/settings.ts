/** What a build was given beside its Dockerfile and its sources, by names and digests. */
import type { Dockerfile } from '../../dockerfile/parse/instruction.ts';
import type { BuildRequest } from '../answer.ts';
import type { Setting } from '../build-detail.ts';
import { valueDigest } from './instructions.ts';

/** What of a request is told by its flags. */
export type SettingsRequest = Omit<BuildRequest, 'dockerfile' | 'context' | 'remote'>;

/** Options of the front end by the flags that stand for them. */
const OPTION_FLAGS: Readonly<Record<string, string>> = {
  'force-network-mode': '--network',
  'shm-size': '--shm-size',
  ulimit: '--ulimit',
  'cgroup-parent': '--cgroup-parent',
};

/**
 * @param dockerfile undefined where a front end that is not docker's own reads it: then everything may be used
 * @param reached positions of the stages that the result needs
 * @param inputs names of the sources of the build
 */
export function settingDetail(
  request: SettingsRequest,
  dockerfile: Dockerfile | undefined,
  reached: ReadonlySet<number>,
  inputs: ReadonlySet<string>,
): Setting[] {
  const { target, platformAsked, targetPlatforms, buildPlatform, buildArgs, labels, contexts, salts, modes } = request;
  const declared = dockerfile && declaredArguments(dockerfile, reached);
  const isUsed = (name: string): boolean => declared === undefined || declared.has(name) || OWN_ARGUMENT.test(name);
  return [
    targetSetting(target, dockerfile, isUsed('TARGETSTAGE')),
    ...(platformAsked ? [known('--platform', targetPlatforms.join(','))] : []),
    { ...known('--build-platform', buildPlatform), implied: true as const },
    ...named('--build-arg', buildArgs).map((one) => (isUsed(one.name!) ? one : { ...one, idle: true as const })),
    ...named('--label', labels),
    // Where a context comes from does not count: what it holds does, and is an input.
    ...[...contexts.keys()].map((name): Setting => {
      const setting = { flag: '--build-context', name, digest: valueDigest(null) };
      return dockerfile === undefined || inputs.has(name) ? setting : { ...setting, idle: true };
    }),
    ...optionSettings(request.frontendOptions, buildArgs),
    ...named('--with', new Map(salts)),
    ...(modes === 'exact' ? [] : [known('--modes', modes)]),
  ].sort(byName);
}

/** Arguments that the front end itself reads. */
const OWN_ARGUMENT = /^(?:BUILDKIT_|SOURCE_DATE_EPOCH$)/;

function declaredArguments({ globalArgs, stages }: Dockerfile, reached: ReadonlySet<number>): Set<string> {
  const instructions = stages.flatMap((stage, index) => (reached.has(index) ? stage.instructions : []));
  return new Set(
    [...globalArgs, ...instructions].flatMap((one) => (one.kind === 'ARG' ? one.args.map(({ name }) => name) : [])),
  );
}

/** Without the flag it is the last stage, whose name counts where an argument holds it. */
function targetSetting(target: string | undefined, dockerfile: Dockerfile | undefined, isUsed: boolean): Setting {
  if (target !== undefined) return known('--target', target);
  const stages = dockerfile?.stages ?? [];
  const setting = known('--target', stages.at(-1)?.name || String(stages.length - 1));
  return isUsed ? { ...setting, implied: true } : { ...setting, implied: true, idle: true };
}

function optionSettings(options: ReadonlyMap<string, string>, buildArgs: ReadonlyMap<string, string>): Setting[] {
  return [...options].flatMap(([option, value]): Setting[] => {
    // The builder looks up the addresses: names alone count.
    if (option === 'add-hosts') return hosts(value);
    if (option === 'hostname' && buildArgs.has('BUILDKIT_SANDBOX_HOSTNAME')) return [];
    const flag = OPTION_FLAGS[option];
    return [flag === undefined ? { flag: option, digest: valueDigest(value) } : known(flag, value)];
  });
}

function hosts(list: string): Setting[] {
  return list.split(',').map((host, index) => {
    return { flag: '--add-host', name: host.slice(0, host.indexOf('=')), digest: valueDigest(index) };
  });
}

function known(flag: string, value: string): Setting {
  return { flag, value, digest: valueDigest(value) };
}

function named(flag: string, values: ReadonlyMap<string, string>): Setting[] {
  return [...values].map(([name, value]) => ({ flag, name, digest: valueDigest(value) }));
}

function byName(a: Setting, b: Setting): number {
  const [one, other] = [`${a.flag} ${a.name ?? ''}`, `${b.flag} ${b.name ?? ''}`];
  return one < other ? -1 : one > other ? 1 : 0;
}
