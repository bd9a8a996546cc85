import { describe, expect, it } from 'vitest';
import { detectMediaType } from '../../src/oci/decode.ts';
import { countCases, vectors } from './vectors.ts';

const file = vectors<string, { readonly mediaType?: string; readonly error?: string }>('mediatype');

describe('mediatype.json', () => {
  const counted = countCases(file);

  it.each(file.cases)('$name', ({ input, expect: wanted }) => {
    counted();
    const detect = () => detectMediaType(Buffer.from(input), 'the document');
    if (wanted.mediaType === undefined) {
      expect(detect, wanted.error).toThrow(expect.objectContaining({ code: 'E_MANIFEST_INVALID', exit: 5 }));
    } else {
      expect(detect()).toBe(wanted.mediaType);
    }
  });
});
