/** Facts as aligned text for people: objects are indented, and lists of objects have one line per item. */
import { printable } from '../core/printable.ts';

/** Names of annotations come from outside: longer ones do not widen the column. */
const WIDEST = 40;

export type Facts = Readonly<Record<string, unknown>>;

/** The text, with a newline at its end. Absent and empty facts are left out. */
export function renderFacts(facts: Facts, indent = ''): string {
  const shown = Object.entries(facts).filter(([, value]) => !isEmpty(value));
  let width = 0;
  for (const [name, value] of shown) if (isPlain(value)) width = Math.max(width, Math.min(name.length, WIDEST));
  return shown.map(([name, value]) => renderFact(name, value, indent, width)).join('');
}

function renderFact(name: string, value: unknown, indent: string, width: number): string {
  const label = printable(name);
  if (isPlain(value)) return `${indent}${label.padEnd(width)}  ${text(value)}\n`;
  if (!Array.isArray(value)) return `${indent}${label}\n${renderFacts(value as Facts, `${indent}  `)}`;
  const items = value.map((item: unknown) => `${indent}  ${isPlain(item) ? text(item) : inline(item as Facts)}\n`);
  return `${indent}${label}\n${items.join('')}`;
}

function inline(facts: Facts): string {
  return Object.entries(facts)
    .filter(([, value]) => !isEmpty(value))
    .map(([name, value]) =>
      isPlain(value) ? `${printable(name)} ${text(value)}` : `${printable(name)} ${printable(JSON.stringify(value))}`,
    )
    .join('  ');
}

const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null;
const text = (value: unknown): string => printable(String(value));

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
