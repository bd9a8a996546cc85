/** Generated Dockerfiles with their files and images. What a build of them does is in `generated-meaning.ts`. */
import fc from 'fast-check';

type Instruction =
  | { readonly kind: 'copy' | 'mount'; readonly file: number }
  | { readonly kind: 'folder' }
  | { readonly kind: 'from'; readonly stage: number }
  | { readonly kind: 'copy-image' | 'mount-image'; readonly image: number }
  | { readonly kind: 'run' | 'workdir'; readonly word: number }
  | { readonly kind: 'arg' | 'env' | 'label'; readonly name: number; readonly word: number };

export interface Stage {
  /** An earlier stage, or an image: see `baseOf`. */
  readonly base: number;
  readonly instructions: readonly Instruction[];
}

interface GeneratedFile {
  readonly word: number;
  readonly executable: boolean;
}

/** What a tag points at now. */
export interface GeneratedImage {
  /** Its files. */
  readonly word: number;
  /** A variable of its configuration. */
  readonly setting: number;
  /** What is in its list beside it. */
  readonly list: number;
}

export interface Build {
  readonly stages: readonly Stage[];
  readonly files: readonly GeneratedFile[];
  /** Of the files of the folder those that the ignore file hits. */
  readonly ignored: readonly boolean[];
  readonly images: readonly GeneratedImage[];
  /** Values of the arguments; undefined: not given. */
  readonly given: readonly (number | undefined)[];
  /** Comments, blanks, case and the names of stages: nothing of it counts. */
  readonly dress: number;
}

/** Two of them have the same last part. Nothing takes the last but by its folder. */
export const FILES: readonly string[] = ['a', 'd/a', 'b', 'd/c', 'e', 'folder/p', 'folder/q', 'none'];
export const IN_FOLDER: readonly number[] = [5, 6];
const NAMED = 5;
const IMAGES = 2;

const word = fc.nat(1);
const numbers = fc.record({
  file: fc.nat(NAMED - 1),
  stage: fc.nat(2),
  image: fc.nat(IMAGES - 1),
  name: fc.nat(1),
  word,
});
const kind = fc.constantFrom<Instruction['kind'][]>(
  ...([
    'copy',
    'mount',
    'folder',
    'from',
    'copy-image',
    'mount-image',
    'run',
    'workdir',
    'arg',
    'env',
    'label',
  ] as const),
);
const instruction = fc.tuple(kind, numbers).map(([one, values]) => instructionOf(one, values));
const stage: fc.Arbitrary<Stage> = fc.record({
  base: fc.integer({ min: -IMAGES - 1, max: 2 }),
  instructions: fc.array(instruction, { maxLength: 4 }),
});
const listOf = <T>(one: fc.Arbitrary<T>, length: number) => fc.array(one, { minLength: length, maxLength: length });
const lists = {
  stages: fc.array(stage, { minLength: 1, maxLength: 4 }),
  files: listOf(fc.record({ word, executable: fc.boolean() }), FILES.length),
  ignored: listOf(fc.boolean(), IN_FOLDER.length),
  images: listOf(fc.record({ word, setting: word, list: word }), IMAGES),
  given: listOf(fc.option(word, { nil: undefined }), 2),
  dress: fc.nat(15),
};

type Numbers = Readonly<Record<'file' | 'stage' | 'image' | 'name' | 'word', number>>;

function instructionOf(one: Instruction['kind'], { file, stage, image, name, word }: Numbers): Instruction {
  switch (one) {
    case 'copy':
    case 'mount':
      return { kind: one, file };
    case 'folder':
      return { kind: one };
    case 'from':
      return { kind: one, stage };
    case 'copy-image':
    case 'mount-image':
      return { kind: one, image };
    case 'run':
    case 'workdir':
      return { kind: one, word };
    default:
      return { kind: one, name, word };
  }
}

