import { describe, expect, it } from 'vitest';
import type { HttpResponse } from '../../../src/http/client.ts';
import { nextLocation, withDigest } from '../../../src/registry/push/target.ts';

const subject = { host: 'registry.example', kind: 'upload', what: 'layer sha256:1' } as const;

function answer(location: string, from = 'https://registry.example/v2/a/blobs/uploads/'): HttpResponse {
  return {
    status: 202,
    headers: { location },
    url: new URL(from),
    zone: 'public',
    body: none(),
    discard() {},
  } as never;
}

async function* none(): AsyncGenerator<Uint8Array> {}

describe('where an upload goes on', () => {
  it.each([
    ['/v2/a/blobs/uploads/id?_state=a%2Fb%3D', 'https://registry.example/v2/a/blobs/uploads/id?_state=a%2Fb%3D'],
    ['id', 'https://registry.example/v2/a/blobs/uploads/id'],
    ['https://registry.example:443/opaque', 'https://registry.example/opaque'],
    ['//storage.example/x', 'https://storage.example/x'],
  ])('%s', (location, expected) => {
    expect(nextLocation(answer(location), subject)?.href).toBe(expected);
  });

  it('never from https to http', () => {
    for (const location of ['http://registry.example/v2/a/blobs/uploads/id', 'http://storage.example/x']) {
      expect(() => nextLocation(answer(location), subject)).toThrow(
        expect.objectContaining({ code: 'E_UNSAFE', message: expect.stringContaining('unprotected') }),
      );
    }
    expect(nextLocation(answer('http://registry.example/x', 'http://registry.example/'), subject)).toBeDefined();
  });

  it('is a URL', () => {
    expect(() => nextLocation(answer('ftp://registry.example/x'), subject)).toThrow(/is no URL/);
  });

  it('keeps its query, and ends with the digest', () => {
    const digest = `sha256:${'0'.repeat(64)}` as const;
    const ending = `digest=sha256%3A${'0'.repeat(64)}`;
    expect(withDigest(new URL('https://h/x?_state=a%2Fb%3D'), digest).href).toBe(
      `https://h/x?_state=a%2Fb%3D&${ending}`,
    );
    expect(withDigest(new URL('https://h/x'), digest).href).toBe(`https://h/x?${ending}`);
  });
});
