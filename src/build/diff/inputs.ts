/** Images, git sources, downloads and the front end that differ. */
import { shortDigest } from '../../core/digest.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { InputDetail } from '../build-detail.ts';
import { type DifferenceKind, paired } from './difference.ts';
import type { Cause } from './instructions.ts';
import type { ComparedBuild } from './saved.ts';

/** What a base hands on to the steps, whatever the image is in the end. */
const INHERITED = /^(?:Env .*|User|WorkingDir|Shell|OnBuild)$/;

/** @param settings names of the members of the image's configuration that differ */
export function inputCauses(a: ComparedBuild, b: ComparedBuild, settings: ReadonlySet<string>): Cause[] {
  const several = a.detail.platforms.length > 1 || b.detail.platforms.length > 1;
  const { both, gone, added } = paired(listed(a), listed(b), ({ kind, name, platform }) =>
    [DIRECTORIES.has(kind) ? '' : kind, platform, name].join(' '),
  );
  const replaced = gone.length === added.length && gone.every((one, index) => one.base === added[index]!.base);
  const subject = (one: InputDetail): string => subjectOf(one, several);
  return [
    ...both.flatMap(([one, other]) => changes(one, other, subject(other), settings)),
    ...(replaced
      ? gone.map((one, index): Cause => replacement(one, added[index]!, subject))
      : [
          ...gone.map((one): Cause => ({ mark: '-', kind: kindOf(one), subject: subject(one) })),
          ...added.map((one): Cause => ({ mark: '+', kind: kindOf(one), subject: subject(one) })),
        ]),
    ...frontendCauses(a, b),
  ];
}

/** Directories of this machine are compared path by path. */
const DIRECTORIES: ReadonlySet<string> = new Set(['local']);

function listed({ detail }: ComparedBuild): InputDetail[] {
  return detail.inputs.filter(({ kind }) => !DIRECTORIES.has(kind));
}

function changes(a: InputDetail, b: InputDetail, subject: string, settings: ReadonlySet<string>): Cause[] {
  const causes: Cause[] = [];
  if (a.key !== b.key) {
    const shown = a.digest !== b.digest ? [a.digest, b.digest] : [a.key, b.key];
    const [from = 'none', to = 'none'] = shown.map((digest) => digest && shortened(digest));
    causes.push({ mark: '~', kind: kindOf(b), subject, from, to });
  }
  if (!a.base || !b.base || a.config === undefined || b.config === undefined) return causes;
  const parts = paired(a.config, b.config, ({ name }) => name);
  const names = [
    ...parts.both.filter(([one, other]) => one.digest !== other.digest).map(([, { name }]) => name),
    ...parts.added.map(({ name }) => name),
    ...parts.gone.map(({ name }) => name),
  ].filter((name) => name !== 'rootfs');
  if (names.length === 0) return causes;
  const counts = names.filter((name) => INHERITED.test(name) || settings.has(memberOf(name)));
  const what = `${(counts.length > 0 ? counts : names).join(', ')} of its configuration`;
  return [...causes, { mark: '~', kind: kindOf(b), subject, what, idle: counts.length === 0 }];
}

/** `Labels` of `Labels NAME`. */
export function memberOf(part: string): string {
  return part.replace(/^(Env|Labels) .*$/s, '$1');
}

function replacement(a: InputDetail, b: InputDetail, subject: (one: InputDetail) => string): Cause {
  const common = { mark: '~', kind: kindOf(b), idle: a.key !== undefined && a.key === b.key } as const;
  if (a.name !== b.name) return { ...common, subject: subject({ ...b, name: '' }).trim(), from: a.name, to: b.name };
  if (a.platform !== b.platform) {
    return { ...common, subject: subject(b), from: a.platform ?? 'none', to: b.platform ?? 'none' };
  }
  return { ...common, subject: subject(b), from: a.kind, to: b.kind };
}

function subjectOf({ kind, name, platform, base }: InputDetail, several: boolean): string {
  const of = several && platform !== undefined && name !== '' ? ` (${platform})` : '';
  return `${wordOf(kind, base)} ${name}${of}`;
}

function wordOf(kind: string, base: boolean): string {
  return WORDS[kind]?.[0] ?? (base ? 'base image' : 'copied image');
}

function kindOf({ kind }: InputDetail): DifferenceKind {
  return WORDS[kind]?.[1] ?? 'image';
}

/** What sources that are no images are called, one and among others. */
const WORDS: Readonly<Record<string, readonly [string, DifferenceKind]>> = {
  git: ['git source', 'git source'],
  http: ['download', 'download'],
  https: ['download', 'download'],
  target: ['target', 'built target'],
};

/** Algorithm and the first digits; a commit without an algorithm. */
function shortened(digest: string): string {
  const [algorithm, hex] = digest.split(':', 2);
  return hex === undefined ? `${digest.slice(0, 12)}…` : `${algorithm}:${shortDigest(digest)}…`;
}

/** The names that a front end of a stranger is given its inputs by. */
const GIVEN: Readonly<Record<string, string>> = {
  dockerfile: 'another Dockerfile',
  options: 'other options',
  context: 'other files of the context',
  remote: 'another commit or download as its context',
};

/** A front end that is not docker's own: everything that it is given counts. */
function frontendCauses(
  { document: a, detail: one }: ComparedBuild,
  { document: b, detail: other }: ComparedBuild,
): Cause[] {
  const [from, to] = [a.frontend, b.frontend];
  const kind = 'front end';
  if (from === undefined && to === undefined) return [];
  if (from === undefined) return [{ mark: '+', kind, subject: `front end ${other.frontend?.ref}` }];
  if (to === undefined) return [{ mark: '-', kind, subject: `front end ${one.frontend?.ref}` }];
  const subject = `front end ${other.frontend?.ref}`;
  const causes: Cause[] = [];
  if (from.image !== to.image) {
    causes.push({ mark: '~', kind, subject, from: shortened(from.image), to: shortened(to.image) });
  } else if (from.config !== to.config) causes.push({ mark: '~', kind, subject, what: 'its configuration' });
  const areOptionsTold = stableJson(one.settings) !== stableJson(other.settings);
  const names = new Set([...Object.keys(from.given), ...Object.keys(to.given)]);
  for (const name of names) {
    if (from.given[name] === to.given[name] || (name === 'options' && areOptionsTold)) continue;
    const what = GIVEN[name] ?? name.replace(/^context:/, 'other files of ');
    causes.push({ mark: '~', kind, subject, what: `which is given ${what}` });
  }
  return causes;
}
