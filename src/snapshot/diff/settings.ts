/** What differs between the configurations and annotations of two images, named as a Dockerfile has it. */
import { isObject } from '../../core/is-object.ts';
import { type Facts, same } from './facts.ts';
import type { DiffKind } from './filter.ts';

/** A setting of an image that differs. */
export interface SettingChange {
  /** Where it stands. */
  readonly kind: Extract<DiffKind, 'config' | 'created' | 'history' | 'annotations'>;
  /** `ENV PATH`, `CMD`, `LABEL version`. */
  readonly name: string;
  /** Absent if the side lacks it; both are absent where the value may be a secret, or is too long to tell anything. */
  readonly from?: string;
  /** On the second side. */
  readonly to?: string;
  /** The change in words, with what is quoted from the image in it. */
  readonly text: string;
}

const NAMES: Readonly<Record<string, string>> = {
  Cmd: 'CMD',
  Entrypoint: 'ENTRYPOINT',
  User: 'USER',
  WorkingDir: 'WORKDIR',
  StopSignal: 'STOPSIGNAL',
  Healthcheck: 'HEALTHCHECK',
  Shell: 'SHELL',
  OnBuild: 'ONBUILD',
};

/** Members of `config` that hold several things by name. */
const MAPS: Readonly<Record<string, string>> = { Labels: 'LABEL', ExposedPorts: 'EXPOSE', Volumes: 'VOLUME' };

const SECRET = /pass|secret|token|credential|private|api_?key|access_?key/i;
/** Characters of a value. */
const MAX_VALUE = 1000;

/** The settings that differ, configuration first. */
export function compareSettings(a: Facts | undefined, b: Facts | undefined): SettingChange[] {
  if (!isObject(a?.configuration) || !isObject(b?.configuration)) return [];
  const [from, to] = [a.configuration, b.configuration];
  // The platform is a fact of its own.
  const others = namesOf(from, to).filter((name) => !OTHERWISE.has(name));
  return [
    ...compareConfig(objectOf(from.config), objectOf(to.config)),
    ...others.flatMap((name) => changed('config', name, from[name], to[name])),
    ...changed('created', 'created', from.created, to.created),
    ...compareHistory(from.history, to.history),
    ...compareMap('annotations', 'annotation', objectOf(a.annotations), objectOf(b.annotations)),
  ];
}

const OTHERWISE: ReadonlySet<string> = new Set([
  'config',
  'created',
  'history',
  'rootfs',
  'architecture',
  'os',
  'variant',
  'os.version',
  'os.features',
]);

function compareConfig(a: Facts, b: Facts): SettingChange[] {
  return namesOf(a, b).flatMap((name) => {
    const [from, to] = [a[name], b[name]];
    if (name === 'Env') return compareEnvironment(from, to);
    const word = MAPS[name];
    if (word !== undefined) return compareMap('config', word, objectOf(from), objectOf(to));
    return changed('config', NAMES[name] ?? name, from, to);
  });
}

function compareEnvironment(a: unknown, b: unknown): SettingChange[] {
  const [from, to] = [variablesOf(a), variablesOf(b)];
  const changes = compareMap('config', 'ENV', from, to);
  if (changes.length > 0 || same(a ?? null, b ?? null)) return changes;
  return [{ kind: 'config', name: 'ENV', text: 'the same in another order' }];
}

function variablesOf(env: unknown): Facts {
  const texts = Array.isArray(env) ? (env as readonly unknown[]).filter((one) => typeof one === 'string') : [];
  return Object.fromEntries(
    texts.map((text) => {
      const cut = text.indexOf('=');
      return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}

function compareMap(kind: SettingChange['kind'], word: string, a: Facts, b: Facts): SettingChange[] {
  return namesOf(a, b).flatMap((name) => changed(kind, `${word} ${name}`, a[name], b[name]));
}

/** A history in which only times differ is one that was built again. */
function compareHistory(a: unknown, b: unknown): SettingChange[] {
  if (same(a ?? null, b ?? null)) return [];
  const timeless = (history: unknown): unknown =>
    Array.isArray(history)
      ? (history as readonly unknown[]).map((row) => (isObject(row) ? { ...row, created: undefined } : row))
      : null;
  const onlyTimes = same(timeless(a), timeless(b));
  if (onlyTimes) return [{ kind: 'created', name: 'history', text: 'its steps were made at other times' }];
  return [{ kind: 'history', name: 'history', text: 'it tells of other steps' }];
}

function changed(kind: SettingChange['kind'], name: string, a: unknown, b: unknown): SettingChange[] {
  if (same(a ?? null, b ?? null)) return [];
  const [from, to] = [valueText(a), valueText(b)];
  if (SECRET.test(name)) return [{ kind, name, text: 'another value, which may be a secret' }];
  const values = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  return [{ kind, name, ...values, text: changeText(from, to) }];
}

function changeText(from: string | undefined, to: string | undefined): string {
  if (from === undefined) return to === '' || to === undefined ? 'is new' : `is new: ${quoted(to)}`;
  if (to === undefined) return from === '' ? 'is gone' : `is gone: ${quoted(from)}`;
  if (from !== '' && to.endsWith(from)) return `${quoted(to.slice(0, -from.length))} put in front of ${quoted(from)}`;
  if (from !== '' && to.startsWith(from)) return `${quoted(to.slice(from.length))} put behind ${quoted(from)}`;
  return `${quoted(from)} → ${quoted(to)}`;
}

/** Lists and objects are JSON, which needs no more quotes. */
const quoted = (text: string): string => (/^[[{]/.test(text) ? text : `"${text}"`);

function valueText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (isObject(value) && Object.keys(value).length === 0) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

function namesOf(a: Facts, b: Facts): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

function objectOf(value: unknown): Facts {
  return isObject(value) ? value : {};
}
