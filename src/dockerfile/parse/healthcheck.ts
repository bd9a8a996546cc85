/** HEALTHCHECK: its check in the form of an image's configuration. */
import { shortened } from '../../core/printable.ts';
import { DockerfileProblem } from '../problem.ts';
import { parseDuration } from './duration.ts';
import { readFlags } from './flags.ts';
import type { HealthcheckInstruction } from './instruction.ts';
import type { Statement } from './statement.ts';

const NANOSECONDS_PER_MILLISECOND = 1_000_000;
const MAX_RETRIES = 2 ** 31 - 1;

/** @throws DockerfileProblem */
export function readHealthcheck(statement: Statement): HealthcheckInstruction['check'] {
  const [written, ...command] = statement.words;
  if (written === undefined) throw new DockerfileProblem('there is no check', 'write HEALTHCHECK CMD COMMAND, or NONE');
  const type = written.toUpperCase();
  if (type === 'NONE') {
    if (command.length > 0) throw new DockerfileProblem('NONE takes no argument', 'write HEALTHCHECK NONE');
    return { Test: ['NONE'] };
  }
  const flags = readFlags(statement.flags, {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  });
  if (type !== 'CMD') {
    throw new DockerfileProblem(
      `unknown type of check ${shortened(written)}`,
      'write HEALTHCHECK CMD COMMAND, or NONE',
    );
  }
  if (command.length === 0)
    throw new DockerfileProblem('there is no command behind CMD', 'write HEALTHCHECK CMD COMMAND');
  return {
    Test: [statement.json ? 'CMD' : 'CMD-SHELL', ...command],
    ...given('Interval', interval('interval', flags.interval)),
    ...given('Timeout', interval('timeout', flags.timeout)),
    ...given('StartPeriod', interval('start-period', flags['start-period'])),
    ...given('StartInterval', interval('start-interval', flags['start-interval'])),
    ...given('Retries', retries(flags.retries)),
  };
}

/** Zero is left out, as in the configuration. */
function given<K extends string>(name: K, value: number): { readonly [N in K]?: number } {
  return value === 0 ? {} : ({ [name]: value } as { [N in K]: number });
}

function interval(flag: string, value = ''): number {
  const duration = value === '' ? 0 : parseDuration(value);
  if (duration !== 0 && duration < NANOSECONDS_PER_MILLISECOND) {
    throw new DockerfileProblem(`--${flag} is less than a millisecond`, `write for instance --${flag}=30s`);
  }
  return duration;
}

function retries(value = ''): number {
  if (value === '') return 0;
  const number = /^[+-]?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= 0 && number <= MAX_RETRIES)) {
    throw new DockerfileProblem(
      `--retries is no number of retries: ${shortened(value)}`,
      'write for instance --retries=3',
    );
  }
  return number;
}
