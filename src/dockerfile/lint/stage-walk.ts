/** Goes through the instructions of a stage that is built, with the variables that hold at each. */
import { isObject } from '../../core/is-object.ts';
import { textsOf } from '../../core/json-members.ts';
import { expand, expandDocument } from '../expand/expand.ts';
import { OrderedVariables, splitVariable } from '../graph/environment.ts';
import type { ImageRequest } from '../graph/types.ts';
import { parseTrigger } from '../parse/dockerfile.ts';
import type { Dockerfile, Instruction, Stage } from '../parse/instruction.ts';
import { parseMount } from '../parse/mount.ts';
import { attempt } from './attempt.ts';
import type { LintFacts } from './finding.ts';

/** What holds before an instruction, and is handed on to the stages that are built from this one. */
interface StageState {
  readonly variables: OrderedVariables;
  /** ARGs, with and without a value. */
  readonly declared: Set<string>;
  /** False when the configuration of the base could not be read. */
  readonly known: boolean;
  hasWorkdir: boolean;
  hasShell: boolean;
}

/** One instruction, with what its words became. */
export interface Visit {
  readonly instruction: Instruction;
  readonly stage: Stage;
  readonly state: StageState;
  /** Variables that it uses and nothing sets. */
  readonly unset: ReadonlySet<string>;
  /** Undefined for a word with a fault. */
  readonly expanded: (word: string) => string | undefined;
}

/** Visits the instructions of all stages that the result needs, in the order of the file. */
export function walkStages(
  dockerfile: Dockerfile,
  globals: OrderedVariables,
  facts: LintFacts,
  visit: (each: Visit) => void,
): void {
  const states = new Map<Stage, StageState>();
  /** The stages above, by name: the last of each. */
  const named = new Map<string | undefined, Stage>();
  const reachable = new Set(facts.graph.reachable);
  const images = baseImages(facts);
  for (const [index, stage] of dockerfile.stages.entries()) {
    const base = attempt(() => expand(stage.base, (name) => globals.get(name), dockerfile.escape));
    const parent = named.get(base);
    if (stage.name !== '') named.set(stage.name, stage);
    if (!reachable.has(index) || isReplaced(stage, facts)) continue;
    const image = imageConfig(images.get(stage.lines.first), facts);
    const state = inherited(parent && states.get(parent)) ?? ofImage(base, image);
    states.set(stage, state);
    const triggers = parent === undefined ? textsOf(image?.OnBuild) : parent.instructions.flatMap(triggerOf);
    const origin = { fileName: facts.options.fileName, lines: stage.lines, instruction: 'ONBUILD' };
    const first = triggers.flatMap((text) => attempt(() => parseTrigger(text, origin)) ?? []);
    for (const instruction of [...first, ...stage.instructions]) {
      visit({ instruction, stage, state, ...useOfVariables(instruction, state, dockerfile, facts) });
      apply(instruction, state, dockerfile, globals, facts);
    }
  }
}

/** A named context of the stage's name takes its place: none of its instructions runs. */
function isReplaced({ name }: Stage, { options }: LintFacts): boolean {
  return name !== '' && [...options.namedContexts.keys()].some((key) => key === name || key.startsWith(`${name}::`));
}

function inherited(parent: StageState | undefined): StageState | undefined {
  if (parent === undefined) return undefined;
  return { ...parent, variables: new OrderedVariables(parent.variables), declared: new Set(parent.declared) };
}

/** The images that stages begin with, by the line of their FROM. */
function baseImages({ graph }: LintFacts): ReadonlyMap<number | undefined, ImageRequest> {
  const images = new Map<number | undefined, ImageRequest>();
  for (const request of graph.requests) {
    for (const { line, instruction, onbuildOf } of request.places) {
      if (instruction === 'FROM' && onbuildOf === undefined && !images.has(line)) images.set(line, request);
    }
  }
  return images;
}

