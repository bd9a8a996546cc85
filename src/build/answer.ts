/** What is asked about a build, and what is answered. Types only. */
import type { JobContext, SourceEnv } from '../contract/index.ts';
import type { Digest } from '../core/digest.ts';
import type { BuildOptions, PlatformGraph } from '../dockerfile/graph/types.ts';
import type { Finding } from '../dockerfile/lint/finding.ts';
import type { SourceTable } from '../source/table.ts';
import type { BuildDetail } from './build-detail.ts';

/** One build, as its command line describes it. */
export interface BuildRequest
  extends Pick<
    BuildOptions,
    'target' | 'buildArgs' | 'targetPlatforms' | 'platformAsked' | 'buildPlatform' | 'labels' | 'frontendOptions'
  > {
  readonly dockerfile: {
    readonly bytes: Uint8Array;
    /** As errors and answers name it: no absolute path that a clone elsewhere would not have. */
    readonly name: string;
    /** Where it lies, absolute: its own ignore file lies beside it. Undefined for one from a stream. */
    readonly path: string | undefined;
  };
  /** The directory of the main context, absolute; undefined for an empty one. */
  readonly context: string | undefined;
  /** The source that `context` was fetched from, if it is not of this machine: then no ignore file applies. */
  readonly remote?: Pick<BuildInput, 'kind' | 'ref' | 'digest' | 'key'> | undefined;
  /** `--build-context`: names in familiar form without `:latest`, and references as they were typed. */
  readonly contexts: ReadonlyMap<string, string>;
  /** Of a bake file: what the targets are that contexts name as `target:NAME`. */
  readonly targets?: ReadonlyMap<string, TargetResult> | undefined;
  /** `--with`: what else the build depends on. */
  readonly salts: readonly (readonly [name: string, value: string])[];
  readonly modes: 'exact' | 'exec';
}

/** What a target of a bake file gives to another one that is built from it. */
export interface TargetResult {
  readonly key: Digest;
  /** What it makes, for each platform; none if the front end is not docker's own, for what it makes is not known. */
  readonly images: readonly Pick<PlatformGraph, 'platform' | 'imageConfig'>[];
  detail?(): Promise<BuildDetail>;
}

/** What a request is answered with. */
export interface BuildWork {
  readonly table: SourceTable;
  readonly env: SourceEnv;
  /** With `strict`, what leaves the decision open is refused. */
  readonly job: JobContext;
}

/** A line of a Dockerfile. */
export interface InputPlace {
  /** As errors name it. */
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
  /** Its text. */
  readonly instruction: string;
  /** The base image whose ONBUILD trigger this is. */
  readonly onbuildOf?: string;
}

/** One source that the build resolves. Members that a kind of source does not have are left out. */
export interface BuildInput {
  /** The scheme; `target` for another target of the same bake file. */
  readonly kind: string;
  /** As the Dockerfile calls it; `context` is the main context. */
  readonly name: string;
  /** The identifier, after expansion and overrides. */
  readonly ref: string;
  /** What it is asked for, `os/arch[/variant]`. */
  readonly platform?: string;
  /** Package URL of an image, as provenance spells it. */
  readonly purl?: string;
  /** The lines that ask for it. */
  readonly at: readonly InputPlace[];
  /** The digest that the Dockerfile itself demands. */
  readonly checksum?: string;
  /** Root digest. */
  readonly digest?: string;
  /** Media type of what has the root digest. */
  readonly mediaType?: string;
  /** Content key. */
  readonly key?: string;
  /** Digest of the image's configuration. */
  readonly config?: string;
  /** The reference with its root digest. */
  readonly pinned?: string;
  /** What is taken of a directory, below `/`. Absent: everything. */
  readonly paths?: readonly string[];
  /** Number of files that are taken. */
  readonly files?: number;
  /** Their bytes. */
  readonly bytes?: number;
  /** The ignore file that holds. */
  readonly ignoreFile?: string;
  /** False for what is asked for although none of its files reach the result, as a context by its Dockerfile alone: it is in no key. */
  readonly used?: false;
}

/** Something that a build uses, and that no key can hold. */
export interface UnkeyedInput {
  /** What it is. */
  readonly kind: 'secret' | 'ssh' | 'cache' | 'network';
  /** Its name in the Dockerfile. */
  readonly id?: string;
  /** The lines that ask for it. */
  readonly at: readonly InputPlace[];
}

/** The key of a build, without the list of what it is made of. */
export interface BuildKey extends TargetResult {
  /** sha256 of the bytes of `document`. */
  readonly key: Digest;
  readonly document: string;
  /** Asked for when it is needed: it lists every file. */
  detail(): Promise<BuildDetail>;
  /** Asked for when it is needed. */
  listing(): Promise<BuildListing>;
  readonly file: string;
  /** Where the Dockerfile lies, absolute; undefined for one from a stream or a context that was fetched. */
  readonly path: string | undefined;
  /** The target as it was asked for, else the name of the last stage; empty for one without a name. */
  readonly target: string;
  readonly platforms: readonly string[];
  readonly frontend: { readonly ref: string; readonly digest?: string } | undefined;
  /** Of the findings those that say that the key does not depend on what was given for it. */
  readonly idle: readonly Finding[];
  /** Properties of files that could not be read, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

/** What a build is made of, and what is doubtful in it. */
export interface BuildListing {
  /** In the order of first use. */
  readonly inputs: readonly BuildInput[];
  readonly unkeyed: readonly UnkeyedInput[];
  /** What is doubtful in the Dockerfile. */
  readonly findings: readonly Finding[];
}

export interface BuildAnswer extends BuildKey, BuildListing {}

/** The names that a Dockerfile leads to, without digests or keys. */
export interface BuildNames extends Pick<TargetResult, 'images'> {
  /** Each once, in the order of first use. */
  readonly refs: readonly string[];
  /** Base images whose configuration could not be asked for: their ENV and ONBUILD may lead to more. */
  readonly unasked: readonly string[];
}
