import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../src/registry/response-reader.ts';

interface Read {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly done: boolean;
  readonly reusable: boolean;
}

/** Reads an answer that comes in pieces of `step` bytes, and then the end of the connection if `closes`. */
function read(text: string, step: number, { method = 'GET', closes = false } = {}): Read {
  let body = '';
  const reader = new ResponseReader(method, (bytes) => {
    body += bytes.toString('latin1');
  });
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  if (closes) reader.end();
  const { head, done, reusable } = reader;
  return { status: head?.status, headers: { ...head?.headers }, body, done, reusable };
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

describe.each([1, 2, 3, 7, 64, 1 << 20])('an answer in pieces of %i bytes', (step) => {
  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', true],
    ['no reason phrase', 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok', 'ok', true],
    ['a length of 0', 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', '', true],
    ['chunks', `${CHUNKED}5\r\nhello\r\nB;name=value\r\n and \r\nmore\r\n0\r\n\r\n`, 'hello and \r\nmore', true],
    ['chunks and a trailer', `${CHUNKED}1\r\nx\r\n0\r\nDigest: y\r\n\r\n`, 'x', true],
    ['no body by its status', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n', '', true],
    ['a connection that ends', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx', 'x', false],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx', 'x', false],
    ['HTTP/1.0, kept', 'HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx', 'x', true],
    ['more than asked for', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK', 'x', false],
  ])('with %s', (_name, text, body, reusable) => {
    expect(read(text, step)).toMatchObject({ body, done: true, reusable });
  });

  it('with an announcement in front', () => {
    const text = 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\nx';
    expect(read(text, step)).toEqual({
      status: 201,
      headers: { 'content-length': '1' },
      body: 'x',
      done: true,
      reusable: true,
    });
  });

  it('whose body ends with the connection', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nall of it';
    expect(read(text, step)).toMatchObject({ body: 'all of it', done: false });
    expect(read(text, step, { closes: true })).toMatchObject({ body: 'all of it', done: true, reusable: false });
  });

  it('to HEAD', () => {
    expect(read('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', step, { method: 'HEAD' })).toMatchObject({
      body: '',
      done: true,
      reusable: true,
    });
  });

  it('with headers that come twice, in any case, with blanks and bytes', () => {
    const head = 'HTTP/1.1 200 OK\r\nWWW-Authenticate: Basic\r\nX-Empty:\r\nwww-authenticate:\t Bearer x="\xe4" \r\n';
    expect(read(`${head}content-length: 0\r\n\r\n`, step).headers).toEqual({
      'www-authenticate': ['Basic', 'Bearer x="\xe4"'],
      'x-empty': '',
      'content-length': '0',
    });
  });

  it('named as a part of every object', () => {
    const { headers } = read('HTTP/1.1 200 OK\r\n__proto__: x\r\nconstructor: y\r\ncontent-length: 0\r\n\r\n', step);
    expect(Object.entries(headers)).toContainEqual(['constructor', 'y']);
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });

  it.each([
    ['something else', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n'],
    ['a header that goes on in the next line', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n'],
    ['a header with a blank before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello'],
    ['a header with a NUL', 'HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n'],
    ['a header with a bare newline', 'HTTP/1.1 200 OK\r\na: b\ncontent-length: 3\r\n\r\nabc'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello'],
    ['a length and chunks', `${CHUNKED.trimEnd()}\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
    ['another coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n'],
    ['a chunk without a size', `${CHUNKED}\r\n`],
    ['a chunk of negative size', `${CHUNKED}-1\r\n`],
    ['a chunk of a size beyond all', `${CHUNKED}ffffffffffffffff\r\n`],
    ['a chunk longer than it says', `${CHUNKED}1\r\nxy\r\n0\r\n\r\n`],
  ])('with %s is refused', (_name, text) => {
    expect(() => read(text, step)).toThrow(expect.objectContaining({ code: 'CTXSRC_NOT_HTTP' }));
  });

  it.each([
    ['its head', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['its body', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell'],
    ['its chunks', `${CHUNKED}5\r\nhello\r\n`],
    ['its trailer', `${CHUNKED}0\r\na: b\r\n`],
  ])('that ends within %s is cut off', (_name, text) => {
    expect(() => read(text, step, { closes: true })).toThrow(expect.objectContaining({ code: 'CTXSRC_CUT_OFF' }));
  });
});

describe('an answer without end', () => {
  it.each([
    ['head', `HTTP/1.1 200 OK\r\na: ${'x'.repeat(20_000)}`],
    ['announcements', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)],
    ['trailer', `${CHUNKED}0\r\n${'a: b\r\n'.repeat(5000)}`],
  ])('(%s) is refused', (_name, text) => {
    expect(() => read(text, 1 << 20)).toThrow(expect.objectContaining({ code: 'CTXSRC_LONG_HEAD' }));
    expect(() => read(text, 100)).toThrow(expect.objectContaining({ code: 'CTXSRC_LONG_HEAD' }));
  });
});
