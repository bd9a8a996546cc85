import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes } from '../../src/contract/index.ts';
import { source } from '../../src/source/http/source.ts';
import { newEnv, newJob, newStore } from '../support/source-env.ts';
import { expectKey, type SimpleInput, type SimpleKeys, vectors } from './vectors.ts';

interface Input extends SimpleInput {
  readonly response: { body: string; headers: Record<string, string> | null; status: number };
}

const file = vectors<Input, SimpleKeys>('http-keys');

/** BuildKit's attributes as ctxsrc's. Headers that BuildKit does not pass on are not passed on here. */
function attributesOf(attrs: SimpleInput['attrs']): Attributes {
  const result: Record<string, Attributes[string]> = {};
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (name.startsWith('http.header.')) result.header = [`${name.slice('http.header.'.length)}: ${value}`];
    else result[name.replace(/^http\./, '')] = value;
  }
  return result;
}

describe('BuildKit vectors: http-keys', () => {
  let server: Server;
  let origin: string;
  let answer: Input['response'];

  beforeAll(async () => {
    server = createServer((_request, response) => {
      response.writeHead(answer.status, { 'Content-Type': 'application/octet-stream', ...answer.headers });
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('holds as many cases as it says', () => {
    expect(file.cases).toHaveLength(file.count);
    expect(file.count).toBe(23);
  });

  it.each(file.cases)('$name', async ({ input, expect: want }) => {
    // Signatures of detached files are no part of this program: the attribute is unknown to it.
    if (input.attrs?.['http.sig.pubkey'] !== undefined) {
      expect(source.attributes.some(({ name }) => name.startsWith('sig'))).toBe(false);
      return;
    }
    answer = input.response;
    const rest = input.identifier.slice('http://'.length).replace('127.0.0.1:18556', origin);
    const identify = () => source.identify({ scheme: 'http', rest, text: `http://${rest}` }, attributesOf(input.attrs));
    if (want.identifierError !== undefined) {
      expect(identify).toThrow();
      return;
    }
    const id = identify();
    expect(String(id).replace(origin, '127.0.0.1:18556')).toBe(want.identifierString);
    const instance = source.resolve(id, newEnv(await newStore()));
    expect(want.keys).not.toHaveLength(0);
    for (const wanted of want.keys ?? []) {
      if (wanted.key === undefined) {
        await expect(instance.cacheKey(newJob(), wanted.index)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
        continue;
      }
      const got = await instance.cacheKey(newJob(), wanted.index);
      expect(got.preimage).toBe(wanted.keyPreimage);
      expectKey(got, wanted);
    }
  });
});
