/** Flags, arguments and platforms that differ, by name. */
import type { Setting } from '../build-detail.ts';
import { type DifferenceKind, paired } from './difference.ts';
import type { Cause } from './instructions.ts';
import type { ComparedBuild } from './saved.ts';

export function settingCauses({ detail: a }: ComparedBuild, { detail: b }: ComparedBuild): Cause[] {
  const platforms: Cause[] = [];
  const [from, to] = [a.platforms.join(', '), b.platforms.join(', ')];
  if (from !== to) platforms.push({ mark: '~', kind: 'platform', subject: 'platform', from, to });
  // What the platform comes from is told with it.
  const isTold = ({ flag }: Setting): boolean => from !== to && (flag === '--platform' || flag === '--build-platform');
  const { both, gone, added } = paired(
    a.settings.filter((one) => !isTold(one)),
    b.settings.filter((one) => !isTold(one)),
    settingText,
  );
  return [
    ...platforms,
    ...both.filter(([one, other]) => one.digest !== other.digest).map(([one, other]) => changed(one, other)),
    ...gone.map((one) => cause('-', one, 'which is not given any more')),
    ...added.map((one) => cause('+', one, 'which is given now')),
  ];
}

/** The flags that one build was given and the other was not: names alone. */
export function missingFlags({ detail: given }: ComparedBuild, { detail: other }: ComparedBuild): string[] {
  const flags = ({ settings }: ComparedBuild['detail']): string[] =>
    settings.filter(({ implied }) => implied !== true).map(settingText);
  const names = new Set(flags(other));
  return flags(given).filter((name) => !names.has(name));
}

/** The flag with its name, without a value. */
export function settingText({ flag, name }: Setting): string {
  return name === undefined ? flag : `${flag} ${name}`;
}

function changed(a: Setting, b: Setting): Cause {
  const idle = a.idle === true && b.idle === true;
  if (a.value === undefined || b.value === undefined) return cause('~', b, 'another value', idle);
  return { mark: '~', kind: kindOf(b), subject: settingText(b), from: a.value, to: b.value, idle };
}

function cause(mark: Cause['mark'], setting: Setting, what: string, idle = setting.idle === true): Cause {
  return { mark, kind: kindOf(setting), subject: settingText(setting), what, idle };
}

function kindOf({ flag }: Setting): DifferenceKind {
  if (flag === '--build-arg') return 'build argument';
  if (flag === '--target') return 'target';
  return flag === '--platform' || flag === '--build-platform' ? 'platform' : 'flag';
}
