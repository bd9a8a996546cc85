/** The options of `# check=`: which rules are skipped, and whether a warning is an error. */
import { parseGoBool, trimGoSpace } from '../../core/go/text.ts';
import { shortened } from '../../core/printable.ts';
import { DirectiveReader } from '../parse/directives.ts';
import { DockerfileProblem } from '../problem.ts';

export interface CheckOptions {
  readonly skipAll: boolean;
  readonly skip: ReadonlySet<string>;
  /** `error=true`: BuildKit refuses to build with a warning. */
  readonly error: boolean;
}

const NONE: CheckOptions = { skipAll: false, skip: new Set(), error: false };

/** @throws DockerfileProblem */
export function parseCheckOptions(text: string): CheckOptions {
  if (trimGoSpace(text) === '') return NONE;
  let options = NONE;
  // BuildKit takes everything behind the second `;` as part of the third option.
  const [first = '', second, ...more] = trimGoSpace(text).split(';');
  for (const part of [first, second, more.length === 0 ? undefined : more.join(';')]) {
    if (part !== undefined) options = withOption(options, part);
  }
  return options;
}

function withOption(options: CheckOptions, part: string): CheckOptions {
  const equals = part.indexOf('=');
  const name = equals === -1 ? undefined : trimGoSpace(part.slice(0, equals));
  const value = trimGoSpace(part.slice(equals + 1));
  if (name === 'skip') {
    return value === 'all'
      ? { ...options, skipAll: true }
      : { ...options, skip: new Set(value.split(',').map((rule) => trimGoSpace(rule))) };
  }
  // Rules that BuildKit calls experimental are not applied here.
  if (name === 'experimental') return options;
  const error = name === 'error' ? parseGoBool(value) : undefined;
  if (error !== undefined) return { ...options, error };
  throw new DockerfileProblem(
    `# check= has an option that BuildKit does not know: ${shortened(part)}`,
    'write skip=RULE,RULE, skip=all or error=true, with ; between them',
  );
}

/** The options for one instruction: those of the file, and what the comments above the instruction skip. */
export function withComments(options: CheckOptions, comments: readonly string[]): CheckOptions {
  for (const comment of comments) {
    const directive = new DirectiveReader('').read(comment);
    if (directive?.name !== 'check') continue;
    try {
      const own = parseCheckOptions(directive.value.split(' ')[0]!);
      return {
        ...options,
        skipAll: options.skipAll || own.skipAll,
        skip: new Set([...options.skip, ...own.skip]),
      };
    } catch (error) {
      // Above an instruction BuildKit passes over what it cannot read.
      if (error instanceof DockerfileProblem) return options;
      throw error;
    }
  }
  return options;
}
