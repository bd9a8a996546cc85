import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as go from '../../../src/core/go/json-decode.ts';

const shape = go.struct({
  name: go.text,
  size: go.int64,
  flag: go.bool,
  parts: go.list(go.text),
  inner: go.struct({ a: go.text, b: go.int64 }),
  other: go.pointer(go.struct({ a: go.text, b: go.text })),
  labels: go.map(go.text),
  items: go.list(go.struct({ a: go.text, b: go.text })),
  raw: go.presence,
  when: go.time,
  data: go.base64,
});

function decode(json: string | Uint8Array) {
  return go.decodeGoJson(typeof json === 'string' ? Buffer.from(json) : json, shape, (problem) => new Error(problem));
}

/** Any Unicode text; fast-check's own takes seconds to set up. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }).filter((code) => code < 0xd800 || code > 0xdfff))
  .map((codes) => String.fromCodePoint(...codes));

describe('decodeGoJson', () => {
  it('matches names exactly or without regard to case, in the order of the document', () => {
    expect(decode('{"NAME":"x"}').name).toBe('x');
    expect(decode('{"name":"x","Name":"y"}').name).toBe('y');
    expect(decode('{"Name":"y","name":"x"}').name).toBe('x');
    expect(decode('{"\u017fize":3,"\u212a":1}').size).toBe(3);
  });

  it('takes the last of scalars given twice and merges objects and maps', () => {
    expect(decode('{"size":1,"size":2}').size).toBe(2);
    expect(decode('{"inner":{"a":"x","b":1},"inner":{"b":2}}').inner).toEqual({ a: 'x', b: 2 });
    expect(decode('{"other":{"a":"x"},"OTHER":{"b":"y"}}').other).toEqual({ a: 'x', b: 'y' });
    expect([...decode('{"labels":{"a":"1"},"labels":{"b":"2","a":"3"}}').labels]).toEqual([
      ['a', '3'],
      ['b', '2'],
    ]);
  });

  it('decodes a list given twice into the elements of the first', () => {
    const twice = '{"items":[{"a":"1","b":"2"},{"a":"3"}],"items":[{"a":"x"}]';
    expect(decode(`${twice}}`).items).toEqual([{ a: 'x', b: '2' }]);
    expect(decode(`${twice},"items":[{},{"b":"y"},{}]}`).items).toEqual([
      { a: 'x', b: '2' },
      { a: '3', b: 'y' },
      { a: '', b: '' },
    ]);
    expect(decode(`${twice},"items":[],"items":[{},{}]}`).items).toEqual([
      { a: '', b: '' },
      { a: '', b: '' },
    ]);
  });

  it('leaves what null is given for, empties lists, maps and pointers', () => {
    const value = decode(
      '{"name":"x","name":null,"size":null,"flag":true,"flag":null,"parts":["a"],"parts":null,"other":{"a":"x"},"other":null,"labels":{"a":"x"},"labels":null,"inner":{"a":"k"},"inner":null}',
    );
    expect(value).toMatchObject({
      name: 'x',
      size: 0,
      flag: true,
      parts: [],
      other: undefined,
      inner: { a: 'k', b: 0 },
    });
    expect(value.labels.size).toBe(0);
    expect(decode('{"parts":[null,"b"]}').parts).toEqual(['', 'b']);
    expect(decode('null')).toEqual(shape.zero);
  });

  it('sees that a raw member is there, even as null', () => {
    expect(decode('{"raw":null}').raw).toBe(true);
    expect(decode('{}').raw).toBe(false);
  });

  it('replaces invalid UTF-8 byte by byte, and lone surrogates', () => {
    expect(decode(Buffer.from('{"name":"a\xff\xe2\x82b"}', 'latin1')).name).toBe('a\ufffd\ufffd\ufffdb');
    expect(decode('{"name":"\\ud800\\u0041\\ud83d\\ude00\\udc00"}').name).toBe('\ufffdA\u{1f600}\ufffd');
  });

  it.each([
    ['{"name":1}', 'name: expected a string, found the number 1'],
    ['{"inner":{"b":"1"}}', 'inner.b: expected an integer, found a string'],
    ['{"parts":["a",2]}', 'parts[1]: expected a string'],
    ['{"size":1.0}', 'size: expected an integer'],
    ['{"size":1e3}', 'size: expected an integer'],
    ['{"size":9223372036854775808}', 'size: expected a 64-bit integer'],
    ['{"flag":"true"}', 'flag: expected a boolean'],
    ['{"labels":[]}', 'labels: expected an object, found an array'],
    ['{"items":{}}', 'items: expected an array, found an object'],
    ['{"other":"x"}', 'other: expected an object, found a string'],
    ['{"when":"yesterday"}', 'when: expected an RFC 3339 time'],
    ['{"when":"2023-02-30T00:00:00Z"}', 'when: expected a day that exists'],
    ['{"data":"a"}', 'data: expected base64'],
    ['[]', 'the document: expected an object, found an array'],
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a', 'unexpected end of JSON input'],
    ['{"a\\', 'unexpected end of JSON input'],
    ['{} x', 'after the document'],
    ['{}{}', 'after the document'],
    ['\ufeff{}', 'where a value should begin'],
    ['{"a":01}', 'after an object member'],
    ['{"a":+1}', 'where a value should begin'],
    ['{"a":.5}', 'where a value should begin'],
    ['{"a":1,}', 'where a member name should begin'],
    ['{"a" 1}', 'after a member name'],
    ["{'a':1}", 'where a member name should begin'],
    ['[1,]', 'where a value should begin'],
    ['[1 2]', 'after an array element'],
    ['nul', 'where a value should begin'],
    ['truex', 'after the document'],
    ['{"a":"\u0001"}', 'in a string'],
    ['{"a":"\\x"}', 'invalid escape'],
    ['{"a":"\\u12g4"}', 'invalid escape'],
    ['{"a":NaN}', 'where a value should begin'],
  ])('refuses %j', (json, problem) => {
    expect(() => decode(json)).toThrow(problem);
  });

  it('stops at the depth where Go stops', () => {
    const nested = (depth: number) => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(decode(nested(9_999)).name).toBe('');
    expect(() => decode(nested(10_000))).toThrow('exceeded max depth');
    expect(() => decode('['.repeat(1_000_000))).toThrow('exceeded max depth');
  });

  it('accepts what JSON.parse accepts, and nothing else', () => {
    const any = go.struct({});
    const accepts = (json: string): boolean => {
      try {
        go.decodeGoJson(Buffer.from(`{"x":${json}}`), any, (problem) => new Error(problem));
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return false;
      }
    };
    const parses = (json: string): boolean => {
      try {
        JSON.parse(`{"x":${json}}`);
        return true;
      } catch {
        return false;
      }
    };
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '\\', '}', ']', '0', '-', 'e', '\u0000', ' ', '{'))
      .map(([json, at, insert]) => {
        const index = at % (json.length + 1);
        return json.slice(0, index) + insert + json.slice(index + (at % 2));
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), broken), (json) => {
        expect(accepts(json)).toBe(parses(json));
      }),
      {
        numRuns: 1000,
      },
    );
  });

  it('reads text and lists as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.record({ name: anyText, parts: fc.array(fc.string()) }), (value) => {
        expect(decode(JSON.stringify(value))).toMatchObject(value);
      }),
    );
  });
});
