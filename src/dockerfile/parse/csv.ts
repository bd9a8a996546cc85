/** One line of comma-separated values, as `--mount` and `--device` have it. */
import { DockerfileProblem } from '../problem.ts';

/**
 * The fields: one that begins with `"` ends at the next single `"`, and `""` in it is a quote.
 * @throws DockerfileProblem
 */
export function csvFields(text: string): readonly string[] {
  const line = text.replace(/\r?\n$/, '');
  if (line === '') throw new DockerfileProblem('the value is empty', 'write KEY=VALUE,KEY=VALUE');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (match === null) {
      throw new DockerfileProblem('a quote stands where none may', 'quote a whole field: "source=a,b",target=/x');
    }
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === '') return fields;
  }
}
