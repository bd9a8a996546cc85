/** One thing in which two builds differ, and how a person reads it. */

/** What differs between two builds. */
export type DifferenceKind =
  | 'instruction'
  | 'stage'
  | 'file'
  | 'ignore file'
  | 'image'
  | 'built target'
  | 'git source'
  | 'download'
  | 'build argument'
  | 'flag'
  | 'target'
  | 'platform'
  | 'front end'
  | 'step'
  | 'configuration'
  | 'document';

/** One thing in which two builds differ. */
export interface BuildDifference {
  /** It is there on both sides, on the second alone, on the first alone. */
  readonly mark: '~' | '+' | '-';
  /** What it is. */
  readonly kind: DifferenceKind;
  /** What differs: `Dockerfile:7 RUN`, `main.go`, `--build-arg VERSION`. */
  readonly subject: string;
  /** In which way, or which part of it. */
  readonly what?: string;
  /** Digests, modes, names: what can hold no secret. */
  readonly from?: string;
  /** The same of the second build. */
  readonly to?: string;
}

/** Without the mark. */
export function differenceText({ subject, what, from, to }: BuildDifference): string {
  if (from === undefined || to === undefined) return what === undefined ? subject : `${subject}, ${what}`;
  return [subject, ...(what === undefined ? [] : [what]), from, '→', to].join(' ');
}

/**
 * What is on both sides, on the first alone and on the second alone, by an identity; the first of an identity with the
 * first, and so on.
 */
export function paired<T>(
  a: readonly T[],
  b: readonly T[],
  identity: (one: T) => string,
): { readonly both: (readonly [T, T])[]; readonly gone: T[]; readonly added: T[] } {
  const before = numbered(a, identity);
  const both: (readonly [T, T])[] = [];
  const added: T[] = [];
  for (const [name, one] of numbered(b, identity)) {
    const earlier = before.get(name);
    if (earlier === undefined) added.push(one);
    else both.push([earlier, one]);
    before.delete(name);
  }
  return { both, gone: [...before.values()], added };
}

function numbered<T>(list: readonly T[], identity: (one: T) => string): Map<string, T> {
  const counts = new Map<string, number>();
  return new Map(
    list.map((one) => {
      const name = identity(one);
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      return [`${count} ${name}`, one];
    }),
  );
}
