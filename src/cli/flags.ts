/**
 * The flags: their declarations for commander, and their values with those of the environment. Flags of sources are
 * made from the attributes that the sources declare, help included (`--platform` in `src/image/attributes.ts`).
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { AttributeSpec, Attributes, AttributeValue, NetworkOptions } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { checkHost, parseCount, parseDuration, parseMirrorOf, parseSize } from './values.ts';

/** Values by camel-cased flag name, as commander collects them. */
export type Flags = Readonly<Record<string, unknown>>;

export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'rawjson', 'none'] as const;

const collect = (value: string, earlier: readonly string[] | undefined): string[] => [...(earlier ?? []), value];

/** `--x VALUE` that may be given several times. */
export function listOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(collect);
}

/** How far a command reaches: flags beyond that are hidden in its help. */
export interface Reach {
  /** The command may take long, and shows progress. */
  readonly progress: boolean;
  readonly store: boolean;
  readonly network: boolean;
  /** It depends on the kind or content of a source. */
  readonly content: boolean;
  /** It accepts references, or modules with sources. */
  readonly references: boolean;
}

/** The most used flags of every command; the help shows them with the command's own. */
export function addCommonFlags(command: Command, reach: Reach): void {
  command
    .optionsGroup('Options:')
    .option('--json', 'print one JSON document a line; errors are JSON on stderr')
    .option('-q, --quiet', 'no progress and no notes')
    .addOption(
      new Option('-v, --verbose', 'show requests and choices; twice: debug').argParser(
        (_: string, earlier: number | undefined) => (earlier ?? 0) + 1,
      ),
    )
    .addOption(
      shownIf(
        reach.content,
        '--strict',
        'refuse what would be lossy, incomplete or doubtful (exit 8), or an image for another platform (7)',
      ),
    )
    .addOption(shownIf(reach.network, '--offline', 'open no connection'));
}

/** The other flags that every command takes. */
export function addSettingFlags(command: Command, reach: Reach): void {
  command
    .optionsGroup('Settings:')
    .addOption(shownIf(reach.progress, '--progress <mode>', 'how progress is shown on stderr').choices(PROGRESS_MODES))
    .option('--color', 'colours in a pipe, too')
    .option('--no-color', 'no colours')
    .addOption(
      shownIf(reach.store, '--cache-dir <dir>', 'the store (default: $CTXSRC_CACHE_DIR, else ~/.cache/ctxsrc)'),
    )
    .addOption(shownIf(reach.store && reach.references, '--no-stat-cache', 'hash every file of a directory again'))
    .addOption(shownIf(reach.references, '--lock <file>', 'take references by their names in this lock file'))
    .addOption(
      shownIf(reach.references, '--source <module>', 'add a source from outside (a file or a package)').argParser(
        collect,
      ),
    );
}

/** A flag that every command accepts, for scripts that pass it to all; the help shows it only where it is used. */
function shownIf(used: boolean, flags: string, description: string): Option {
  return new Option(flags, description).hideHelp(!used);
}

/** Flags of everything that connects to a server; hidden if they are only accepted. */
export function addNetworkFlags(command: Command, shown = true): void {
  const before = command.options.length;
  command
    .optionsGroup('Registries and servers:')
    .option('--registry-config <file>', 'docker config.json with credentials')
    .addOption(new Option('--authfile <file>', 'the same').hideHelp())
    .addOption(listOption('--plain-http <host>', 'speak HTTP to this host'))
    .addOption(listOption('--insecure <host>', 'do not verify the TLS certificate of this host'))
    .option('--ca-file <file>', 'trust these certificate authorities too (PEM)')
    .option('--client-cert <file>', 'TLS client certificate (PEM)')
    .option('--client-key <file>', 'key of the client certificate (PEM)')
    .addOption(
      listOption('--allow-address <cidr>', 'let servers lead to these addresses: closed are link-local and loopback'),
    )
    .option('--netrc <file>', 'user and password for http and https, by host (default: $NETRC)')
    .addOption(listOption('--mirror <host=mirror[/path]>', 'ask this mirror first'))
    .option('--retry <n>', 'retries of a failed request (default: 5)')
    .option(
      '--max-wait <duration>',
      'longest wait that a server may ask for: 90s, 5m; a bare number is seconds (default: 5m)',
    )
    .option(
      '--stall-timeout <duration>',
      'give up when no byte arrives for this long; a bare number is seconds (default: 60s)',
    )
    .option('--parallel <n>', 'downloads at a time per host (default: 4)');
  if (!shown) for (const option of command.options.slice(before)) option.hideHelp();
}

/** Flags of commands that read the content of a source. */
export function addLimitFlags(command: Command): void {
  command
    .optionsGroup('Limits:')
    .option('--max-bytes <size>', 'refuse to read or download more of a source (e.g. 2GiB)')
    .option('--max-files <n>', 'refuse a source with more files and directories');
}

/** The limits of `--max-bytes` and `--max-files`. */
export function limitsOf(flags: Flags): { maxBytes?: number; maxFiles?: number } {
  const bytes = textFlag(flags, 'maxBytes');
  const files = textFlag(flags, 'maxFiles');
  return {
    ...(bytes === undefined ? {} : { maxBytes: parseSize('--max-bytes', bytes) }),
    ...(files === undefined ? {} : { maxFiles: parseCount('--max-files', files, 0) }),
  };
}

