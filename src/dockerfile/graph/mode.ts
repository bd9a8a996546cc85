/** Modes as `--chmod` writes them. */
import { DockerfileProblem } from '../problem.ts';

const SYMBOLIC = /^[augo]*(?:[-+=][rstwXxugo]*)+(?:,[augo]*(?:[-+=][rstwXxugo]*)+)*$/;

/** An octal mode as its number, a symbolic one as its text; undefined for none. @throws DockerfileProblem */
export function parseMode(text: string): number | string | undefined {
  if (text === '') return undefined;
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode <= 0o7777) return mode;
  } else if (SYMBOLIC.test(text)) return text;
  throw new DockerfileProblem(
    `--chmod=${text} is no mode`,
    'write an octal mode up to 7777, for instance --chmod=755, or a symbolic one, --chmod=u=rwX,go=rX',
  );
}
