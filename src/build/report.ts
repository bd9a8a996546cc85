/** What `ctxsrc inputs` knows of a build: the document of `--json`, and what the library returns. */
import type { Digest } from '../core/digest.ts';
import type { BuildAnswer, BuildInput, UnkeyedInput } from './answer.ts';
import type { BakeAnswers } from './bake/ask.ts';

/** A build: what it is made of, and one key over all of it. */
export interface InputsReport {
  /** The Dockerfile, as errors name it. */
  readonly file: string;
  /** The target as it was asked for, else the name of the last stage; empty for one without a name. */
  readonly target: string;
  /** What is built for, `os/arch[/variant]` each. */
  readonly platforms: readonly string[];
  /** The key of the build: the same while nothing changes that can change its result. */
  readonly key: Digest;
  /** The front end of `# syntax=`; null without one. */
  readonly frontend: { readonly ref: string; readonly digest?: string } | null;
  /** Each source that the build resolves, in the order of first use. */
  readonly inputs: readonly BuildInput[];
  /** What no key can hold: secrets, ssh, caches, the network. */
  readonly unkeyed: readonly UnkeyedInput[];
  /** Properties of files that could not be read, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

/** The report of an answer. */
export function inputsReport(answer: BuildAnswer): InputsReport {
  const { file, target, platforms, key, frontend, inputs, unkeyed, incomplete } = answer;
  return { file, target, platforms, key, frontend: frontend ?? null, inputs, unkeyed, incomplete };
}

/** The targets of a bake or compose file, as builds. */
export interface BakeReport {
  /** The file, as it was named. */
  readonly from: string;
  /** What has evaluated the file, where it was not read as it stands. */
  readonly evaluatedBy?: string;
  /** In the order of the file. */
  readonly targets: readonly TargetReport[];
}

/** A target of a bake file. */
export interface TargetReport extends InputsReport {
  /** The stage that it builds. */
  readonly stage: string;
}

/** The report of all targets. */
export function bakeReport({ file, answers }: BakeAnswers<BuildAnswer>): BakeReport {
  return {
    from: file.name,
    // No value of the environment is noted, only who has put it in.
    ...(file.evaluated ? { evaluatedBy: 'docker buildx bake --print' } : {}),
    targets: answers.map(({ target, answer }) => {
      const { target: stage, ...report } = inputsReport(answer);
      return { target: target.name, stage, ...report };
    }),
  };
}