/** Flags that select what is written of a source, and how. */
export function addWriteFlags(command: Command): void {
  command
    .optionsGroup('What is written:')
    .option('--subpath <path>', 'write only this directory of the source')
    .addOption(listOption('--include <pattern>', 'write only what matches'))
    .addOption(listOption('--exclude <pattern>', 'leave out what matches'))
    .addOption(
      new Option('--owner <who>', 'whose the files become (default: auto)').choices(['auto', 'preserve', 'current']),
    )
    .option('--max-bytes <size>', 'refuse to write or download more (default: 64GiB)')
    .option('--max-files <n>', 'refuse to create more entries (default: 5000000)')
    .addOption(
      new Option('--mode <how>', 'how files come out of the store (default: auto; it never hard-links)').choices([
        'auto',
        'copy',
        'reflink',
        'hardlink',
      ]),
    );
}

/** An attribute, with the schemes of the source that declares it. */
export interface DeclaredAttribute extends AttributeSpec {
  readonly schemes: readonly string[];
}

/**
 * A flag for each attribute, in the help below the schemes that have it. If several sources declare an attribute, the
 * first declaration is used; an existing flag of the command serves the attribute, too.
 * @returns the attributes, each once
 */
export function addAttributeFlags(command: Command, declared: readonly DeclaredAttribute[]): AttributeSpec[] {
  const own = new Set(command.options.map((option) => option.long));
  const distinct = new Map<string, DeclaredAttribute>();
  for (const spec of declared) {
    const earlier = distinct.get(spec.name);
    const schemes = new Set([...(earlier?.schemes ?? []), ...spec.schemes]);
    distinct.set(spec.name, { ...(earlier ?? spec), schemes: [...schemes] });
  }
  for (const spec of distinct.values()) {
    if (own.has(`--${spec.name}`)) continue;
    command.addOption(attributeOption(spec).helpGroup(`For ${spec.schemes.join(', ')}:`));
  }
  return [...distinct.values()];
}

function attributeOption(spec: AttributeSpec): Option {
  const short = spec.short === undefined ? '' : `-${spec.short}, `;
  const value = spec.kind === 'flag' ? '' : ` <${spec.placeholder ?? spec.name}>`;
  const flags = `${short}--${spec.name}${value}`;
  // Its help lists the choices.
  if (spec.choices !== undefined && spec.kind !== 'list') return new Option(flags, spec.help).choices(spec.choices);
  const option = new Option(flags, `${spec.help}${spec.example === undefined ? '' : ` (e.g. ${spec.example})`}`);
  return spec.kind === 'list' ? option.argParser(collect) : option;
}

export const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/** The attributes that were given. `--no-x` is commander's `x: false`. */
export function attributesOf(flags: Flags, specs: readonly AttributeSpec[]): Attributes {
  const attributes: Record<string, AttributeValue> = {};
  for (const spec of specs) {
    if (spec.name.startsWith('no-')) {
      if (flags[camelCase(spec.name.slice(3))] === false) attributes[spec.name] = true;
      continue;
    }
    const value = flags[camelCase(spec.name)];
    if (value === undefined || value === false) continue;
    attributes[spec.name] = spec.kind === 'number' ? numberOf(spec.name, value as string) : (value as AttributeValue);
  }
  return attributes;
}

function numberOf(name: string, text: string): number {
  if (!/^[+-]?\d+$/.test(text))
    throw new CtxsrcError('E_USAGE', `--${name} ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
}

/** The value of a flag, or of its environment variable. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of a flag that may be given several times. */
export function listFlag(flags: Flags, name: string): readonly string[] {
  return (flags[name] as readonly string[] | undefined) ?? [];
}

/** The value of `--layer`. */
export function layerFlag(flags: Flags): number | undefined {
  const text = textFlag(flags, 'layer');
  return text === undefined ? undefined : parseCount('--layer', text, 1);
}

/** The options of `--retry`, `--mirror` and other network flags. */
export function networkOptions(flags: Flags, defaults: Partial<NetworkOptions> = {}): Partial<NetworkOptions> {
  const list = (name: string) => listFlag(flags, name);
  const hosts = (name: string, flag: string) => list(name).map((host) => checkHost(flag, host));
  const text = (name: string) => textFlag(flags, name);
  const mirrors = list('mirror').map((value) => parseMirrorOf('--mirror', value));
  const clientCert = text('clientCert');
  const clientKey = text('clientKey');
  if (clientCert === undefined && clientKey !== undefined) {
    throw new CtxsrcError('E_USAGE', '--client-key means nothing without --client-cert', {
      hint: 'name the certificate with --client-cert FILE; one file may hold both',
    });
  }
  const number = (name: string, flag: string, read: (flag: string, value: string) => number) => {
    const value = text(name);
    return value === undefined ? {} : { [name]: read(flag, value) };
  };
  return {
    ...defaults,
    plainHttp: [...hosts('plainHttp', '--plain-http'), ...(defaults.plainHttp ?? [])],
    insecure: [...hosts('insecure', '--insecure'), ...(defaults.insecure ?? [])],
    mirrors: [...mirrors, ...(defaults.mirrors ?? [])],
    caFile: text('caFile') ?? defaults.caFile,
    clientCert: clientCert ?? defaults.clientCert,
    clientKey: clientKey ?? defaults.clientKey,
    netrc: text('netrc') ?? defaults.netrc,
    allowAddress: [...list('allowAddress'), ...(defaults.allowAddress ?? [])],
    ...number('retry', '--retry', (flag, value) => parseCount(flag, value, 0)),
    ...number('parallel', '--parallel', (flag, value) => parseCount(flag, value, 1)),
    ...number('maxWait', '--max-wait', parseDuration),
    ...number('stallTimeout', '--stall-timeout', parseDuration),
  };
}
