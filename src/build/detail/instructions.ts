/** The stages of a Dockerfile and the instructions of those that a build reaches, by digests of their parsed form. */
import { type Digest, sha256 } from '../../core/digest.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { Dockerfile, Instruction, Stage } from '../../dockerfile/parse/instruction.ts';
import type { InstructionDetail, Part, StageDetail } from '../build-detail.ts';

/** @param reached positions of the stages that the result needs */
export function stageDetail({ stages }: Dockerfile, reached: ReadonlySet<number>): StageDetail[] {
  return stages.map((stage, index) => ({
    name: nameOf(stage, index),
    line: stage.lines.first,
    reached: reached.has(index),
  }));
}

/** @param reached as for `stageDetail` */
export function instructionDetail(
  { globalArgs, stages }: Dockerfile,
  reached: ReadonlySet<number>,
): InstructionDetail[] {
  return [
    ...globalArgs.map((arg) => describe('', arg.lines.first, arg.kind, partsOf(arg))),
    ...stages.flatMap((stage, index) => {
      if (!reached.has(index)) return [];
      const name = nameOf(stage, index);
      return [
        describe(name, stage.lines.first, 'FROM', [
          ['its base', stage.base],
          ['--platform', stage.platform],
        ]),
        ...stage.instructions.map((one) => describe(name, one.lines.first, one.kind, partsOf(one))),
      ];
    }),
  ];
}

function nameOf({ name }: Stage, index: number): string {
  return name === '' ? String(index) : name;
}

type Parts = readonly (readonly [name: string, value: unknown])[];

function describe(stage: string, line: number, instruction: string, parts: Parts): InstructionDetail {
  return {
    stage,
    line,
    instruction,
    digest: sha256(stableJson([instruction, parts])),
    blanks: sha256(JSON.stringify(withSingleBlanks([instruction, parts]))),
    parts: parts.map(([name, value]): Part => ({ name, digest: valueDigest(value) })),
  };
}

/** Every run of blanks in the texts of a value made one. */
function withSingleBlanks(value: unknown): unknown {
  return JSON.parse(stableJson(value), (_, item: unknown) =>
    typeof item === 'string' ? item.replace(/\s+/g, ' ') : item,
  );
}

/** Digest of a value that is JSON. */
export function valueDigest(value: unknown): Digest {
  return sha256(stableJson(value ?? null));
}

/** An instruction in parts that a person knows by name. */
function partsOf(one: Instruction): Parts {
  switch (one.kind) {
    case 'ARG':
      return one.args.map(({ name, value }) => [name, value]);
    case 'ENV':
    case 'LABEL':
      return one.pairs.map(({ name, value }) => [name, value]);
    case 'RUN':
      return [
        ['its command', one.command],
        ['--mount', one.mounts],
        ['--network', one.network],
        ['--security', one.security],
        ['--device', one.devices],
      ];
    case 'COPY':
    case 'ADD': {
      const { sources, documents, destination, chown, chmod, link, exclude } = one;
      const own: Parts =
        one.kind === 'COPY'
          ? [
              ['--from', one.from],
              ['--parents', one.parents],
            ]
          : [
              ['--checksum', one.checksum],
              ['--keep-git-dir', one.keepGitDir],
              ['--unpack', one.unpack],
            ];
      return [
        ['its sources', sources],
        ['its here-documents', documents],
        ['its destination', destination],
        ['--chown', chown],
        ['--chmod', chmod],
        ['--link', link],
        ['--exclude', exclude],
        ...own,
      ];
    }
    default: {
      const { lines: _, text: __, comments: ___, flagsUsed: ____, kind: _____, ...rest } = one;
      return [['its text', rest]];
    }
  }
}
