/** Flags of `RUN`'s surroundings, checked as docker checks them and spelled as BuildKit's front end wants them. */
import { isIP } from 'node:net';
import { CtxsrcError } from '../../core/errors.ts';
import { shownReference } from '../../core/shown-reference.ts';
import type { BuildLine } from './line.ts';

/** Options of the front end. Those that were not given are absent, as an empty one can mean something else. */
export function frontendOptions(line: BuildLine, buildArgs: ReadonlyMap<string, string>): Map<string, string> {
  const options: [string, string][] = [
    [
      'add-hosts',
      line.addHosts
        .flatMap((text) => text.split(','))
        .flatMap(extraHosts)
        .join(','),
    ],
    ['force-network-mode', networkMode(line.network)],
    ['shm-size', sharedMemory(line.shmSize)],
    ['ulimit', ulimits(line.ulimits)],
    ['cgroup-parent', line.cgroupParent ?? ''],
    ['hostname', buildArgs.get('BUILDKIT_SANDBOX_HOSTNAME') ?? ''],
  ];
  return new Map(options.filter(([, value]) => value !== ''));
}

/** `HOST:IP` or `HOST=IP`, an address in brackets or not. */
function extraHosts(text: string): string {
  const match = /^([^=]+)=(.+)$/.exec(text) ?? /^([^:]+):(.+)$/.exec(text);
  const [, host = '', address = ''] = match ?? [];
  const ip = /^\[.+\]$/.test(address) ? address.slice(1, -1) : address;
  // The builder knows that address, and no cache key holds it.
  if (host !== '' && ip === 'host-gateway') return `${host}=0.0.0.0`;
  if (host === '' || isIP(ip) === 0 || ip.includes('%')) throw bad('--add-host', text, 'HOST:IP');
  return `${host}=${ip}`;
}

function networkMode(text: string | undefined): string {
  if (text === undefined || text === '' || text === 'default') return '';
  if (text === 'none' || text === 'host') return text;
  throw bad('--network', text, 'default, none or host: BuildKit has no other network');
}

const BINARY: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** docker's sizes are powers of 1024, whatever the unit. */
function sharedMemory(text: string | undefined): string {
  if (text === undefined) return '';
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?(?:([kmgtp]?)b?|([kmgtp])ib)$/i.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * 1024 ** BINARY[(match[2] ?? match[3]!).toLowerCase()]!;
  if (!Number.isSafeInteger(Math.trunc(bytes))) throw bad('--shm-size', text, 'a size such as 128m or 1g');
  return bytes < 1 ? '' : String(Math.trunc(bytes));
}

const ULIMIT =
  /^(core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack)=([+-]?\d+)(?::([+-]?\d+))?$/;

/** `NAME=SOFT[:HARD]`, sorted by name; the last of a name counts. */
function ulimits(texts: readonly string[]): string {
  const limits = new Map<string, string>();
  for (const text of texts) {
    const [, name, softText, hardText = softText] = ULIMIT.exec(text) ?? [];
    if (name === undefined) throw bad('--ulimit', text, 'NAME=SOFT[:HARD], for instance nofile=1024:4096');
    const [soft, hard] = [BigInt(softText!), BigInt(hardText!)];
    if (hard !== -1n && (soft === -1n || soft > hard)) throw bad('--ulimit', text, 'a soft limit up to the hard one');
    limits.set(name, `${name}=${soft}:${hard}`);
  }
  return [...limits.keys()]
    .sort()
    .map((name) => limits.get(name))
    .join(',');
}

function bad(flag: string, text: string, wanted: string): CtxsrcError {
  return new CtxsrcError('E_USAGE', `${flag} ${JSON.stringify(shownReference(text))} is not valid`, {
    hint: `it takes ${wanted}`,
  });
}
