import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseIgnoreFile } from '../../src/fs/match/ignore-file.ts';

interface Case {
  readonly name: string;
  readonly input: { readonly file_b64: string };
  readonly expect: { readonly patterns?: readonly string[]; readonly error?: string };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/ignorefile.json', import.meta.url), 'utf8')) as {
  count: number;
  cases: Case[];
};

describe(`ignorefile.json, ${vectors.count} cases`, () => {
  test('the file is complete', () => expect(vectors.cases).toHaveLength(vectors.count));

  test.each(vectors.cases.map((item, index) => ({ ...item, title: `${index}: ${item.name.slice(0, 60)}` })))(
    '$title',
    ({ input, expect: expected }) => {
      const parse = () => parseIgnoreFile(Buffer.from(input.file_b64, 'base64'), '.dockerignore');
      if (expected.error !== undefined) expect(parse).toThrow(expected.error);
      else expect(parse().map(({ pattern }) => pattern)).toEqual(expected.patterns);
    },
  );
});
