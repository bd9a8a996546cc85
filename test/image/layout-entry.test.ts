import { describe, expect, it } from 'vitest';
import { chooseEntry, layoutCandidates, REF_NAME } from '../../src/image/layout-entry.ts';
import type { Descriptor } from '../../src/oci/types.ts';

function entry(hex: string, tag?: string): Descriptor {
  return {
    mediaType: 'x',
    digest: `sha256:${hex.repeat(64)}`,
    size: 1,
    ...(tag === undefined ? {} : { annotations: { [REF_NAME]: tag } }),
  };
}

const choose = (entries: readonly Descriptor[], tag?: string) => chooseEntry(entries, tag, 'the layout').digest[7];

describe('chooseEntry', () => {
  it('takes the exact tag', () => {
    const entries = [entry('a', 'v1.0'), entry('b', 'v1'), entry('c', 'docker.io/library/x:v1')];
    expect(choose(entries, 'v1')).toBe('b');
    expect(choose(entries, 'docker.io/library/x:v1')).toBe('c');
  });

  it('takes latest when nothing is asked for, else the only image', () => {
    expect(choose([entry('a', 'v1'), entry('b', 'latest')])).toBe('b');
    expect(choose([entry('a', 'v1')])).toBe('a');
    expect(choose([entry('a')])).toBe('a');
    expect(choose([entry('a', 'v1'), entry('a', 'v2'), entry('a')])).toBe('a');
  });

  it('accepts a tag twice on the same image, and refuses it on two', () => {
    expect(choose([entry('a', 't'), entry('a', 't')], 't')).toBe('a');
    const twice = [entry('a', 't'), entry('b', 't'), entry('c', 'u')];
    expect(() => choose(twice, 't')).toThrow(
      expect.objectContaining({
        code: 'E_TAG_AMBIGUOUS',
        exit: 2,
        details: { candidates: [`@${twice[0]!.digest}`, `@${twice[1]!.digest}`] },
      }),
    );
    const latest = [entry('a', 'latest'), entry('b', 'latest')];
    expect(() => choose(latest)).toThrow(expect.objectContaining({ code: 'E_TAG_AMBIGUOUS' }));
  });

  it('lists the candidates when it cannot decide', () => {
    const entries = [entry('a', 'v1'), entry('b')];
    const candidates = ['v1', `@${entries[1]!.digest}`];
    expect(layoutCandidates(entries)).toEqual(candidates);
    expect(() => choose(entries)).toThrow(
      expect.objectContaining({ code: 'E_TAG_AMBIGUOUS', details: { candidates } }),
    );
    expect(() => choose(entries, 'v')).toThrow(
      expect.objectContaining({ code: 'E_TAG_NOT_FOUND', exit: 3, details: { candidates } }),
    );
    expect(() => choose([])).toThrow(expect.objectContaining({ code: 'E_NOT_FOUND', exit: 3 }));
  });

  it('refuses an entry whose digest is none', () => {
    const bad = { ...entry('a'), digest: 'sha256:../../etc/passwd' } as Descriptor;
    expect(() => choose([bad])).toThrow(expect.objectContaining({ code: 'E_LAYOUT_INVALID', exit: 5 }));
  });
});