/** The part `config` of an image's configuration; undefined if it could not be read. */
function imageConfig(
  request: ImageRequest | undefined,
  { configOf }: LintFacts,
): Readonly<Record<string, unknown>> | undefined {
  const document = request && configOf(request);
  if (document === undefined) return undefined;
  return isObject(document.config) ? document.config : {};
}

function ofImage(base: string | undefined, image: Readonly<Record<string, unknown>> | undefined): StageState {
  const variables = new OrderedVariables();
  // BuildKit sets it where the base does not.
  variables.set('PATH', '');
  for (const each of textsOf(image?.Env)) variables.set(...splitVariable(each));
  return {
    variables,
    declared: new Set(),
    known: base === 'scratch' || image !== undefined,
    hasWorkdir: false,
    hasShell: textsOf(image?.Shell).length > 0,
  };
}

function triggerOf(instruction: Instruction): readonly string[] {
  return instruction.kind === 'ONBUILD' ? [instruction.trigger] : [];
}

function useOfVariables(
  instruction: Instruction,
  state: StageState,
  dockerfile: Dockerfile,
  facts: LintFacts,
): Pick<Visit, 'unset' | 'expanded'> {
  const unset = new Set<string>();
  // An ARG sees those in front of it in the same instruction.
  const above = new Set<string>();
  const lookup = (name: string) => {
    const value = state.variables.get(name);
    if (value === undefined && !state.declared.has(name) && !above.has(name)) unset.add(name);
    return value;
  };
  const expanded = (word: string) => attempt(() => expand(word, lookup, dockerfile.escape));
  for (const word of wordsOf(instruction)) expanded(word);
  if (instruction.kind === 'ARG') {
    for (const { name, value } of instruction.args) {
      if (value !== undefined && !facts.options.buildArgs.has(name)) expanded(value);
      above.add(name);
    }
  }
  if (instruction.kind === 'RUN') {
    for (const mount of instruction.mounts) attempt(() => parseMount(mount, (word) => expanded(word) ?? ''));
  }
  if (instruction.kind === 'COPY' || instruction.kind === 'ADD') {
    for (const { text } of instruction.documents.filter((each) => each.expand))
      attempt(() => expandDocument(text, lookup));
  }
  return { unset, expanded };
}

/** The words in which BuildKit expands variables and warns about those that are not set. */
function wordsOf(instruction: Instruction): readonly string[] {
  switch (instruction.kind) {
    case 'COPY':
      return [instruction.chown, instruction.chmod, ...instruction.sources, instruction.destination];
    case 'ADD':
      return [
        ...[instruction.chown, instruction.chmod, instruction.checksum],
        ...[...instruction.sources, instruction.destination],
      ];
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.flatMap(({ name, value }) => [name, value]);
    case 'WORKDIR':
      return [instruction.path];
    case 'USER':
      return [instruction.user];
    case 'VOLUME':
      return instruction.volumes;
    case 'STOPSIGNAL':
      return [instruction.signal];
    default:
      return [];
  }
}

/** What the instruction leaves behind for those below it. */
function apply(
  instruction: Instruction,
  state: StageState,
  dockerfile: Dockerfile,
  globals: OrderedVariables,
  { options }: LintFacts,
): void {
  const expanded = (word: string) =>
    attempt(() => expand(word, (name) => state.variables.get(name), dockerfile.escape)) ?? '';
  if (instruction.kind === 'ENV') {
    const pairs = instruction.pairs.map(({ name, value }) => [expanded(name), expanded(value)] as const);
    for (const [name, value] of pairs) state.variables.set(name, value);
  } else if (instruction.kind === 'ARG') {
    for (const { name, value } of instruction.args) {
      const set = options.buildArgs.get(name) ?? (value === undefined ? globals.get(name) : expanded(value));
      if (set !== undefined) state.variables.set(name, set);
      state.declared.add(name);
    }
  } else if (instruction.kind === 'SHELL') state.hasShell = true;
  else if (instruction.kind === 'WORKDIR') state.hasWorkdir = true;
}
