/** What reading a Dockerfile decides alone: its stages, its front end, and the faults of its form. */
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { frontendOf } from '../../src/dockerfile/parse/directives.ts';
import { parseDockerfile } from '../../src/dockerfile/parse/dockerfile.ts';
import type { Stage } from '../../src/dockerfile/parse/instruction.ts';
import { countCases, vectors } from './vectors.ts';

interface Input {
  readonly dockerfile?: string;
  readonly dockerfile_b64?: string;
  readonly filename?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

interface Expected {
  readonly stages?: readonly {
    readonly name: string;
    readonly base: string;
    readonly platform?: string;
    readonly lines: readonly [number, number];
  }[];
  readonly frontend?: { readonly source: string; readonly cmdline: string };
  readonly error?: string;
  readonly errorLines?: readonly number[];
}

/** BuildKit points at the line above these two. */
const OFF_BY_ONE = ['directive-twice', 'line-of-65536-bytes'];

const file = vectors<Input, Expected>('dockerfile');

describe('BuildKit vectors: dockerfile, as it is read', () => {
  const count = countCases(file);

  it.each(file.cases)('$name', ({ name, input, expect: want }) => {
    count();
    const bytes =
      input.dockerfile_b64 === undefined
        ? Buffer.from(input.dockerfile ?? '', 'utf8')
        : Buffer.from(input.dockerfile_b64, 'base64');
    const override = input.buildArgs?.BUILDKIT_SYNTAX;
    if (override === undefined) {
      const frontend = frontendOf(bytes);
      expect(frontend && { source: frontend.image, cmdline: frontend.commandLine }).toEqual(want.frontend);
    }
    // Another front end reads the file by its own rules.
    if (want.stages === undefined && want.frontend !== undefined) return;
    const read = attempt(() => parseDockerfile(bytes, 'Dockerfile').stages.map(comparable));
    if (read.problem === undefined) {
      expect(read.value).toEqual(want.stages?.map((stage) => ({ platform: '', ...stage, index: undefined })));
      return;
    }
    expect(want.error).toBeDefined();
    expect(read.problem.code).toBe('E_DOCKERFILE');
    const lines = want.errorLines?.map((line) => (OFF_BY_ONE.includes(name) ? line + 1 : line));
    if (lines !== undefined) expect(lines).toContain(read.problem.details?.line);
  });
});

function comparable({ name, base, platform, lines }: Stage) {
  return { name, base, platform, lines: [lines.first, lines.last] };
}

function attempt<T>(run: () => T): { readonly value?: T; readonly problem?: CtxsrcError } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof CtxsrcError) return { problem: error };
    throw error;
  }
}
