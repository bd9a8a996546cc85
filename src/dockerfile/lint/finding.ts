/** What a check of a Dockerfile is given, and what it says. Types only. */
import type { BuildOptions, ImageConfig, ImageRequest, PlatformGraph } from '../graph/types.ts';
import type { Lines } from '../parse/instruction.ts';

export interface LintFacts {
  readonly options: BuildOptions;
  readonly graph: PlatformGraph;
  /** The configuration that the build got for an image; undefined for one that could not be asked. */
  readonly configOf: (request: ImageRequest) => ImageConfig | undefined;
  /** The ignore file of the main context. */
  readonly ignoreFile: string | undefined;
  /** The main context holds `.git`. */
  readonly hasGitDirectory: boolean;
}

export interface Finding {
  /** The name by which `# check=skip=NAME` silences it: BuildKit's own, where `buildkit` says so. */
  readonly rule: string;
  readonly buildkit: boolean;
  /** It makes a key worthless or a build unrepeatable; the others are matters of style. */
  readonly unrepeatable: boolean;
  /** Undefined for what stands on no line, such as a build argument. */
  readonly lines: Lines | undefined;
  readonly message: string;
}
