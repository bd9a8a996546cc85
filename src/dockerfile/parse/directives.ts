/** The directives at the top of a Dockerfile: `# syntax=`, `# escape=`, `# check=`. */
import { JsonObject, JsonProblem, parseGoJson } from '../../core/go/json-parse.ts';
import { goText, trimGoSpaceStart } from '../../core/go/text.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Frontend } from './instruction.ts';

type Name = 'syntax' | 'escape' | 'check';

interface Directive {
  readonly name: Name;
  readonly value: string;
}

const FORM = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*([^\n]+)$/;

/** Reads the lines of a file from the first on, until one is no directive. */
export class DirectiveReader {
  readonly #mark: string;
  readonly #seen = new Set<Name>();
  #done = false;

  /** @param mark what begins a line: `#`, or `//` */
  constructor(mark: string) {
    this.#mark = mark;
  }

  /**
   * The directive that the line holds.
   * @throws DockerfileProblem for the second of its kind
   */
  read(line: string): Directive | undefined {
    if (this.#done) return undefined;
    const form = line.startsWith(this.#mark) ? FORM.exec(trimGoSpaceStart(line.slice(this.#mark.length))) : null;
    const name = (form?.[1] ?? '').toLowerCase();
    if (form === null || (name !== 'syntax' && name !== 'escape' && name !== 'check')) {
      this.#done = true;
      return undefined;
    }
    if (this.#seen.has(name)) {
      throw new DockerfileProblem(`the directive ${name} is there twice`, 'leave one of them out');
    }
    this.#seen.add(name);
    return { name, value: withoutBlanksAtEnd(form[2]!) };
  }
}

/** At least one character stays, even if it is a blank. */
function withoutBlanksAtEnd(value: string): string {
  let end = value.length;
  while (end > 1 && '\t\n\f\r '.includes(value[end - 1]!)) end -= 1;
  return value.slice(0, end);
}

/**
 * The front end that the file asks for: by `# syntax=`, by `// syntax=`, or as the member `syntax` of a JSON document.
 * A line `#!` may stand above. It decides who reads the file, so nothing else of the file is looked at.
 */
export function frontendOf(bytes: Uint8Array): Frontend | undefined {
  const file = directiveText(bytes);
  return frontendBy('#', file) ?? frontendBy('//', file) ?? frontendOfJson(file);
}

/** The value of `# check=`, which may stand below a line `#!` as well. */
export function checkOf(bytes: Uint8Array): string | undefined {
  return directivesOf('#', directiveText(bytes)).find((each) => each.name === 'check')?.value;
}

interface DirectiveText {
  readonly text: string;
  /** The number of the first line. */
  readonly firstLine: number;
}

function directiveText(bytes: Uint8Array): DirectiveText {
  const text = goText(bytes).replace(/^\ufeff/, '');
  if (!text.startsWith('#!')) return { text, firstLine: 1 };
  const end = text.indexOf('\n');
  return { text: end === -1 ? '' : text.slice(end + 1), firstLine: 2 };
}

function frontendBy(mark: string, file: DirectiveText): Frontend | undefined {
  const directive = directivesOf(mark, file).find((each) => each.name === 'syntax');
  if (directive === undefined) return undefined;
  return { image: directive.value.split(' ')[0]!, commandLine: directive.value, line: directive.line };
}

function directivesOf(mark: string, file: DirectiveText): readonly (Directive & { readonly line: number })[] {
  const reader = new DirectiveReader(mark);
  const found: (Directive & { readonly line: number })[] = [];
  for (let start = 0; start < file.text.length; ) {
    const newline = file.text.indexOf('\n', start);
    const end = newline === -1 ? file.text.length : newline;
    try {
      const directive = reader.read(file.text.slice(start, end).replace(/\r$/, ''));
      if (directive === undefined) break;
      found.push({ ...directive, line: file.firstLine + found.length });
    } catch (error) {
      // The second of a kind ends them here; the reader of the instructions refuses it.
      if (error instanceof DockerfileProblem) break;
      throw error;
    }
    start = end + 1;
  }
  return found;
}

function frontendOfJson(file: DirectiveText): Frontend | undefined {
  if (!/^[\t\n\r ]*\{/.test(file.text)) return undefined;
  try {
    const document = parseGoJson(Buffer.from(file.text, 'utf8'));
    const member =
      document instanceof JsonObject ? document.members.findLast(([name]) => name === 'syntax') : undefined;
    if (typeof member?.[1] !== 'string') return undefined;
    return { image: member[1], commandLine: member[1], line: file.firstLine };
  } catch (error) {
    if (error instanceof JsonProblem) return undefined;
    throw error;
  }
}
