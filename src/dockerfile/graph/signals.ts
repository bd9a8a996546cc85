/** The signals that STOPSIGNAL may name. */
import { DockerfileProblem } from '../problem.ts';

const NAMES = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);
const REAL_TIME = /^(?:RTMIN\+(?:[1-9]|1[0-5])|RTMAX-(?:[1-9]|1[0-4]))$/;

/** @throws DockerfileProblem unless it is a number, or the name of a signal of Linux */
export function checkSignal(text: string): void {
  if (/^[+-]?[0-9]+$/.test(text) && Number(text) !== 0) return;
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (NAMES.has(name) || REAL_TIME.test(name)) return;
  throw new DockerfileProblem(
    `${JSON.stringify(text)} is no signal`,
    'write for instance STOPSIGNAL SIGTERM, or a number',
  );
}
