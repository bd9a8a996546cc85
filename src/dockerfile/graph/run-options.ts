/** Options of the front end that every RUN gets. */
import { isIP } from 'node:net';
import { CtxsrcError } from '../../core/errors.ts';
import type { BuildOptions } from './types.ts';

export interface RunOptions {
  readonly hostname: string;
  /** BuildKit's number of the mode. */
  readonly network: number;
  readonly extraHosts: readonly { readonly Host: string; readonly IP: string }[];
  readonly ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly cgroupParent: string;
  /** Bytes; 0: not set. */
  readonly shmSize: number;
  /** Put before the ids of cache mounts. */
  readonly cacheNamespace: string;
}

export const NETWORK_MODES: Readonly<Record<string, number>> = { sandbox: 0, default: 0, host: 1, none: 2 };

/** @throws E_USAGE that names the option */
export function runOptions({ frontendOptions, buildArgs }: BuildOptions): RunOptions {
  const option = (name: string): string => frontendOptions.get(name) ?? '';
  return {
    hostname: buildArgs.get('BUILDKIT_SANDBOX_HOSTNAME') || option('hostname'),
    network: networkMode(option('force-network-mode')),
    extraHosts: fields(option('add-hosts')).map(extraHost),
    ulimits: fields(option('ulimit')).map(ulimit),
    cgroupParent: option('cgroup-parent'),
    shmSize: shmSize(option('shm-size')),
    cacheNamespace: buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? '',
  };
}

function usage(message: string, hint: string): CtxsrcError {
  return new CtxsrcError('E_USAGE', message, { hint });
}

function fields(text: string): string[] {
  return text === '' ? [] : text.split(',').map((field) => field.replace(/^"(.*)"$/s, '$1').replaceAll('""', '"'));
}

function networkMode(text: string): number {
  const mode = text === '' ? 0 : text === 'default' ? undefined : NETWORK_MODES[text];
  if (mode === undefined) throw usage(`--network ${text} is no mode`, 'the modes are default, host and none');
  return mode;
}

function extraHost(text: string): RunOptions['extraHosts'][number] {
  const [, host, ip = ''] = /^([^=]*)=(.*)$/s.exec(text.toLowerCase()) ?? [];
  if (host === undefined || isIP(ip) === 0) throw usage(`--add-host ${text} is no host`, 'write NAME=ADDRESS');
  return { Host: host, IP: ip };
}

function ulimit(text: string): RunOptions['ulimits'][number] {
  const [, name = '', soft = '', hard = soft] = /^([^=]+)=(-?[0-9]+)(?::(-?[0-9]+))?$/.exec(text) ?? [];
  if (name === '') throw usage(`--ulimit ${text} is no limit`, 'write NAME=SOFT[:HARD], for instance nofile=1024:2048');
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}

function shmSize(text: string): number {
  if (text !== '' && !/^[+-]?[0-9]+$/.test(text)) throw usage(`--shm-size ${text} is no size`, 'write bytes, or 64m');
  return Math.max(Number(text), 0);
}
