/** Which stages are reached on one side alone, and which instructions of those on both sides differ. */

import { gapsBetween } from '../../core/align.ts';
import type { InstructionDetail, Part, StageDetail } from '../build-detail.ts';
import { type BuildDifference, paired } from './difference.ts';
import type { ComparedBuild } from './saved.ts';
import { madeByLine } from './steps.ts';

/** A difference that may be without effect. */
export interface Cause extends BuildDifference {
  /** Nothing that comes out of it differs, as far as can be told: not a reason where there is another one. */
  readonly idle?: boolean;
}

/** @param settings names of the members of the image's configuration that differ */
export function instructionCauses(a: ComparedBuild, b: ComparedBuild, settings: ReadonlySet<string>): Cause[] {
  const left = reachedAlone(a.detail.stages, b.detail.stages);
  const arrived = reachedAlone(b.detail.stages, a.detail.stages);
  const names = new Set(a.detail.stages.map(({ name }) => name));
  const compare = new InstructionComparison(a, b, settings);
  return [
    ...left.map((stage) => stageCause('-', stage, a.detail.file, 'which is not reached any more')),
    ...arrived.map((stage) => {
      const wasThere = names.has(stage.name);
      return stageCause('+', stage, b.detail.file, wasThere ? 'which is reached now' : 'which is new');
    }),
    ...compare.causes(withoutStages(a.detail.instructions, left), withoutStages(b.detail.instructions, arrived)),
  ];
}

/**
 * Stages that the other side does not reach although it has them; those that it does not have, too, unless one of its
 * own is missing here: then a stage may just have another name. A number tells nothing of a stage.
 */
function reachedAlone(own: readonly StageDetail[], others: readonly StageDetail[]): StageDetail[] {
  const other = new Map(others.map((stage) => [stage.name, stage]));
  const names = new Set(own.map(({ name }) => name));
  const mayBeRenamed = others.some(({ name, reached }) => reached && isName(name) && !names.has(name));
  return own.filter(({ name, reached }) => {
    if (!reached || !isName(name)) return false;
    const same = other.get(name);
    return same === undefined ? !mayBeRenamed : !same.reached;
  });
}

const isName = (stage: string): boolean => !/^\d+$/.test(stage);

function stageCause(mark: '+' | '-', { name, line }: StageDetail, file: string, what: string): Cause {
  return { mark, kind: 'stage', subject: `${file}:${line} stage ${name}`, what };
}

function withoutStages(
  instructions: readonly InstructionDetail[],
  stages: readonly StageDetail[],
): readonly InstructionDetail[] {
  const names = new Set(stages.map(({ name }) => name));
  return instructions.filter(({ stage }) => !names.has(stage));
}

/** Instructions that only settings of the image come from, by the members that they write. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  CMD: ['Cmd'],
  ENTRYPOINT: ['Entrypoint', 'Cmd'],
  EXPOSE: ['ExposedPorts'],
  HEALTHCHECK: ['Healthcheck'],
  LABEL: ['Labels'],
  MAINTAINER: ['author'],
  STOPSIGNAL: ['StopSignal'],
  VOLUME: ['Volumes'],
};

class InstructionComparison {
  readonly #a: ComparedBuild;
  readonly #b: ComparedBuild;
  readonly #settings: ReadonlySet<string>;
  readonly #made: readonly ReturnType<typeof madeByLine>[];

  constructor(a: ComparedBuild, b: ComparedBuild, settings: ReadonlySet<string>) {
    this.#a = a;
    this.#b = b;
    this.#settings = settings;
    this.#made = [madeByLine(a), madeByLine(b)];
  }

  causes(a: readonly InstructionDetail[], b: readonly InstructionDetail[]): Cause[] {
    const gaps = gapsBetween(a, b, ({ instruction, digest }) => `${instruction} ${digest}`);
    const gone = gaps.flatMap((gap) => gap.gone);
    const added = gaps.flatMap((gap) => gap.added);
    const moved = paired(gone, added, ({ instruction, digest }) => `${instruction} ${digest}`);
    const [out, into] = [new Set(moved.both.map(([one]) => one)), new Set(moved.both.map(([, one]) => one))];
    return [
      ...moved.both.map(([, one]) => this.#cause('~', one, 'which has another place')),
      ...gaps.flatMap((gap) =>
        this.#changed(
          gap.gone.filter((one) => !out.has(one)),
          gap.added.filter((one) => !into.has(one)),
        ),
      ),
    ];
  }

  /** Instructions of one name at the same place are taken for one that was changed. */
  #changed(gone: readonly InstructionDetail[], added: readonly InstructionDetail[]): Cause[] {
    const both = gapsBetween(gone, added, ({ instruction }) => instruction);
    const [goneAlone, addedAlone] = [
      new Set(both.flatMap((gap) => gap.gone)),
      new Set(both.flatMap((gap) => gap.added)),
    ];
    const before = gone.filter((one) => !goneAlone.has(one));
    const after = added.filter((one) => !addedAlone.has(one));
    return [
      ...after.map((one, index) => this.#change(before[index]!, one)),
      ...[...goneAlone].map((one) => this.#cause('-', one)),
      ...[...addedAlone].map((one) => this.#cause('+', one)),
    ];
  }

  #change(before: InstructionDetail, after: InstructionDetail): Cause {
    const what =
      before.blanks === after.blanks
        ? 'only blanks differ'
        : `changed in ${partsThatDiffer(before.parts, after.parts)}`;
    const cause = this.#cause('~', after, what);
    const [earlier, later] = [this.#made[0]!.get(before.line), this.#made[1]!.get(after.line)];
    const isSame =
      earlier !== undefined && earlier.size === later?.size && [...earlier].every((digest) => later.has(digest));
    return isSame ? { ...cause, idle: true } : cause;
  }

  #cause(mark: Cause['mark'], one: InstructionDetail, what = namesIn(one)): Cause {
    const { line, instruction } = one;
    const { file } = (mark === '-' ? this.#a : this.#b).detail;
    const writes = WRITES[instruction];
    const idle = writes !== undefined && !writes.some((member) => this.#settings.has(member));
    return {
      mark,
      kind: 'instruction',
      subject: `${file}:${line} ${instruction}`,
      ...(what === undefined ? {} : { what }),
      ...(idle ? { idle } : {}),
    };
  }
}

/** The names that an instruction defines. */
function namesIn({ instruction, parts }: InstructionDetail): string | undefined {
  return DEFINES.has(instruction) ? parts.map(({ name }) => name).join(', ') : undefined;
}

const DEFINES: ReadonlySet<string> = new Set(['ARG', 'ENV', 'LABEL']);

function partsThatDiffer(a: readonly Part[], b: readonly Part[]): string {
  const { both, gone, added } = paired(a, b, ({ name }) => name);
  const names = [
    ...both.filter(([one, other]) => one.digest !== other.digest).map(([, { name }]) => name),
    ...added.map(({ name }) => name),
    ...gone.map(({ name }) => name),
  ];
  return names.length === 0 ? 'the order of its parts' : names.join(', ');
}
