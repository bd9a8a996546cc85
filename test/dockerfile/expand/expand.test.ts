import { describe, expect, it } from 'vitest';
import { expand, expandDocument, expandToWords } from '../../../src/dockerfile/expand/expand.ts';

const VARIABLES: Readonly<Record<string, string>> = {
  a: 'value',
  empty: '',
  path: '/usr/local/bin',
  name: 'file.tar.gz',
  dots: 'a*b.c*d',
  two: 'one two',
  lines: 'a\nb',
  self: '$0$0',
  é_1: 'letters',
};
const lookup = (name: string) => VARIABLES[name];

describe('a word', () => {
  it.each([
    ['$a', 'value'],
    ['${a}', 'value'],
    ['x$a.y', 'xvalue.y'],
    ['$A', ''],
    ['$unset', ''],
    ['$', '$'],
    ['a$', 'a$'],
    ['$.x', '$.x'],
    ['$1x', 'x'],
    ['$12', ''],
    ['$@$#$$', ''],
    ['$!a', 'a'],
    ['$0a', 'a'],
    ['\\$a', '$a'],
    ['\\\\', '\\'],
    ['a\\', 'a'],
    ["'$a'", '$a'],
    ['"$a"', 'value'],
    ['"a\\"b\\$a\\\\c\\d"', 'a"b$a\\c\\d'],
    ["a' 'b", 'a b'],
    ['$two', 'one two'],
    ['$é_1.', 'letters.'],
    ['\ufeffx', 'x'],
    ['a<<b', 'a<<b'],
  ])('%s is %s', (word, want) => {
    expect(expand(word, lookup, '\\')).toBe(want);
  });

  it.each([
    ['${unset:-d}', 'd'],
    ['alpine:${unset:-3.20}', 'alpine:3.20'],
    ['${unset-d}', 'd'],
    ['${empty:-d}', 'd'],
    ['${empty-d}', ''],
    ['${a:-d}', 'value'],
    ['${a:+d}', 'd'],
    ['${empty:+d}', ''],
    ['${empty+d}', 'd'],
    ['${unset+d}', ''],
    ['${a:?m}', 'value'],
    ['${empty?m}', ''],
    ['${unset:-$a}', 'value'],
    ['${unset:-${empty:-${a}}}', 'value'],
    ['${unset:-"a } b"}', 'a } b'],
    ['${unset:-\\}}', '}'],
    ['${-:-x}', 'x'],
    ['${/a/b}', ''],
  ])('a default or a check: %s is %s', (word, want) => {
    expect(expand(word, lookup, '\\')).toBe(want);
  });

  it.each([
    ['${name#*.}', 'tar.gz'],
    ['${name##*.}', 'gz'],
    ['${name%.*}', 'file.tar'],
    ['${name%%.*}', 'file'],
    ['${name#?}', 'ile.tar.gz'],
    ['${name#x}', 'file.tar.gz'],
    ['${name%z$unset}', 'file.tar.g'],
    ['${dots#a\\*}', 'b.c*d'],
    ['${dots%\\*d}', 'a*b.c'],
    ['${path##*/}', 'bin'],
    ['${path%/*}', '/usr/local'],
    ['${path/\\/usr/x}', 'x/local/bin'],
    ['${path//\\//_}', '_usr_local_bin'],
    ['${path/l*l/X}', '/usr/X/bin'],
    ['${name/./}', 'filetar.gz'],
    ['${a//?/ab}', 'ababababab'],
    ['${a/[a]/x}', 'value'],
    ['${lines#*b}', 'a\nb'],
    ['${lines##*}', '\nb'],
    ['${a//l/$self}', 'vallue'],
    ['${a//x*/y}', 'value'],
    ['${unset/a/b}', ''],
  ])('a pattern: %s is %s', (word, want) => {
    expect(expand(word, lookup, '\\')).toBe(want);
  });

  it.each([
    ['${}', 'names no variable'],
    ['${:x}', 'names no variable'],
    ['${{a}}', 'names no variable'],
    ['${a', 'closing }'],
    ['${a:-b', 'closing }'],
    ['${a/b', 'closing /'],
    ['${a:x}', 'no form'],
    ['${a:#x}', 'no form'],
    ['${a^}', 'no form'],
    ['${a#\\x}', 'invalid pattern'],
    ['${unset?}', 'unset is not set'],
    ['${empty:?}', 'empty is empty'],
    ['${unset:?set $a}', 'unset: set value'],
    ['"a', 'closing "'],
    ["'a", "closing '"],
  ])('%s is a fault: %s', (word, message) => {
    expect(() => expand(word, lookup, '\\')).toThrow(message);
  });

  it('is escaped by the character that the file chose', () => {
    expect(expand('`$a\\$a', lookup, '`')).toBe('$a\\value');
    expect(expand('"`$a`x"', lookup, '`')).toBe('$a`x');
  });
});

describe('words of EXPOSE', () => {
  it('are split where blanks came out, quoted ones aside', () => {
    expect(expandToWords('$two "a b" \'c d\'e', lookup, '\\')).toEqual(['one', 'two', 'a b', 'c de']);
    expect(expandToWords('""', lookup, '\\')).toEqual([]);
  });
});

describe('a here-document', () => {
  it('has no quotes, and \\ escapes in it', () => {
    expect(expandDocument("\"$a\" '$a'\n\\$a \\n it's\n", lookup)).toBe("\"value\" 'value'\n$a n it's\n");
  });
});

describe('hostile words', () => {
  it('take no exponential time', () => {
    const long = 'a'.repeat(30_000);
    const stars = '*a'.repeat(400);
    const begin = performance.now();
    expect(expand(`\${x##${stars}b}`, () => long.slice(0, 5000), '\\')).toHaveLength(5000);
    expect(expand('${x//a*b/y}', () => long, '\\')).toBe(long);
    expect(() => expand(`\${x/${stars}b/}`, () => long, '\\')).toThrow('takes too long');
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('exhaust neither the stack nor the memory', () => {
    expect(() => expand('${a:-'.repeat(20_000), lookup, '\\')).toThrow('nested');
    expect(() => expand('$x'.repeat(200), () => 'a'.repeat(100_000), '\\')).toThrow('longer than 16 MiB');
    expect(() => expand('${x//a/$x}', () => 'a'.repeat(5000), '\\')).toThrow('longer than 16 MiB');
  });
});
