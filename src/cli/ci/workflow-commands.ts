/** Commands of a GitHub Actions workflow: lines of a log that the runner reads, here its annotations. */
import { relative, resolve, sep } from 'node:path';
import type { CtxsrcError } from '../../core/errors.ts';
import type { Variables } from '../../core/home.ts';
import { printable } from '../../core/printable.ts';
import type { MessagePlace } from '../../core/progress.ts';

export type AnnotationKind = 'notice' | 'warning' | 'error';

/** `::warning file=Dockerfile,line=3::TEXT`, escaped as the runner unescapes it. */
export function annotation(
  kind: AnnotationKind,
  lines: readonly string[],
  place: { readonly env: Variables; readonly at: MessagePlace | undefined },
): string {
  const properties = Object.entries(propertiesOf(place.env, place.at))
    .map(([name, value]) => `${name}=${property(value)}`)
    .join(',');
  return `::${kind}${properties === '' ? '' : ` ${properties}`}::${data(lines.map(printable).join('\n'))}`;
}

/** The error that ends a run, as one annotation, at its line of a file where its details name one. */
export function errorAnnotation(
  { message, hint, details = {} }: Pick<CtxsrcError, 'message' | 'hint' | 'details'>,
  env: Variables,
): string {
  const lines = [`ctxsrc: ${message}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
  const { path, line } = details;
  const at = typeof path === 'string' && typeof line === 'number' ? { path, line } : undefined;
  return `${annotation('error', lines, { env, at })}\n`;
}

/** GitHub shows an annotation at a file of the repository, named from its top; elsewhere it has no place. */
function propertiesOf({ GITHUB_WORKSPACE }: Variables, at: MessagePlace | undefined): Record<string, string> {
  if (at === undefined || !GITHUB_WORKSPACE) return {};
  const file = relative(resolve(GITHUB_WORKSPACE), at.path).split(sep).join('/');
  if (file === '' || file === '..' || file.startsWith('../') || resolve(file) === file) return {};
  if (at.line === undefined) return { file };
  return { file, line: String(at.line), ...(at.lastLine === undefined ? {} : { endLine: String(at.lastLine) }) };
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** A line that is no command, whatever names it holds. */
export function defused(line: string): string {
  return line.replaceAll('##[', '\\x23#[').replace(/^([^\S\r\n]*)::/gm, '$1\\x3a:');
}
