/**
 * Generated Dockerfiles with their files, and an oracle in a few lines: what a build does, as a tree. Two builds have the
 * same key exactly when their trees are the same.
 */
import fc from 'fast-check';

type Instruction =
  | { readonly kind: 'copy' | 'mount'; readonly file: number }
  | { readonly kind: 'from'; readonly stage: number }
  | { readonly kind: 'run' | 'workdir'; readonly word: number }
  | { readonly kind: 'arg' | 'env' | 'label'; readonly name: number; readonly word: number };

interface Stage {
  /** An earlier stage; scratch where there is none of that number. */
  readonly base: number;
  readonly instructions: readonly Instruction[];
}

export interface Build {
  readonly stages: readonly Stage[];
  readonly files: readonly { readonly word: number; readonly executable: boolean }[];
  /** Values of the arguments; undefined: not given. */
  readonly given: readonly (number | undefined)[];
  /** Comments, case and the names of stages: nothing of it counts. */
  readonly dress: number;
}

/** Two of them have the same last part. */
export const FILES = ['a', 'd/a', 'b', 'd/c', 'e'];

const word = fc.nat(1);
const instruction: fc.Arbitrary<Instruction> = fc.oneof(
  fc.record({ kind: fc.constantFrom('copy' as const, 'mount' as const), file: fc.nat(FILES.length - 1) }),
  fc.record({ kind: fc.constant('from' as const), stage: fc.nat(2) }),
  fc.record({ kind: fc.constantFrom('run' as const, 'workdir' as const), word }),
  fc.record({ kind: fc.constantFrom('arg' as const, 'env' as const, 'label' as const), name: fc.nat(1), word }),
);
const stage: fc.Arbitrary<Stage> = fc.record({
  base: fc.integer({ min: -1, max: 2 }),
  instructions: fc.array(instruction, { maxLength: 4 }),
});
const oneFile = fc.record({ word, executable: fc.boolean() });
const lists = {
  stages: fc.array(stage, { minLength: 1, maxLength: 4 }),
  files: fc.array(oneFile, { minLength: FILES.length, maxLength: FILES.length }),
  given: fc.array(fc.option(word, { nil: undefined }), { minLength: 2, maxLength: 2 }),
  dress: fc.nat(3),
};

/** A build, and the same with one thing changed, which may count or not. */
export const arbitraryPair: fc.Arbitrary<readonly [Build, Build]> = fc
  .record({
    build: fc.record(lists),
    file: fc.nat(FILES.length - 1),
    at: fc.nat(3),
    position: fc.nat(3),
    numbers: fc.record({ file: fc.nat(FILES.length - 1), stage: fc.nat(2), name: fc.nat(1), word }),
    instruction,
    ...lists,
  })
  .chain(({ build, file, at, position, numbers, instruction: other, files, given, dress }) => {
    const edited = (edit: (old: Instruction) => Instruction[]): readonly [Build, Build] => {
      const stages = build.stages.map((one, index) =>
        index === at % build.stages.length
          ? { ...one, instructions: one.instructions.flatMap((old, place) => (place === position ? edit(old) : [old])) }
          : one,
      );
      return [build, { ...build, stages }];
    };
    return fc.constantFrom<readonly [Build, Build]>(
      [build, { ...build, dress }],
      [build, { ...build, given }],
      [build, { ...build, files: build.files.map((one, index) => (index === file ? files[index]! : one)) }],
      edited((old) => [old, other]),
      edited(() => []),
      ...Array.from({ length: 3 }, () => edited((old) => [withNumbers(old, numbers)])),
    );
  });

/** The same kind of instruction with other numbers. */
function withNumbers(old: Instruction, numbers: Readonly<Record<string, number>>): Instruction {
  return Object.fromEntries(
    Object.entries(old).map(([member, value]) => [member, numbers[member] ?? value]),
  ) as unknown as Instruction;
}

/** The text of the Dockerfile. */
export function dockerfileOf({ stages, dress }: Build): string {
  const stageName = (index: number) => (dress % 2 === 0 ? `s${index}` : `other-${index}`);
  const lines = stages.flatMap(({ base, instructions }, index) => [
    `FROM ${base >= 0 && base < index ? stageName(base) : 'scratch'} AS ${stageName(index)}`,
    ...instructions.flatMap((one) => lineOf(one, index, stageName) ?? []),
  ]);
  return lines.join(dress < 2 ? '\n' : '\n\n# a comment\n');
}

function lineOf(one: Instruction, index: number, stageName: (index: number) => string): string | undefined {
  switch (one.kind) {
    case 'copy':
      return `COPY ${FILES[one.file]} /x/`;
    case 'mount':
      return `RUN --mount=source=${FILES[one.file]},target=/m make`;
    case 'from':
      return one.stage < index ? `COPY --from=${stageName(one.stage)} /x /y/` : undefined;
    case 'run':
      return `RUN make ${one.word}`;
    case 'workdir':
      return `WORKDIR /w${one.word}`;
    case 'arg':
      return `ARG A${one.name}=${one.word}`;
    case 'env':
      return `ENV E${one.name}=${one.word}`;
    case 'label':
      return `LABEL l${one.name}=${one.word}`;
  }
}

interface Made {
  /** What made the files, as a tree; null: none. */
  readonly files: unknown;
  /** In the order of the last time that each was set. */
  readonly variables: ReadonlyMap<string, number>;
  readonly env: ReadonlyMap<string, number>;
  readonly labels: ReadonlyMap<string, number>;
  readonly cwd: string;
}

/** What the build does and makes, as text. */
export function meaningOf(build: Build): string {
  const made: Made[] = [];
  for (const one of build.stages) made.push(makeStage(one, made, build));
  const { files, env, labels, cwd } = made.at(-1)!;
  return JSON.stringify([files, [...env], [...labels].sort(), cwd]);
}

function makeStage({ base, instructions }: Stage, made: readonly Made[], { files: contents, given }: Build): Made {
  const from = made[base];
  let files = from?.files ?? null;
  let cwd = from?.cwd ?? '/';
  const variables = new Map(from?.variables);
  const env = new Map(from?.env);
  const labels = new Map(from?.labels);
  const set = (name: string, value: number): void => {
    variables.delete(name);
    variables.set(name, value);
  };
  for (const one of instructions) {
    if (one.kind === 'copy') {
      files = ['copy', FILES[one.file]!.split('/').at(-1), contents[one.file], files];
    } else if (one.kind === 'from') {
      if (one.stage < made.length) files = ['from', made[one.stage]!.files, files];
    } else if (one.kind === 'mount') {
      files = ['mount', contents[one.file], [...variables], cwd, files];
    } else if (one.kind === 'run') {
      files = ['run', one.word, [...variables], cwd, files];
    } else if (one.kind === 'workdir') {
      cwd = `/w${one.word}`;
      files = ['workdir', cwd, files];
    } else if (one.kind === 'label') {
      labels.set(`${one.name}`, one.word);
    } else if (one.kind === 'env') {
      set(`E${one.name}`, one.word);
      env.set(`E${one.name}`, one.word);
    } else if (one.kind === 'arg') {
      set(`A${one.name}`, given[one.name] ?? one.word);
    }
  }
  return { files, variables, env, labels, cwd };
}
