/** A code quality report as GitLab reads it: what is doubtful in a Dockerfile, shown at its line in a merge request. */
import { createHash } from 'node:crypto';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { BuildAnswer } from '../../build/answer.ts';
import type { Io } from '../io.ts';

export interface FoundIn {
  readonly answer: Pick<BuildAnswer, 'file' | 'path'>;
  readonly finding: BuildAnswer['findings'][number];
}

/** The report; of a Dockerfile that is no file of the repository the name is given as messages give it. */
export function codeQualityReport({ env, cwd }: Pick<Io, 'env' | 'cwd'>, found: readonly FoundIn[]): string {
  const top = resolve(cwd, env.CI_PROJECT_DIR || '.');
  const seen = new Map<string, number>();
  const entries = found.map(({ answer, finding }) => {
    const { rule, message, lines, unrepeatable } = finding;
    const path = answer.path === undefined ? answer.file : (fileBelow(top, answer.path) ?? answer.file);
    // GitLab tells old findings from new ones by it: a line that only moved is no new one.
    const identity = JSON.stringify([path, rule, message]);
    const nth = (seen.get(identity) ?? 0) + 1;
    seen.set(identity, nth);
    return {
      description: message,
      check_name: rule,
      fingerprint: createHash('sha256').update(`${identity}${nth}`).digest('hex'),
      severity: unrepeatable ? 'minor' : 'info',
      location: { path, lines: { begin: lines?.first ?? 1 } },
    };
  });
  return `${JSON.stringify(entries, undefined, 2)}\n`;
}

function fileBelow(top: string, path: string): string | undefined {
  const file = relative(top, path);
  return file.startsWith(`..${sep}`) || isAbsolute(file) ? undefined : file.split(sep).join('/');
}
