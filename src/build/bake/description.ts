/** The text of a build description, bake or compose, made into an object; nothing in it is evaluated. */
import { CtxsrcError } from '../../core/errors.ts';
import { parseJson } from '../../core/parse-json.ts';

/** Ends reading with an error. */
export type Fail = (what: string) => never;

/** JSON is parsed twice: only the second parser reports repeated names. */
export async function parseDescription(text: string, fail: Fail, json: boolean): Promise<unknown> {
  // A CommonJS package: when bundled, it has only a default export.
  const { default: yaml } = await import('yaml');
  try {
    const value: unknown = json ? parseJson(text) : undefined;
    // The parser's own check for repeated names is quadratic.
    const document = yaml.parseDocument(text, { merge: true, uniqueKeys: false });
    const problem = document.errors[0] ?? document.warnings[0];
    // The message quotes unexpected text, which may be a secret.
    if (problem !== undefined) return fail(problem.message.split('\n')[0]!.replace(/: ".*" at/, ' at'));
    yaml.visit(document, {
      Map: (_, { items }) => {
        const names = new Set<unknown>();
        for (const { key } of items) {
          const name = yaml.isScalar(key) ? key.value : key;
          if (names.has(name)) fail(`${JSON.stringify(name)} is there twice in one map`);
          names.add(name);
        }
      },
    });
    return json ? value : (document.toJS({ maxAliasCount: 100 }) as unknown);
  } catch (error) {
    if (error instanceof CtxsrcError) throw error;
    return fail((error as Error).message.split('\n')[0]!);
  }
}
