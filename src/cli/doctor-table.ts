/** The report of `doctor` for people, and for bug reports. */
import { counted } from '../core/format.ts';
import type { DoctorCheck } from '../upkeep/check.ts';
import type { DoctorReport } from '../upkeep/doctor.ts';
import { fitted, type Screen, shown, styled, widthOf, wrapped } from './screen.ts';

const STATUS = 6;
const NARROW = 60;

/** @param tested registries were tried */
export function doctorText({ checks }: DoctorReport, tested: boolean, screen: Screen): string {
  const label = Math.max(13, ...checks.map((check) => widthOf(labelOf(check, screen)) + 1));
  const count = (status: DoctorCheck['status']): number => checks.filter((check) => check.status === status).length;
  const [warnings, faults] = [count('warn'), count('fault')];
  const lines = checks.flatMap((check) => checkLines(check, label, screen));
  const sums = [
    `${checks.length} checks: ${count('ok')} ok`,
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
    ...(faults === 0 ? [] : [counted(faults, 'fault')]),
    ...(tested ? [] : ['registries not tried: --test']),
  ];
  return `${[...lines, ...wrapped(screen, sums.join(', '), 0)].join('\n')}\n`;
}

function checkLines(check: DoctorCheck, label: number, screen: Screen): string[] {
  const { status, text, mend, hint } = check;
  const word = (status === 'fault' ? 'FAULT' : status).padEnd(STATUS);
  const name = labelOf(check, screen);
  const isNarrow = screen.width !== undefined && screen.width < Math.max(NARROW, STATUS + label + 20);
  const indent = isNarrow ? STATUS : STATUS + label;
  const [first = '', ...rest] = wrapped(screen, shown(screen, text), indent);
  const head = (status === 'fault' ? styled(screen, 'red', word) : word) + styled(screen, 'bold', name);
  const padding = ' '.repeat(Math.max(0, label - widthOf(name)));
  // A command stays on its line, so that it can be copied.
  return [
    ...(isNarrow ? [head, first] : [`${head}${padding}${first.slice(indent)}`]),
    ...rest,
    ...(mend === undefined ? [] : [`${' '.repeat(indent)}${styled(screen, 'cyan', 'mend:')} ${shown(screen, mend)}`]),
    ...(hint === undefined ? [] : wrapped(screen, `hint: ${shown(screen, hint)}`, indent)),
  ];
}

function labelOf({ id }: DoctorCheck, screen: Screen): string {
  return id === 'tools'
    ? 'git, ssh'
    : fitted(screen, id.replace(/^registry:/, ''), screen.width && screen.width - STATUS);
}
