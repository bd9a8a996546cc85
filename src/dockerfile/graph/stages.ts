/** The stages of a build, and how they are found: by name, by number, as the base of another one. */
import type { Platform } from '../../core/platform.ts';
import type { Instruction } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import { OrderedVariables } from './environment.ts';
import { blankImage, type Image } from './image-config.ts';
import type { NamedContext } from './named-contexts.ts';
import type { Output } from './operation.ts';
import type { Place } from './types.ts';

/** One instruction of a stage, with the stages that it takes files from. */
export interface Step {
  readonly instruction: Instruction;
  /** Of a COPY its one source, of a RUN one for each mount. */
  readonly froms: readonly Stage[];
  readonly place: Place;
}

/** What is known of a stage when it is found in the Dockerfile, or of an image that an instruction names. */
export interface StageFacts {
  /** Its number among the stages of the Dockerfile; undefined for an image that an instruction names. */
  readonly number: number | undefined;
  /** Lower case; empty if it has none. */
  readonly name: string;
  /** After expansion. */
  readonly base: string;
  /** The base as it is written. */
  readonly written: string;
  readonly platform: Platform | undefined;
  /** Replaces the stage. */
  readonly context: NamedContext | undefined;
  readonly place: Place;
}

/** A stage while the graph is made. */
export class Stage {
  readonly facts: StageFacts;
  /** The stage it is built upon; undefined if that is an image, or the stage is replaced. */
  base: Stage | undefined;
  steps: Step[] = [];
  /** Its image was asked for. */
  resolved = false;
  /** Its operations are made, or it has none of its own. */
  done = false;
  /** The triggers of the stage it is built upon are among its steps. */
  triggered = false;

  image: Image = blankImage();
  /** Of its image. Undefined upon a stage that a directory or a file replaces: paths are read as on Linux there. */
  platform: Platform | undefined;
  files: Output | undefined;
  /** The platform that steps run on; undefined: the target's. */
  runPlatform: Platform | undefined;
  environment = new OrderedVariables();
  workingDirectory = '/';
  user = '';
  /** Declared by ARG here and in the stages below, in order. */
  args: (readonly [name: string, value: string | undefined])[] = [];
  /** It has a CMD of its own. */
  hasCmd = false;
  /** What is taken of it; one set for a stage and those built upon it. */
  paths = new Set<string>();

  constructor(facts: StageFacts) {
    this.facts = facts;
    this.platform = facts.platform;
  }

  /** As errors call it. */
  get shownName(): string {
    return this.facts.name === '' ? `stage-${this.facts.number}` : this.facts.name;
  }

  get os(): string {
    return this.platform?.os ?? '';
  }
}

/** The stages in their order; behind them the images that instructions name, which a number may mean too. */
export class Stages {
  readonly list: Stage[] = [];
  readonly #byName = new Map<string, Stage>();

  /** Adds a stage; its base is the nearest stage above it of that name, compared as written. */
  add(stage: Stage): void {
    this.list.push(stage);
    const { name, base, context } = stage.facts;
    if (context === undefined) stage.base = this.#byName.get(base);
    if (name !== '') this.#byName.set(name, stage);
  }

  /** The last stage of the name, in any case. */
  find(name: string): Stage | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  /** The stage of the number. */
  at(number: number): Stage {
    const stage = this.list[number];
    if (stage === undefined || number < 0) {
      throw new DockerfileProblem(
        `there is no stage ${number}`,
        'stages are numbered from 0; a name says more: FROM … AS NAME, COPY --from=NAME',
      );
    }
    return stage;
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  /** What the stage needs, itself included. */
  static reachable(target: Stage): Set<Stage> {
    const reached = new Set<Stage>();
    const waiting = [target];
    for (let stage = waiting.pop(); stage !== undefined; stage = waiting.pop()) {
      if (reached.has(stage)) continue;
      reached.add(stage);
      if (stage.base !== undefined) waiting.push(stage.base);
      for (const step of stage.steps) waiting.push(...step.froms);
    }
    return reached;
  }
}
