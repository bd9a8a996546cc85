import { describe, expect, it } from 'vitest';
import { bytesOfText } from '../../../src/fs/byte-string.ts';
import { dispositionFilename } from '../../../src/source/http/content-disposition.ts';
import { canonicalHeaderName, httpFilename, NO_FACTS } from '../../../src/source/http/key.ts';
import { parseHttpTime } from '../../../src/source/http/last-modified.ts';
import { readShape, safeFileName } from '../../../src/source/single-file.ts';

describe('dispositionFilename', () => {
  it.each<[string, string | undefined]>([
    ['attachment; filename="a b.txt"', 'a b.txt'],
    ['attachment; filename=plain.txt', 'plain.txt'],
    ['inline;FILENAME=x ; size=3', 'x'],
    ['attachment; filename="a\\"b"', 'a"b'],
    ['attachment; filename="C:\\dev\\f.txt"', 'C:\\dev\\f.txt'],
    ["attachment; filename=a; filename*=UTF-8''na%C3%AFve", bytesOfText('naïve')],
    ["attachment; filename*=iso-8859-1''x", undefined],
    ["attachment; filename*=UTF-8''%zz", undefined],
    ['attachment; filename*0=a; filename*1="b c"; filename*2=d', 'ab cd'],
    ["attachment; filename*0*=UTF-8''a%20; filename*1=b; filename*2*=%63", 'a bc'],
    ['attachment; filename=a b', undefined],
    ['attachment; filename="a', undefined],
    ['attachment; filename=a; filename=b', undefined],
    ['attachment; filename=a; filename=a', 'a'],
    ['attachment; filename=a;', 'a'],
    ['attachment; =a', undefined],
    ['; filename=a', undefined],
    ['attachment', undefined],
    ['', undefined],
  ])('%s', (header, want) => expect(dispositionFilename(header)).toBe(want));
});

describe('parseHttpTime', () => {
  it.each<[string, string | undefined, number?]>([
    ['Wed, 21 Oct 2015 07:28:00 GMT', 'Wed, 21 Oct 2015 07:28:00 GMT', 1445412480],
    ['mon, 21 oct 2015 7:28:00 GMT', 'Wed, 21 Oct 2015 07:28:00 GMT', 1445412480],
    ['Wed, 21 Oct 2015 07:28:00.5 GMT', 'Wed, 21 Oct 2015 07:28:00 GMT', 1445412480],
    ['Wednesday, 21-Oct-15 07:28:00 GMT', 'Wed, 21 Oct 2015 07:28:00 GMT', 1445412480],
    ['Wednesday, 21-Oct-15 07:28:00 CEST', 'Wed, 21 Oct 2015 07:28:00 GMT', 1445412480],
    ['Wednesday, 21-Oct-15 07:28:00 GMT+2', 'Wed, 21 Oct 2015 07:28:00 GMT', 1445405280],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT', 784111777],
    ['Sun Nov  6 08:49:37 1994', 'Sun, 06 Nov 1994 08:49:37 GMT', 784111777],
    ['Sun Nov 06 08:49:37 1994', 'Sun, 06 Nov 1994 08:49:37 GMT', 784111777],
    ['Wed, 21 Oct 2015 07:28:00 CEST', undefined],
    ['Wed, 21 Oct 2015 07:28:00 +0000', undefined],
    ['Wed, 1 Oct 2015 07:28:00 GMT', undefined],
    ['Wed, 31 Feb 2015 07:28:00 GMT', undefined],
    ['Wed, 21 Oct 2015 24:28:00 GMT', undefined],
    ['Xyz, 21 Oct 2015 07:28:00 GMT', undefined],
    ['Wednesday, 21-Oct-15 07:28:00 Zone', undefined],
    ['2015-10-21T07:28:00Z', undefined],
    ['', undefined],
  ])('%s', (header, text, seconds) => {
    expect(parseHttpTime(header)).toEqual(text === undefined ? undefined : { text, seconds });
  });
});

describe('names of files', () => {
  it.each([
    ['a.txt', 'a.txt'],
    ['  a b  ', 'a b'],
    ['a/b/', 'b'],
    ['/etc/passwd', 'passwd'],
    ['../..', 'download'],
    ['.', 'download'],
    ['', 'download'],
    [' / ', 'download'],
    ['a\u0001', 'download'],
    [bytesOfText('a\u0085b'), 'download'],
    [bytesOfText('\u00a0ü\u3000'), bytesOfText('ü')],
    ['\xff', '\xff'],
    ['a\\b', 'a\\b'],
  ])('%j is %j', (name, want) => expect(safeFileName(name)).toBe(want));

  it('comes from the attribute, then the header, then the path', () => {
    const facts = { ...NO_FACTS, contentDisposition: 'attachment; filename="x/y"' };
    expect(httpFilename('/p/q', 'a/b', facts)).toBe('b');
    expect(httpFilename('/p/q', undefined, facts)).toBe('y');
    expect(httpFilename('/p/q', undefined, { ...facts, contentDisposition: 'attachment; filename="x/"' })).toBe('q');
    expect(httpFilename('/p/ q ', undefined, NO_FACTS)).toBe('q');
    expect(httpFilename('/', undefined, NO_FACTS)).toBe('download');
  });
});

describe('readShape', () => {
  it.each([
    ['0644', 0o644],
    ['0o755', 0o755],
    ['0O7', 7],
    ['0x1F', 31],
    ['0b101', 5],
    ['1_000', 1000],
    ['0_7', 7],
    ['+5', 5],
    ['-5', -5],
    ['0', 0],
    ['', 0],
  ])('%s is %i', (text, want) => expect(readShape({ perm: text }).perm).toBe(want));

  it.each(['08', '1__0', '_1', '1_', '0x', 'a', ' 1', '1.5', '9999999999999999999'])('%j is refused', (text) => {
    expect(() => readShape({ uid: text })).toThrow(/--uid is no number/);
  });
});

describe('canonicalHeaderName', () => {
  it.each([
    ['accept', 'Accept'],
    ['USER-AGENT', 'User-Agent'],
    ['x-y', 'X-Y'],
  ])('%s is %s', (name, want) => expect(canonicalHeaderName(name)).toBe(want));
});
