/**
 * An oracle of few lines for generated builds: what a build does, as a tree. Two builds have the same key exactly when
 * their trees are the same.
 */
import { type Build, baseOf, FILES, IN_FOLDER, type Stage } from './generated-build.ts';

interface Made {
  /** What made the files, as a tree; null: none. */
  readonly files: unknown;
  /** In the order of the last time that each was set. */
  readonly variables: ReadonlyMap<string, number>;
  readonly env: ReadonlyMap<string, number>;
  readonly labels: ReadonlyMap<string, number>;
  readonly cwd: string;
}

const NOTHING: Made = { files: null, variables: new Map(), env: new Map(), labels: new Map(), cwd: '/' };

/** What the build does and makes, as text. */
export function meaningOf(build: Build): string {
  const made: Made[] = [];
  for (const [index, one] of build.stages.entries()) {
    const base = baseOf(one, index);
    const from = base === undefined ? NOTHING : 'stage' in base ? made[base.stage]! : imageOf(base.image, build);
    made.push(makeStage(one, from, made, build));
  }
  const { files, env, labels, cwd } = made.at(-1)!;
  return JSON.stringify([files, [...env], [...labels].sort(), cwd]);
}

function imageOf(image: number, build: Build): Made {
  return { ...NOTHING, files: imageFiles(image, build), env: new Map([[`S${image}`, build.images[image]!.setting]]) };
}

function imageFiles(image: number, { images }: Build): unknown {
  return ['image', image, images[image]!.word];
}

function makeStage({ instructions }: Stage, from: Made, made: readonly Made[], build: Build): Made {
  const { files: contents, given, ignored } = build;
  let { files, cwd } = from;
  const variables = new Map(from.variables);
  const env = new Map(from.env);
  const labels = new Map(from.labels);
  const set = (name: string, value: number): void => {
    variables.delete(name);
    variables.set(name, value);
  };
  // A stage sets what the image of its base holds once more, behind the arguments.
  for (const [name, value] of env) set(name, value);
  for (const one of instructions) {
    if (one.kind === 'copy') {
      files = ['copy', FILES[one.file]!.split('/').at(-1), contents[one.file], files];
    } else if (one.kind === 'folder') {
      files = ['folder', IN_FOLDER.map((file, index) => (ignored[index] ? undefined : contents[file])), files];
    } else if (one.kind === 'from') {
      if (one.stage < made.length) files = ['from', made[one.stage]!.files, files];
    } else if (one.kind === 'copy-image') {
      files = ['from', imageFiles(one.image, build), files];
    } else if (one.kind === 'mount-image') {
      files = ['mount-image', imageFiles(one.image, build), [...variables], cwd, files];
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
