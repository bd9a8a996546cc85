import { describe, expect, it } from 'vitest';
import { formatContainerdReference, parseContainerdReference } from '../../src/oci/containerd-reference.ts';
import {
  familiarReference,
  formatReference,
  nameOf,
  parseImageReference,
  parseNormalizedReference,
  withDefaultTag,
} from '../../src/oci/reference.ts';
import { countCases, vectors } from './vectors.ts';

interface Spec {
  readonly error?: string;
  readonly hostname?: string;
  readonly locator?: string;
  readonly object?: string;
  readonly digest?: string;
  readonly string?: string;
}

interface Expectation {
  readonly containerdSpecOfInput: Spec;
  readonly containerdSpecOfTagNameOnly?: Spec;
  readonly named?: {
    readonly domain: string;
    readonly path: string;
    readonly familiar: string;
    readonly string: string;
    readonly tag?: string;
    readonly digest?: string;
    readonly tagNameOnly: string;
  };
  readonly parse?: { readonly name: string; readonly string: string; readonly digest?: string };
  readonly parseError?: string;
  readonly parseNormalizedNamedError?: string;
  readonly 'docker-imageIdentifier'?: string;
  readonly 'docker-imageIdentifierError'?: string;
  readonly 'oci-layoutIdentifier'?: string;
  readonly 'oci-layoutIdentifierError'?: string;
}

const refused = expect.objectContaining({ code: 'E_REFERENCE', exit: 2 });

function specOf(text: string): Spec {
  const reference = parseContainerdReference(text);
  const { locator, object } = reference;
  return {
    hostname: locator.split('/')[0]!,
    locator,
    object,
    digest: object.includes('@') ? object.slice(object.indexOf('@') + 1) : '',
    string: formatContainerdReference(reference),
  };
}

const file = vectors<string, Expectation>('references');

describe('references.json', () => {
  const counted = countCases(file);

  it.each(file.cases)('$name', ({ input, expect: wanted }) => {
    counted();
    if (wanted.containerdSpecOfInput.error === undefined) {
      expect(specOf(input)).toEqual(wanted.containerdSpecOfInput);
    } else {
      expect(() => specOf(input)).toThrow(refused);
    }

    for (const scheme of ['docker-image', 'oci-layout'] as const) {
      const identifier = wanted[`${scheme}Identifier`];
      const accepted = wanted.containerdSpecOfInput.error === undefined && specOf(input).object !== '';
      expect(accepted, wanted[`${scheme}IdentifierError`]).toBe(identifier !== undefined);
      if (accepted) expect(`${scheme}://${specOf(input).string}`).toBe(identifier);
    }

    if (wanted.parse === undefined) {
      expect(() => parseImageReference(input), wanted.parseError).toThrow(refused);
    } else {
      const { digest } = parseImageReference(input);
      const string = formatReference(parseImageReference(input));
      expect({ name: nameOf(parseImageReference(input)), string, ...(digest ? { digest } : {}) }).toEqual(wanted.parse);
    }

    if (wanted.named === undefined) {
      expect(() => parseNormalizedReference(input), wanted.parseNormalizedNamedError).toThrow(refused);
      return;
    }
    const named = parseNormalizedReference(input);
    const tagged = formatReference(withDefaultTag(named));
    expect({
      domain: named.domain,
      path: named.path,
      familiar: familiarReference(named),
      string: formatReference(named),
      tagNameOnly: tagged,
      tag: withDefaultTag(named).tag,
      digest: named.digest,
    }).toEqual({ tag: undefined, digest: undefined, ...wanted.named });
    expect(specOf(tagged)).toEqual(wanted.containerdSpecOfTagNameOnly);
  });
});
