import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { goText } from '../../src/core/go/text.ts';
import { solverDigest } from '../../src/core/solver-digest.ts';
import { definitionKey } from '../../src/source/local/definition.ts';

type AttributeText = string | { readonly b64: string };

interface Case {
  readonly name: string;
  readonly input: {
    readonly identifier: string;
    readonly attrs: Readonly<Record<string, AttributeText>>;
    readonly jobSessionIDs: readonly string[] | null;
  };
  readonly expect: {
    readonly identifierError?: string;
    readonly identifierString?: string;
    readonly keysError?: string;
    readonly keys?: readonly {
      readonly index: number;
      readonly key?: string;
      readonly pin?: string;
      readonly solverCacheMapDigest?: string;
      readonly keyPreimage?: string;
      readonly error?: string;
    }[];
  };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/local-keys.json', import.meta.url), 'utf8')) as {
  count: number;
  cases: Case[];
};

/** A list as BuildKit's attributes carry it: JSON text; null when the attribute is absent. */
function list(attrs: Case['input']['attrs'], name: string): (string | Uint8Array)[] | null {
  const value = attrs[name];
  if (value === undefined) return null;
  const text = typeof value === 'string' ? value : goText(Buffer.from(value.b64, 'base64'));
  const parsed: unknown = JSON.parse(text);
  if (parsed === null) return null;
  if (!Array.isArray(parsed)) throw new TypeError('not a list');
  return parsed.map((item: unknown) => {
    if (item !== null && typeof item !== 'string') throw new TypeError('not a text');
    return item ?? '';
  });
}

/** What a client gives to the local source, from the attributes of the vector. */
function definitionOf({ identifier, attrs, jobSessionIDs }: Case['input']) {
  const [scheme, name] = identifier.split('://');
  if (scheme !== 'local') throw new Error(`unknown scheme ${scheme}`);
  const transfer = String(attrs['local.metadatatransfer'] ?? 'false');
  if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(transfer)) throw new TypeError('not a bool');
  const exceptions = (list(attrs, 'local.metadatatransferexclude') ?? []).map(String);
  return {
    name: name!,
    session: String(attrs['local.session'] ?? '') || (jobSessionIDs?.[0] ?? ''),
    include: list(attrs, 'local.includepattern'),
    exclude: list(attrs, 'local.excludepatterns'),
    follow: list(attrs, 'local.followpaths'),
    metadata: /^[1tT]/.test(transfer) ? { exceptions } : undefined,
  };
}

describe(`local-keys.json, ${vectors.count} cases`, () => {
  test('the file is complete', () => expect(vectors.cases).toHaveLength(vectors.count));

  test.each(vectors.cases)('$name', ({ input, expect: expected }) => {
    if (expected.identifierError !== undefined) {
      expect(() => definitionOf(input)).toThrow();
      return;
    }
    const definition = definitionOf(input);
    for (const wanted of expected.keys ?? []) {
      if (wanted.error !== undefined) {
        expect(definition.session).toBe('');
        continue;
      }
      const { key, pin, preimage } = definitionKey(definition);
      expect({ key, pin, preimage }).toEqual({ key: wanted.key, pin: wanted.pin, preimage: wanted.keyPreimage });
      expect(solverDigest(key)).toBe(wanted.solverCacheMapDigest);
    }
  });
});
