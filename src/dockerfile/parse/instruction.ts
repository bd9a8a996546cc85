/** What a Dockerfile consists of once it is read: stages and their instructions, nothing expanded yet. Types only. */

import type { Escape } from '../expand/lexer.ts';

/** Lines of the Dockerfile, from 1, both ends included. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

/** The document behind `<<WORD`. */
export interface Heredoc {
  /** WORD without quotes. */
  readonly name: string;
  /** Bytes that are not UTF-8 are kept as lone surrogates: `bytesOf` in text.ts gives the bytes. */
  readonly text: string;
  /** False when WORD was quoted: COPY and ADD then leave variables alone. */
  readonly expand: boolean;
  /** `<<-`: leading tabs do not count. RUN's documents still have them, those of COPY and ADD do not. */
  readonly chomp: boolean;
}

/** A command line of RUN, CMD, ENTRYPOINT, HEALTHCHECK, in shell form (`shell`, one word) or JSON form. */
export interface CommandLine {
  readonly words: readonly string[];
  readonly shell: boolean;
  /** RUN's here-documents. */
  readonly heredocs: readonly Heredoc[];
}

export interface NamedValue {
  readonly name: string;
  /** Undefined for an ARG without a default. */
  readonly value: string | undefined;
}

interface Written {
  readonly lines: Lines;
  /** As it was written, continuation lines joined: what the history of an image shows. */
  readonly text: string;
  /** The comment lines right above it, without `#`. */
  readonly comments: readonly string[];
  /** Names of the flags that were given. */
  readonly flagsUsed: readonly string[];
}

/** The common part of COPY and ADD. */
interface Transfer extends Written {
  readonly sources: readonly string[];
  readonly documents: readonly Heredoc[];
  readonly destination: string;
  readonly chown: string;
  readonly chmod: string;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

export interface CopyInstruction extends Transfer {
  readonly kind: 'COPY';
  readonly from: string;
  readonly parents: boolean;
}

export interface AddInstruction extends Transfer {
  readonly kind: 'ADD';
  readonly checksum: string;
  readonly keepGitDir: boolean | undefined;
  readonly unpack: boolean | undefined;
}

export type MountType = 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';

/** One `RUN --mount=…`; values still hold their variables. */
export interface Mount {
  readonly type: MountType;
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly id: string;
  /** Of cache mounts. */
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly required: boolean;
  /** Environment variable of a secret. */
  readonly env: string | undefined;
  /** Bytes, of tmpfs. */
  readonly size: bigint;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface RunInstruction extends Written {
  readonly kind: 'RUN';
  readonly command: CommandLine;
  /** The raw values of `--mount`: variables in them are expanded when the step is made, then they are parsed again. */
  readonly mounts: readonly string[];
  readonly network: string;
  readonly security: string;
  readonly devices: readonly string[];
}

export interface HealthcheckInstruction extends Written {
  readonly kind: 'HEALTHCHECK';
  /** As in an image's configuration: `Test`, durations in nanoseconds. */
  readonly check: {
    readonly Test: readonly string[];
    readonly Interval?: number;
    readonly Timeout?: number;
    readonly StartPeriod?: number;
    readonly StartInterval?: number;
    readonly Retries?: number;
  };
}

export type Instruction =
  | CopyInstruction
  | AddInstruction
  | RunInstruction
  | HealthcheckInstruction
  | (Written & { readonly kind: 'ARG'; readonly args: readonly NamedValue[] })
  | (Written & { readonly kind: 'ENV'; readonly pairs: readonly (NamedValue & { readonly value: string })[] })
  | (Written & { readonly kind: 'LABEL'; readonly pairs: readonly (NamedValue & { readonly value: string })[] })
  | (Written & { readonly kind: 'CMD' | 'ENTRYPOINT'; readonly command: CommandLine })
  | (Written & { readonly kind: 'SHELL'; readonly shell: readonly string[] })
  | (Written & { readonly kind: 'WORKDIR'; readonly path: string })
  | (Written & { readonly kind: 'USER'; readonly user: string })
  | (Written & { readonly kind: 'EXPOSE'; readonly ports: readonly string[] })
  | (Written & { readonly kind: 'VOLUME'; readonly volumes: readonly string[] })
  | (Written & { readonly kind: 'STOPSIGNAL'; readonly signal: string })
  | (Written & { readonly kind: 'MAINTAINER'; readonly maintainer: string })
  | (Written & { readonly kind: 'ONBUILD'; readonly trigger: string });

/** The front end that a file asks for. */
export interface Frontend {
  readonly image: string;
  /** The whole value, the image included. */
  readonly commandLine: string;
  readonly line: number;
}

export interface Stage {
  /** Lower case; empty without `AS`. */
  readonly name: string;
  /** As written, before expansion. */
  readonly base: string;
  readonly platform: string;
  /** Lines of FROM. */
  readonly lines: Lines;
  readonly text: string;
  readonly comments: readonly string[];
  readonly instructions: readonly Instruction[];
}

/** A Dockerfile as it was parsed. */
export interface Dockerfile {
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly (Instruction & { readonly kind: 'ARG' })[];
  readonly stages: readonly Stage[];
  readonly escape: Escape;
  /** The front end that `# syntax=` and its other forms ask for, before any build argument. */
  readonly syntax: Frontend | undefined;
  /** The value of `# check=`. */
  readonly check: string | undefined;
  /** Instructions with an empty line between their continuation lines. */
  readonly brokenByEmptyLines: readonly Lines[];
}
