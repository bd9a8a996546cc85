/** What a build was given beside its Dockerfile and its sources, by names and digests. */
import type { Dockerfile } from '../../dockerfile/parse/instruction.ts';
import type { BuildRequest } from '../answer.ts';
import type { InputDetail, Setting } from '../build-detail.ts';
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
 * @param inputs the sources of the build
 */
export function settingDetail(
  request: SettingsRequest,
  dockerfile: Dockerfile | undefined,
  reached: ReadonlySet<number>,
  inputs: readonly InputDetail[],
): Setting[] {
  const { target, platformAsked, targetPlatforms, buildPlatform, buildArgs, labels, contexts, salts, modes } = request;
  const names = new Set(inputs.map(({ name }) => name));
  const declared = dockerfile && declaredArguments(dockerfile, reached, inputs);
  const isUsed = (name: string): boolean => declared === undefined || declared.has(name) || OWN_ARGUMENT.test(name);
  return [
    targetSetting(target, dockerfile, isUsed('TARGETSTAGE')),
    ...(platformAsked ? [known('--platform', targetPlatforms.join(','))] : []),
    buildPlatformSetting(buildPlatform, declared, dockerfile),
    ...named('--build-arg', buildArgs).map((one) => (isUsed(one.name!) ? one : { ...one, idle: true as const })),
    ...named('--label', labels),
    // Where a context comes from does not count: what it holds does, and is an input.
    ...[...contexts.keys()].map((name): Setting => {
      const setting = { flag: '--build-context', name, digest: valueDigest(null) };
      return dockerfile === undefined || names.has(name) ? setting : { ...setting, idle: true };
    }),
    ...optionSettings(request.frontendOptions, buildArgs),
    ...named('--with', new Map(salts)),
    ...(modes === 'exact' ? [] : [known('--modes', modes)]),
  ].sort(byName);
}

/** Arguments that the front end itself reads. */
const OWN_ARGUMENT = /^(?:BUILDKIT_|SOURCE_DATE_EPOCH$)/;

/** Undefined where triggers may declare others. */
function declaredArguments(
  { globalArgs, stages }: Dockerfile,
  reached: ReadonlySet<number>,
  inputs: readonly InputDetail[],
): ReadonlySet<string> | undefined {
  const instructions = stages.flatMap((stage, index) => (reached.has(index) ? stage.instructions : []));
  const isOpen =
    instructions.some(({ kind }) => kind === 'ONBUILD') ||
    inputs.some(({ config = [] }) => config.some(({ name }) => name === 'OnBuild'));
  if (isOpen) return undefined;
  return new Set(
    [...globalArgs, ...instructions].flatMap((one) => (one.kind === 'ARG' ? one.args.map(({ name }) => name) : [])),
  );
}

/** The machine that builds counts where an argument, or the platform of a stage, is made of it. */
function buildPlatformSetting(
  platform: string,
  declared: ReadonlySet<string> | undefined,
  dockerfile: Dockerfile | undefined,
): Setting {
  const setting = { ...known('--build-platform', platform), implied: true } as const;
  const isUsed =
    declared === undefined ||
    [...declared, ...(dockerfile?.stages ?? []).map((stage) => stage.platform)].some((text) => text.includes('BUILD'));
  return isUsed ? setting : { ...setting, idle: true };
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
