/**
 * Sources from outside: modules that the user names with `--source` or in the configuration file. Nothing is loaded
 * just because it is in the current directory.
 */
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { Source } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { SourceTable } from '../source/table.ts';
import { admitSource } from './admit-source.ts';
import type { UserConfig } from './config.ts';

/**
 * Loads every module that the arguments and the configuration name into the table.
 * @param program has the flags of every command, which no source may have
 */
export async function loadSourceModules(
  table: SourceTable,
  argv: readonly string[],
  config: UserConfig,
  cwd: string,
  program: () => Command,
): Promise<void> {
  const named = [
    ...config.sources.map((module) => ({ module, base: config.directory })),
    ...sourceFlags(argv).map((module) => ({ module, base: cwd })),
  ];
  for (const { module, base } of named) {
    await admitSource(table, (await loadModule(module, base)).source, module, program);
  }
}

/** A module with a source in it. */
export interface SourceModule {
  readonly source: Source;
  readonly exported: Readonly<Record<string, unknown>>;
  readonly url: string;
}

/** Loads a module that exports a source as `source`, or as its default export. `E_SOURCE_MODULE` if there is none. */
export async function loadModule(module: string, base: string): Promise<SourceModule> {
  const { url, exported } = await importModule(module, base);
  const source = exported.source ?? exported.default;
  const fault = faultOf(source);
  if (fault === undefined) return { source: source as Source, exported, url };
  throw new CtxsrcError('E_SOURCE_MODULE', `the module ${module} exports ${fault}`, {
    hint: 'export const source = { schemes, grammar, attributes, identify, resolve }; docs/sources.md shows a whole one',
  });
}

async function importModule(module: string, base: string): Promise<{ url: string; exported: Record<string, unknown> }> {
  try {
    const url = moduleUrl(module, base);
    return { url, exported: (await import(url)) as Record<string, unknown> };
  } catch (error) {
    // After the first line Node lists the modules that required it.
    const [reason] = String((error as Error | undefined)?.message ?? error).split('\n');
    throw new CtxsrcError('E_SOURCE_MODULE', `cannot load the source module ${module}: ${reason}`, {
      cause: error,
      hint: 'name a file (./my-source.js) or an installed package that exports `source`',
    });
  }
}

function moduleUrl(module: string, base: string): string {
  if (module.startsWith('.') || isAbsolute(module)) return pathToFileURL(resolve(base, module)).href;
  return pathToFileURL(createRequire(join(base, 'package.json')).resolve(module)).href;
}

type Holds = (value: unknown) => boolean;

const isFunction: Holds = (value) => typeof value === 'function';
const isScheme: Holds = (value) => typeof value === 'string' && /^[a-z][a-z0-9+.-]*$/.test(value);

const listOf =
  (item: Holds): Holds =>
  (value) =>
    Array.isArray(value) && value.every(item);

const withTexts =
  (...names: readonly string[]): Holds =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'string');

const isSchemes: Holds = (value) => listOf(isScheme)(value) && (value as readonly unknown[]).length > 0;

/** The members that a source must have, with descriptions for people. */
const MEMBERS: readonly (readonly [name: keyof Source, wanted: string, holds: Holds])[] = [
  ['schemes', "a list of names in lower case, ['my-source']", isSchemes],
  ['grammar', '[{ scheme, form, example, summary }]', listOf(withTexts('scheme', 'form', 'example', 'summary'))],
  ['attributes', 'a list', Array.isArray],
  ['identify', 'a function of (ref, attributes)', isFunction],
  ['resolve', 'a function of (id, env)', isFunction],
];

/** The fault of an exported value that is not a source; undefined for a valid source. */
function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'no source';
  const source = value as Partial<Source>;
  const missing = MEMBERS.filter(([name]) => source[name] === undefined).map(([name]) => name);
  if (missing.length > 0) return `a source without ${missing.join(', ')}`;
  const wrong = MEMBERS.find(([name, , holds]) => !holds(source[name]));
  return wrong === undefined ? undefined : `a source whose ${wrong[0]} is not ${wrong[1]}`;
}

function sourceFlags(argv: readonly string[]): string[] {
  const modules: string[] = [];
  for (let i = 0; i < argv.length && argv[i] !== '--'; i += 1) {
    const arg = argv[i]!;
    const next = argv[i + 1];
    if (arg === '--source' && next !== undefined) modules.push(next);
    else if (arg.startsWith('--source=')) modules.push(arg.slice('--source='.length));
  }
  return modules;
}
