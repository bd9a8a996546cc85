/** Sizes as docker's flags take them: `64m`, `1.5GiB`. */
import { shortened } from '../../core/printable.ts';
import { DockerfileProblem } from '../problem.ts';

const POWERS = 'bkmgtp';
const FORM = /^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?) ?(?:b|([kmgtp])(?:i?b)?)?$/i;

/** @throws DockerfileProblem */
export function parseSize(text: string): bigint {
  const form = FORM.exec(text);
  const bytes = form === null ? Number.NaN : Number(form[1]) * 1024 ** POWERS.indexOf((form[2] ?? 'b').toLowerCase());
  if (bytes >= 0 && bytes < 2 ** 63) return BigInt(Math.trunc(bytes));
  throw new DockerfileProblem(`invalid size ${shortened(text)}`, 'write a number with its unit, for instance 64m');
}
