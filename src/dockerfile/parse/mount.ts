/** One `RUN --mount=…`. */
import { closest } from '../../core/closest.ts';
import { parseGoBool } from '../../core/go/text.ts';
import { shortened } from '../../core/printable.ts';
import { DockerfileProblem } from '../problem.ts';
import { parseSize } from './byte-size.ts';
import { csvFields } from './csv.ts';
import type { Mount, MountType } from './instruction.ts';

const TYPES: readonly MountType[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];
const SHARING: readonly Mount['sharing'][] = ['shared', 'private', 'locked'];
const WITH_OWNER: readonly MountType[] = ['secret', 'ssh', 'cache'];

/**
 * Checks what BuildKit checks of a mount before it knows any variable, also in a stage that nothing needs.
 * @returns the `from` as it is written: a stage, a named context or an image; empty without one
 * @throws DockerfileProblem
 */
export function mountOrigin(value: string): string {
  let from = '';
  for (const [key, text] of keysOf(value)) {
    if (key !== 'from' || text === undefined) continue;
    const dollar = text.indexOf('$');
    if (dollar !== -1 && dollar !== text.length - 1) {
      throw new DockerfileProblem(
        'from= of a mount takes no variable',
        'name a stage there: FROM IMAGE:$VARIABLE AS NAME at the top, and from=NAME',
      );
    }
    from = text;
  }
  return from;
}

/**
 * Reads a mount. Each value is expanded on its own, after the commas were read.
 * @throws DockerfileProblem
 */
export function parseMount(value: string, expand: (word: string) => string): Mount {
  let given: Partial<Mount> = {};
  for (const [key, text] of keysOf(value)) {
    const { type = 'bind' } = given;
    if (text === undefined && !BARE.includes(key)) {
      throw new DockerfileProblem(`${shortened(key)} of a mount has no value`, `write ${shortened(key)}=VALUE`);
    }
    const expanded = text === undefined ? 'true' : expand(text);
    if (!Object.hasOwn(MEMBERS, key)) throw unknownKey(key);
    given = { ...given, ...MEMBERS[key]!(expanded, type, key) };
  }
  const { type = 'bind' } = given;
  if (!WITH_OWNER.includes(type)) {
    for (const key of ['mode', 'uid', 'gid'] as const) if (given[key] !== undefined) throw notFor(key, type);
  }
  if (given.sharing !== undefined && type !== 'cache') throw notFor('sharing', type);
  const mount = { ...DEFAULTS, readOnly: type !== 'cache' && type !== 'tmpfs', ...given };
  if (type === 'secret') checkSecret(mount);
  return mount;
}

/** The keys in lower case, each with the text behind its `=`, if it has one. */
function keysOf(value: string): readonly (readonly [key: string, text: string | undefined])[] {
  return csvFields(value).map((field) => {
    const equals = field.indexOf('=');
    if (equals === -1) return [field.toLowerCase(), undefined];
    return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
  });
}

const DEFAULTS: Omit<Mount, 'readOnly'> = {
  type: 'bind',
  from: '',
  source: '',
  target: '',
  id: '',
  sharing: 'shared',
  required: false,
  env: undefined,
  size: 0n,
  mode: undefined,
  uid: undefined,
  gid: undefined,
};

/** What a key says of a mount. @param type the one given so far */
type Member = (value: string, type: MountType, key: string) => Partial<Mount>;

const source: Member = (value) => ({ source: value });
const target: Member = (value) => ({ target: value });
const readonly: Member = (value, _type, key) => ({ readOnly: truth(key, value) });
const readwrite: Member = (value, _type, key) => ({ readOnly: !truth(key, value) });

const MEMBERS: Readonly<Record<string, Member>> = {
  type: (value) => ({ type: oneOf(TYPES, 'type', value) }),
  from: (value) => ({ from: value }),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly,
  ro: readonly,
  readwrite,
  rw: readwrite,
  id: (value) => ({ id: value }),
  sharing: (value) => ({ sharing: oneOf(SHARING, 'sharing', value) }),
  required(value, type, key) {
    const required = truth(key, value);
    if (type !== 'secret' && type !== 'ssh') throw notFor('required', type);
    return { required };
  },
  size(value, type) {
    if (type !== 'tmpfs') throw notFor('size', type);
    return { size: parseSize(value) };
  },
  mode: (value) => ({ mode: unsigned('mode', value, 8) }),
  uid: (value) => ({ uid: unsigned('uid', value, 10) }),
  gid: (value) => ({ gid: unsigned('gid', value, 10) }),
  env: (value) => ({ env: value }),
};
/** Keys that need no value. */
const BARE = ['readonly', 'ro', 'readwrite', 'rw', 'required'];

function checkSecret(mount: Mount): void {
  if (mount.from !== '') throw notFor('from', 'secret');
  if (mount.source === '' && mount.target === '' && mount.id === '') {
    throw new DockerfileProblem('a secret mount says neither id nor target', 'write --mount=type=secret,id=NAME');
  }
  if (mount.source !== '' && mount.id !== '') {
    throw new DockerfileProblem('a secret mount says both source and id', 'leave one of them out');
  }
}

function unknownKey(key: string): DockerfileProblem {
  const keys = Object.keys(MEMBERS);
  const near = closest(key.slice(0, 100), keys);
  return new DockerfileProblem(
    `a mount has no key ${shortened(key)}`,
    near === undefined ? `the keys are ${keys.join(', ')}` : `write ${near}=`,
  );
}

function notFor(key: string, type: MountType): DockerfileProblem {
  return new DockerfileProblem(
    `a mount of type ${type} takes no ${key}`,
    `leave ${key} out, or write another type= in front of it`,
  );
}

function oneOf<T extends string>(words: readonly T[], key: string, value: string): T {
  const found = words.find((word) => word === value.toLowerCase());
  if (found !== undefined) return found;
  throw new DockerfileProblem(`a mount has no ${key} ${shortened(value)}`, `write one of ${words.join(', ')}`);
}

function truth(key: string, value: string): boolean {
  const truth = parseGoBool(value);
  if (truth !== undefined) return truth;
  throw new DockerfileProblem(`${key} of a mount is neither true nor false: ${shortened(value)}`, `write ${key}=true`);
}

function unsigned(key: string, value: string, base: 8 | 10): number {
  const number = (base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(value) ? Number.parseInt(value, base) : Number.NaN;
  if (number < 2 ** 32) return number;
  throw new DockerfileProblem(
    `${key} of a mount is no number: ${shortened(value)}`,
    base === 8 ? 'write an octal mode, for instance mode=0755' : `write for instance ${key}=1000`,
  );
}
