/** One `RUN --mount=…`. */
import { closest } from '../../core/closest.ts';
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
  const mount = new MountReader();
  for (const [key, text] of keysOf(value)) {
    if (text === undefined) mount.setBare(key);
    else mount.set(key, expand(text));
  }
  return mount.finish();
}

/** The keys in lower case, each with the text behind its `=`, if it has one. */
function keysOf(value: string): readonly (readonly [key: string, text: string | undefined])[] {
  return csvFields(value).map((field) => {
    const equals = field.indexOf('=');
    if (equals === -1) return [field.toLowerCase(), undefined];
    return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
  });
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

class MountReader {
  readonly #mount: Writable<Mount> = {
    type: 'bind',
    from: '',
    source: '',
    target: '',
    readOnly: true,
    id: '',
    sharing: 'shared',
    required: false,
    env: undefined,
    size: 0n,
    mode: undefined,
    uid: undefined,
    gid: undefined,
  };
  #readOnlySet = false;
  #sharingSet = false;

  /** A key without a value. */
  setBare(key: string): void {
    if (['readonly', 'ro'].includes(key)) this.#setReadOnly(true);
    else if (['readwrite', 'rw'].includes(key)) this.#setReadOnly(false);
    else if (key === 'required') this.#setRequired(true);
    else throw new DockerfileProblem(`${shortened(key)} of a mount has no value`, `write ${shortened(key)}=VALUE`);
  }

  set(key: string, value: string): void {
    const mount = this.#mount;
    switch (key) {
      case 'type':
        mount.type = oneOf(TYPES, 'type', value);
        return;
      case 'from':
        mount.from = value;
        return;
      case 'source':
      case 'src':
        mount.source = value;
        return;
      case 'target':
      case 'dst':
      case 'destination':
        mount.target = value;
        return;
      case 'readonly':
      case 'ro':
        this.#setReadOnly(truth(key, value));
        return;
      case 'readwrite':
      case 'rw':
        this.#setReadOnly(!truth(key, value));
        return;
      case 'required':
        this.#setRequired(truth(key, value));
        return;
      case 'size':
        if (mount.type !== 'tmpfs') throw notFor('size', mount.type);
        mount.size = parseSize(value);
        return;
      case 'id':
        mount.id = value;
        return;
      case 'sharing':
        mount.sharing = oneOf(SHARING, 'sharing', value);
        this.#sharingSet = true;
        return;
      case 'mode':
        mount.mode = unsigned(key, value, 8);
        return;
      case 'uid':
      case 'gid':
        mount[key] = unsigned(key, value, 10);
        return;
      case 'env':
        mount.env = value;
        return;
      default:
        throw unknownKey(key);
    }
  }

  finish(): Mount {
    const mount = this.#mount;
    if (!WITH_OWNER.includes(mount.type)) {
      for (const key of ['mode', 'uid', 'gid'] as const) if (mount[key] !== undefined) throw notFor(key, mount.type);
    }
    if (this.#sharingSet && mount.type !== 'cache') throw notFor('sharing', mount.type);
    if (!this.#readOnlySet) mount.readOnly = mount.type !== 'cache' && mount.type !== 'tmpfs';
    if (mount.type === 'secret') checkSecret(mount);
    return mount;
  }

  #setReadOnly(readOnly: boolean): void {
    this.#mount.readOnly = readOnly;
    this.#readOnlySet = true;
  }

  #setRequired(required: boolean): void {
    const { type } = this.#mount;
    if (type !== 'secret' && type !== 'ssh') throw notFor('required', type);
    this.#mount.required = required;
  }
}

function checkSecret(mount: Mount): void {
  if (mount.from !== '') throw notFor('from', 'secret');
  if (mount.source === '' && mount.target === '' && mount.id === '') {
    throw new DockerfileProblem('a secret mount says neither id nor target', 'write --mount=type=secret,id=NAME');
  }
  if (mount.source !== '' && mount.id !== '') {
    throw new DockerfileProblem('a secret mount says both source and id', 'leave one of them out');
  }
}

const KEYS = [
  ...['type', 'from', 'source', 'src', 'target', 'dst', 'destination', 'readonly', 'ro', 'readwrite', 'rw'],
  ...['id', 'sharing', 'required', 'size', 'mode', 'uid', 'gid', 'env'],
];

function unknownKey(key: string): DockerfileProblem {
  const near = closest(key.slice(0, 100), KEYS);
  return new DockerfileProblem(
    `a mount has no key ${shortened(key)}`,
    near === undefined ? `the keys are ${KEYS.join(', ')}` : `write ${near}=`,
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

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

function truth(key: string, value: string): boolean {
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
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
