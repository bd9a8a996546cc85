/** Why the keys of two builds differ: the causes, and one sentence that says it. */
import { type BuildDifference, type DifferenceKind, differenceText } from './difference.ts';
import { inputCauses, memberOf } from './inputs.ts';
import { type Cause, instructionCauses } from './instructions.ts';
import { isUmask, pathDifferences } from './paths.ts';
import type { ComparedBuild } from './saved.ts';
import { settingCauses } from './settings.ts';
import { documentDifferences, type Rebuilt, rebuiltSteps } from './steps.ts';

/** What two builds differ in. */
export interface BuildComparison {
  readonly same: boolean;
  /** The answer. */
  readonly sentence: string;
  readonly differences: readonly BuildDifference[];
  readonly rebuilt: Rebuilt;
  /** For people: a likely reason. */
  readonly note?: string;
}

/** What differs in two builds; where their keys are the same, nothing does. */
export function compareBuilds(a: ComparedBuild, b: ComparedBuild): BuildComparison {
  if (a.key === b.key) {
    const text = a.detail.text === b.detail.text ? '' : `, although the text of ${b.detail.file} does`;
    const sentence = `the same: nothing that the build reaches differs${text}`;
    return { same: true, sentence, differences: [], rebuilt: { steps: 0, of: rebuiltSteps(a, b).of } };
  }
  const differences = causesOf(a, b);
  return {
    same: false,
    sentence: sentenceOf(differences),
    differences,
    rebuilt: rebuiltSteps(a, b),
    ...(isUmask(a, b)
      ? {
          note: 'of the files only modes of group and others differ: a umask? --modes exec takes modes as git has them',
        }
      : {}),
  };
}

/** What was given differently and has an effect; else what was given differently; else what came out differently. */
function causesOf(a: ComparedBuild, b: ComparedBuild): readonly BuildDifference[] {
  const members = configMembers(a, b);
  const settings = new Set(members.map(memberOf));
  const causes: Cause[] = [
    ...settingCauses(a, b),
    ...inputCauses(a, b, settings),
    ...instructionCauses(a, b, settings),
    ...pathDifferences(a, b),
  ];
  const effective = causes.filter(({ idle }) => idle !== true);
  const chosen = effective.length > 0 ? effective : causes;
  if (chosen.length > 0) return chosen.map(({ idle: _, ...difference }) => difference);
  if (members.length > 0) {
    const subject = 'the configuration of the image';
    return [{ mark: '~', kind: 'configuration', subject, what: members.join(', ') }];
  }
  return documentDifferences(a, b);
}

/** The members of the configurations of the images that differ. */
function configMembers({ detail: a }: ComparedBuild, { detail: b }: ComparedBuild): string[] {
  const text = ({ platform, member, digest }: (typeof a.config)[number]): string =>
    JSON.stringify([platform, member, digest]);
  const [before, after] = [new Set(a.config.map(text)), new Set(b.config.map(text))];
  const differing = [
    ...a.config.filter((one) => !after.has(text(one))),
    ...b.config.filter((one) => !before.has(text(one))),
  ];
  return [...new Set(differing.map(({ member }) => member))];
}

const HEAD = 'the build differs';
/** More differences than this are counted. */
const MOST_TOLD = 2;

function sentenceOf(differences: readonly BuildDifference[]): string {
  const kinds = new Set(differences.map(({ kind }) => kind));
  if (differences.every(({ mark, kind }) => mark === '-' && FLAGS.has(kind))) {
    return `${HEAD} only by flags that are not given any more: ${differences.map(({ subject }) => subject).join(', ')}`;
  }
  if (differences.every(({ what }) => what === 'changed in --exclude')) {
    return `${HEAD}: no file differs, and a pattern of --exclude does (${differences.map(({ subject }) => subject).join(', ')})`;
  }
  if (differences.length <= MOST_TOLD) return `${HEAD}: ${differences.map(toldText).join('; ')}`;
  const counts = [...kinds].map((kind) => counted(differences, kind));
  return `${HEAD}: ${counts.join(', ')}`;
}

const FLAGS: ReadonlySet<DifferenceKind> = new Set(['build argument', 'flag', 'target']);

/** Without the mark, what is on one side alone has to be told as that. */
function toldText(one: BuildDifference): string {
  const text = differenceText(one);
  if (one.mark === '~' || one.what?.startsWith('which ') === true) return text;
  return `${text} (${one.mark === '+' ? 'new' : 'gone'})`;
}

/** Of files and instructions each counts once, whatever differs of it. */
function counted(differences: readonly BuildDifference[], kind: DifferenceKind): string {
  const number = new Set(differences.filter((one) => one.kind === kind).map(({ subject }) => subject)).size;
  return `${number} ${kind}${number === 1 ? '' : 's'}`;
}
