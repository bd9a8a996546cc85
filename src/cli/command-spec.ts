/** A command as data. */
import { type Command, Option } from 'commander';
import type { Flags } from './flags.ts';
import type { Run } from './run.ts';

export interface CommandSpec {
  readonly name: string;
  /** A flag that makes it this command instead of the other one of the name: its flags and arguments are others. */
  readonly form?: string;
  /** Arguments as commander writes them. */
  readonly args: string;
  readonly summary: string;
  readonly details?: string;
  /** Possible values of its argument, for completion. */
  readonly words?: readonly string[];
  /** Accepts references: gets the flags of sources and of the network. */
  readonly takesReferences: boolean;
  /**
   * How far the command reaches; default: `network`. Flags beyond that are accepted, for scripts that pass the same
   * flags to all commands, but not shown.
   */
  readonly reach?: 'nothing' | 'files' | 'store' | 'network';
  /** Reads the content of a source, and can be limited. */
  readonly limited?: boolean;
  /** Takes the flags of the shared cache. */
  readonly shares?: boolean;
  /** Takes the flags of a build. */
  readonly builds?: boolean;
  /** Its own flags. */
  readonly flags?: (command: Command) => void;
  /** Attributes that the command uses itself, so that they are accepted with any reference. */
  readonly uses?: (flags: Flags) => readonly string[];
  /** Flags of its own that some source has an attribute of the same name for. */
  readonly owns?: readonly string[];
  readonly examples: readonly string[];
  /** Loads the command. It writes its answer to stdout and returns an exit code other than 0. */
  readonly load: () => Promise<{ run(run: Run, args: readonly string[], flags: Flags): Promise<number | undefined> }>;
}

/** `key --build`: what tells a command from the others. */
export function titleOf({ name, form }: CommandSpec): string {
  return form === undefined ? name : `${name} ${form}`;
}

/** `--safe`, of every command that prints keys. */
export function safeOption(): Option {
  return new Option('--safe', 'print keys as sha256-<hex>, for file names and cache services');
}

/** `--html`, of commands whose answer can be a page. */
export function htmlOption(): Option {
  return new Option('--html <file>', 'also write a page');
}
