import { isObject } from './is-object.ts';

/**
 * The value of a JSON text. The error gives the position; the parser's own message would quote the text, which may be a
 * secret.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1];
    if (position === undefined) throw new Error('it is no JSON');
    const before = text.slice(0, Number(position)).split('\n');
    throw new Error(`it is no JSON from line ${before.length}, column ${before.at(-1)!.length + 1} on`);
  }
}

/** The object that a JSON text is. `fail` ends the reading of any other text with an error that says what it is. */
export function parseObject(text: string, fail: (what: string) => never): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return fail((error as Error).message);
  }
  return isObject(value) ? value : fail('it is no JSON object');
}
