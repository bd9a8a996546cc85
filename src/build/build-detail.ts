/**
 * What the key of a build was made of, finer than its document and by digests: `diff` names the path, the instruction or
 * the flag by it. No secret, no path of this machine and no value of an argument is in it, unless that is part of an
 * image's name or of a path in a context. Types only.
 */
import type { Digest } from '../core/digest.ts';
import type { EntryType } from '../fs/entry/tree-entry.ts';

/** A part of something, told by its name; equal digests are equal parts. */
export interface Part {
  readonly name: string;
  readonly digest: Digest;
}

/** What a build was given by a flag, or by the environment in its place. */
export interface Setting {
  readonly flag: string;
  /** Behind the flag, for a flag of names and values. */
  readonly name?: string;
  /** The value of a flag that can hold no secret. */
  readonly value?: string;
  readonly digest: Digest;
  /** As far as the Dockerfile tells nothing uses it. */
  readonly idle?: true;
  /** No flag was given: it is the default. */
  readonly implied?: true;
}

export interface InstructionDetail {
  /** Name of the stage, or its number; empty for an ARG above the first FROM. */
  readonly stage: string;
  readonly line: number;
  readonly instruction: string;
  /** Of its parsed form: neither case, blanks around words, nor the order of flags count. */
  readonly digest: Digest;
  /** The same with every run of blanks made one: equal where only blanks differ. */
  readonly blanks: Digest;
  /** Its flags, and the names or kinds of its words. */
  readonly parts: readonly Part[];
}

export interface StageDetail {
  readonly name: string;
  readonly line: number;
  readonly reached: boolean;
}

export interface InputDetail {
  readonly kind: string;
  readonly name: string;
  readonly platform?: string;
  readonly digest?: string;
  readonly key?: string;
  /** Some FROM is built upon it. Otherwise only files are taken of it. */
  readonly base: boolean;
  /** Of a base image the members of its configuration. */
  readonly config?: readonly Part[];
}

export interface PathDetail {
  readonly context: string;
  readonly path: string;
  readonly type: EntryType;
  /** Octal digits. */
  readonly mode: string;
  /** Of everything that counts: mode, extended attributes, content. */
  readonly digest: string;
  /** Of the bytes of a file alone. */
  readonly content?: string;
}

/** An instruction behind a step of the document. */
export interface StepDetail {
  readonly platform: string;
  /** Position in the document's list of steps of this platform. */
  readonly step: number;
  readonly line: number;
  readonly instruction: string;
  /** The base image whose ONBUILD trigger it is. */
  readonly onbuildOf?: string;
}

export interface BuildDetail {
  /** Name of the Dockerfile. */
  readonly file: string;
  /** Digest of its bytes. */
  readonly text: Digest;
  readonly frontend?: { readonly ref: string; readonly digest?: string };
  readonly platforms: readonly string[];
  readonly settings: readonly Setting[];
  readonly stages: readonly StageDetail[];
  /** Of the stages that are reached, in the order of the Dockerfile. */
  readonly instructions: readonly InstructionDetail[];
  readonly inputs: readonly InputDetail[];
  /** Of each directory that has an ignore file the digest of its patterns. */
  readonly ignores: readonly { readonly context: string; readonly file: string; readonly digest: Digest }[];
  /** Each path that a step takes of a directory. */
  readonly paths: readonly PathDetail[];
  readonly steps: readonly StepDetail[];
  /** Members of the image's configuration that a container sees. */
  readonly config: readonly { readonly platform: string; readonly member: string; readonly digest: Digest }[];
}