/** A build, and the same with one thing changed, which may count or not. */
export const arbitraryPair: fc.Arbitrary<readonly [Build, Build]> = fc
  .record({
    build: fc.record(lists),
    file: fc.nat(FILES.length - 1),
    image: fc.nat(IMAGES - 1),
    at: fc.nat(3),
    position: fc.nat(3),
    base: stage,
    numbers,
    other: instruction,
    ...lists,
  })
  .chain(({ build, file, image, at, position, base, numbers: values, other, ...lists }) => {
    const edited = (edit: (old: Stage) => Stage): readonly [Build, Build] => {
      const stages = build.stages.map((one, index) => (index === at % build.stages.length ? edit(one) : one));
      return [build, { ...build, stages }];
    };
    const editedAt = (edit: (old: Instruction) => Instruction[]) =>
      edited((one) => ({
        ...one,
        instructions: one.instructions.flatMap((old, place) => (place === position ? edit(old) : [old])),
      }));
    const replaced = <T>(list: readonly T[], index: number, by: readonly T[]) =>
      list.map((one, place) => (place === index ? by[index]! : one));
    return fc.constantFrom<readonly [Build, Build]>(
      [build, { ...build, dress: lists.dress }],
      [build, { ...build, given: lists.given }],
      [build, { ...build, ignored: lists.ignored }],
      [build, { ...build, files: replaced(build.files, file, lists.files) }],
      [build, { ...build, images: replaced(build.images, image, lists.images) }],
      edited((one) => ({ ...one, base: base.base })),
      editedAt((old) => [old, other]),
      editedAt(() => []),
      ...Array.from({ length: 3 }, () => editedAt((old) => [instructionOf(old.kind, values)])),
    );
  });

/** What a stage is built on: an earlier stage, an image, or nothing. */
export function baseOf(
  { base }: Stage,
  index: number,
): { readonly stage: number } | { readonly image: number } | undefined {
  if (base >= 0) return base < index ? { stage: base } : undefined;
  return base === -1 ? undefined : { image: -2 - base };
}

/** The text of the Dockerfile. @param imageName the tag of each image */
export function dockerfileOf({ stages, dress }: Build, imageName: (image: number) => string): string {
  const [plainNames, plainLines, plainCase, plainBlanks] = [1, 2, 4, 8].map((bit) => (dress & bit) === 0);
  const stageName = (index: number) => (plainNames ? `s${index}` : `other-${index}`);
  const lines = stages.flatMap((one, index) => {
    const base = baseOf(one, index);
    const from = base === undefined ? 'scratch' : 'stage' in base ? stageName(base.stage) : imageName(base.image);
    return [
      `FROM ${from} AS ${stageName(index)}`,
      ...one.instructions.flatMap((each) => lineOf(each, index, stageName, imageName) ?? []),
    ].map((line) => (plainCase ? line : line.replace(/^[A-Z]+/, (name) => name.toLowerCase())));
  });
  // Blanks in a command are the shell's.
  const spaced = lines.map((line) => (plainBlanks || /^run/i.test(line) ? line : line.replaceAll(' ', ' \\\n \t')));
  return spaced.join(plainLines ? '\n' : '\n\n# a comment\n');
}

function lineOf(
  one: Instruction,
  index: number,
  stageName: (index: number) => string,
  imageName: (image: number) => string,
): string | undefined {
  switch (one.kind) {
    case 'copy':
      return `COPY ${FILES[one.file]} /x/`;
    case 'mount':
      return `RUN --mount=source=${FILES[one.file]},target=/m make`;
    case 'folder':
      return 'COPY folder /f';
    case 'from':
      return one.stage < index ? `COPY --from=${stageName(one.stage)} /x /y/` : undefined;
    case 'copy-image':
      return `COPY --from=${imageName(one.image)} /x /y/`;
    case 'mount-image':
      return `RUN --mount=from=${imageName(one.image)},source=/x,target=/m make`;
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
