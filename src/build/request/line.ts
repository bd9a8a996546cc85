/** A build line as it was typed, and the environment it is read in. Types only. */
import type { Modes } from '../../fs/entry/modes.ts';

/** Of buildx, with the home that holds docker's configuration. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Lists hold the values of a flag that may be given several times. */
export interface BuildLine {
  /** PATH, URL or `-`. */
  readonly context: string;
  readonly file?: string | undefined;
  /** The text of the Dockerfile, which is in no file. */
  readonly inline?: string | undefined;
  readonly target?: string | undefined;
  readonly buildArgs: readonly string[];
  readonly platforms: readonly string[];
  readonly buildContexts: readonly string[];
  readonly labels: readonly string[];
  readonly addHosts: readonly string[];
  readonly ulimits: readonly string[];
  readonly network?: string | undefined;
  readonly shmSize?: string | undefined;
  readonly cgroupParent?: string | undefined;
  readonly buildPlatform?: string | undefined;
  /** `--policy`. */
  readonly policies?: readonly string[] | undefined;
  /** `--with`: what else the build depends on. */
  readonly salts: readonly string[];
  readonly modes: Modes;
}
