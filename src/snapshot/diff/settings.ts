/** What differs between the configurations and annotations of two images, named as a Dockerfile has it. */
import { isObject } from '../../core/is-object.ts';
import { textsOf } from '../../core/json-members.ts';
import { isSecretName, withoutSecrets } from '../../core/without-secrets.ts';
import { type Facts, namesOf, same } from './facts.ts';
import type { DiffKind } from './filter.ts';

/** A setting of an image that differs. */
export interface SettingChange {
  /** Where it stands. */
  readonly kind: Extract<DiffKind, 'config' | 'created' | 'history' | 'annotations'>;
  /** `ENV PATH`, `CMD`, `LABEL version`. */
  readonly name: string;
  /** Absent if the side lacks it; both are absent where the value may be a secret. At most a thousand characters. */
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

/** Where annotations stand: in the manifest, in its index, and in the index's entry of it. */
const ANNOTATIONS = [
  ['annotations', 'annotation'],
  ['indexAnnotations', 'annotation of the index'],
  ['descriptorAnnotations', 'annotation of the entry'],
] as const;

/** Characters of a value. */
const MAX_VALUE = 1000;

/** The settings that differ, configuration first. */
export function compareSettings(a: Facts | undefined, b: Facts | undefined): SettingChange[] {
  if (!isObject(a?.configuration) || !isObject(b?.configuration)) return [];
  const [from, to] = [a.configuration, b.configuration];
  // The platform is a fact of its own.
  const others = namesOf(from, to)
    .sort()
    .filter((name) => !OTHERWISE.has(name));
  return [
    ...compareConfig(objectOf(from.config), objectOf(to.config)),
    ...others.flatMap((name) => changed('config', name, from[name], to[name])),
    ...changed('created', 'created', from.created, to.created),
    ...compareHistory(from.history, to.history),
    ...ANNOTATIONS.flatMap(([member, word]) =>
      compareMap('annotations', word, objectOf(a[member]), objectOf(b[member])),
    ),
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
  return namesOf(a, b)
    .sort()
    .flatMap((name) => {
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
  return Object.fromEntries(
    textsOf(env).map((text) => {
      const cut = text.indexOf('=');
      return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}

function compareMap(kind: SettingChange['kind'], word: string, a: Facts, b: Facts): SettingChange[] {
  return namesOf(a, b)
    .sort()
    .flatMap((name) => changed(kind, `${word} ${name}`, a[name], b[name]));
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
  if (isSecretName(name)) return [{ kind, name, text: 'another value, which may be a secret' }];
  const [from, to] = [valueText(a), valueText(b)];
  const text = typeof a === 'string' && typeof b === 'string' ? textsChange(a, b) : undefined;
  const values = { ...(from === undefined ? {} : { from: cut(from) }), ...(to === undefined ? {} : { to: cut(to) }) };
  return [{ kind, name, ...values, text: text ?? valuesChange(a, b) }];
}

/** The words for a text that another was put before or behind. */
function textsChange(from: string, to: string): string | undefined {
  // A part of an address would show what the whole hides.
  if (from === '' || withoutSecrets(from) !== from || withoutSecrets(to) !== to) return undefined;
  if (to.endsWith(from)) return `${quoted(to.slice(0, -from.length))} put in front of ${quoted(from)}`;
  if (to.startsWith(from)) return `${quoted(to.slice(from.length))} put behind ${quoted(from)}`;
  return undefined;
}

function valuesChange(a: unknown, b: unknown): string {
  const [from, to] = [valueText(a), valueText(b)];
  if (from === undefined) return to === '' || to === undefined ? 'is new' : `is new: ${quoted(b)}`;
  if (to === undefined) return from === '' ? 'is gone' : `is gone: ${quoted(a)}`;
  return `${quoted(a)} → ${quoted(b)}`;
}

/** A value as it is shown. Lists and objects are JSON, which needs no more quotes. */
function quoted(value: unknown): string {
  const text = cut(valueText(value) ?? '');
  return typeof value === 'string' || text === '' ? `"${text}"` : text;
}

/** The whole value, without passwords and signatures in addresses; undefined if there is none, empty if it says nothing. */
function valueText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (isObject(value) && Object.keys(value).length === 0) return '';
  return withoutSecrets(typeof value === 'string' ? value : JSON.stringify(value));
}

function cut(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

function objectOf(value: unknown): Facts {
  return isObject(value) ? value : {};
}
