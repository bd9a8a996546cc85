import { describe, expect, it } from 'vitest';
import { parseCount, parseDuration, parsePair, parseSize } from '../../src/cli/values.ts';
import { formatBytes, formatDuration } from '../../src/core/format.ts';

describe('flag values', () => {
  it.each([
    ['30', 30_000],
    ['0.5', 500],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['7d', 604_800_000],
  ])('duration %s', (text, ms) => expect(parseDuration('--x', text)).toBe(ms));

  it.each(['', 'm', '5 m', '-5s', '1h30', '5y'])('no duration: %j', (text) => {
    expect(() => parseDuration('--max-wait', text)).toThrow(/--max-wait/);
  });

  it.each([
    ['0', 0],
    ['500MB', 500_000_000],
    ['2GiB', 2 * 1024 ** 3],
    ['1.5k', 1536],
    ['10 b', 10],
  ])('size %s', (text, bytes) => expect(parseSize('--x', text)).toBe(bytes));

  it.each(['', 'x', '-1', '1zb', '99999999999TB'])('no size: %j', (text) => {
    expect(() => parseSize('--max-bytes', text)).toThrow(/--max-bytes/);
  });

  it('counts and pairs', () => {
    expect(parseCount('--retry', '0', 0)).toBe(0);
    expect(() => parseCount('--parallel', '0', 1)).toThrow(/--parallel/);
    expect(() => parseCount('--retry', '1e3', 0)).toThrow(/--retry/);
    expect(parsePair('--with', 'A=b=c')).toEqual(['A', 'b=c']);
    expect(() => parsePair('--with', '=b')).toThrow(/--with/);
  });
});

describe('numbers for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [61_200_000, '61.2 MB'],
    [172_000_000, '172 MB'],
    [999_600, '1.0 MB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [400, '0.4s'],
    [12_300, '12s'],
    [185_000, '3m05s'],
  ])('%d ms', (ms, text) => expect(formatDuration(ms)).toBe(text));
});
