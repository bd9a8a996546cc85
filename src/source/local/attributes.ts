/** The attributes (flags) of a local directory. */
import type { AttributeSpec, Attributes } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { Modes } from '../../fs/entry/modes.ts';

export const LOCAL_ATTRIBUTES: readonly AttributeSpec[] = [
  {
    name: 'include',
    kind: 'list',
    placeholder: 'PATTERN',
    help: 'take only what matches, with its parents; part of the key',
    example: 'src/**',
  },
  {
    name: 'exclude',
    kind: 'list',
    placeholder: 'PATTERN',
    help: 'leave out what matches, after the ignore file; part of the key',
    example: '**/*.log',
  },
  {
    name: 'follow-path',
    kind: 'list',
    placeholder: 'PATH',
    help: 'take a path and every link on the way to it; part of the key',
    example: 'bin/tool',
  },
  {
    name: 'ignore-file',
    kind: 'text',
    placeholder: 'FILE',
    locked: 'path',
    help: 'read the patterns to leave out from this file',
    example: '.gitignore',
  },
  { name: 'no-ignore-file', kind: 'flag', help: 'read no ignore file' },
  {
    name: 'file',
    kind: 'text',
    short: 'f',
    placeholder: 'DOCKERFILE',
    locked: 'path',
    help: 'the Dockerfile, whose own ignore file goes before .dockerignore; - is standard input',
    example: 'docker/app.Dockerfile',
  },
  {
    name: 'modes',
    kind: 'text',
    placeholder: 'exact|exec',
    choices: ['exact', 'exec'],
    help: 'exec: files 0755 if their owner may execute them, else 0644, for checkouts under different umasks',
    example: 'exec',
  },
  {
    name: 'session-id',
    kind: 'text',
    placeholder: 'ID',
    locked: 'never',
    help: 'session of the definition key (random unless given)',
    example: 'u7k2q0d6n5m4p3r1s9t8v7w6x',
  },
];

/** The options in the attributes. Absent lists are empty. */
export interface LocalOptions {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly follow: readonly string[];
  readonly ignoreFile: string | undefined;
  readonly noIgnoreFile: boolean;
  readonly dockerfile: string | undefined;
  readonly modes: Modes;
  readonly session: string | undefined;
}

/** @throws CtxsrcError `E_ATTRIBUTE` */
export function readLocalAttributes(attributes: Attributes): LocalOptions {
  const options: LocalOptions = {
    include: list(attributes, 'include'),
    exclude: list(attributes, 'exclude'),
    follow: list(attributes, 'follow-path'),
    ignoreFile: text(attributes, 'ignore-file'),
    noIgnoreFile: attributes['no-ignore-file'] === true,
    dockerfile: text(attributes, 'file'),
    modes: modes(attributes),
    session: text(attributes, 'session-id'),
  };
  if (options.noIgnoreFile && options.ignoreFile !== undefined) {
    throw new CtxsrcError('E_ATTRIBUTE', '--ignore-file and --no-ignore-file exclude each other', {
      hint: 'leave one of them out',
    });
  }
  return options;
}

/** The attributes that have an effect, as an identifier stores them. */
export function keptAttributes(options: LocalOptions): Attributes {
  return {
    ...(options.include.length === 0 ? {} : { include: options.include }),
    ...(options.exclude.length === 0 ? {} : { exclude: options.exclude }),
    ...(options.follow.length === 0 ? {} : { 'follow-path': options.follow }),
    ...(options.ignoreFile === undefined ? {} : { 'ignore-file': options.ignoreFile }),
    ...(options.noIgnoreFile ? { 'no-ignore-file': true } : {}),
    ...(options.dockerfile === undefined ? {} : { file: options.dockerfile }),
    ...(options.modes === 'exact' ? {} : { modes: options.modes }),
    ...(options.session === undefined ? {} : { 'session-id': options.session }),
  };
}

function list(attributes: Attributes, name: string): readonly string[] {
  const value = attributes[name];
  if (value === undefined) return [];
  const items = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
  if (items.some((item) => item.includes('\0')))
    throw new CtxsrcError('E_ATTRIBUTE', `--${name} contains a NUL character`);
  return items;
}

function text(attributes: Attributes, name: string): string | undefined {
  const value = attributes[name];
  if (value === undefined) return undefined;
  if (value === '' || String(value).includes('\0')) {
    throw new CtxsrcError('E_ATTRIBUTE', `--${name} has no usable value`, {
      hint: `give --${name} a value or leave it out`,
    });
  }
  return String(value);
}

function modes(attributes: Attributes): Modes {
  const value = attributes.modes ?? 'exact';
  if (value !== 'exact' && value !== 'exec') {
    throw new CtxsrcError('E_ATTRIBUTE', `--modes is exact or exec, not ${JSON.stringify(value)}`, {
      hint: 'exact is BuildKit’s rule, exec keeps only who may execute',
    });
  }
  return value;
}
