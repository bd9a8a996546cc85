import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPlatformAll, normalizePlatform, type Platform, parsePlatform } from '../../src/core/platform.ts';
import { platformMatcher } from '../../src/core/platform-match.ts';

const HOST = { os: 'linux', architecture: 'amd64' };
const windows = (version: string): Platform => ({ os: 'windows', architecture: 'amd64', 'os.version': version });

describe('parsePlatform', () => {
  it.each([
    ['linux/i386/x', { os: 'linux', architecture: '386' }],
    ['armel', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['macos', { os: 'darwin', architecture: 'amd64' }],
    ['Linux/AARCH64', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm/8', { os: 'linux', architecture: 'arm', variant: 'v8' }],
    ['linux/arm/seven', { os: 'linux', architecture: 'arm', variant: 'seven' }],
    [
      'windows(10.0+a+b%2B)/amd64',
      { os: 'windows', architecture: 'amd64', 'os.version': '10.0', 'os.features': ['a', 'b+'] },
    ],
  ])('reads %s', (text, platform) => {
    expect(parsePlatform(text, HOST)).toEqual(platform);
  });

  it.each([
    '',
    '/',
    'linux/amd64/v1/x',
    'lin ux/amd64',
    'linux/am d64',
    'nonsense',
    'linux(%zz)/amd64',
    'linux(%ff)/amd64',
    'linux/../x/y',
  ])('refuses %j', (text) => {
    expect(() => parsePlatform(text, HOST)).toThrow(expect.objectContaining({ code: 'E_PLATFORM_INVALID', exit: 2 }));
  });

  it('reads back what formatPlatformAll writes', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,6}$/);
    const option = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(...'aZ0.%+()/_-') });
    const platforms = fc.record(
      { os: word, architecture: word, variant: word, 'os.version': option, 'os.features': fc.array(option) },
      { requiredKeys: ['os', 'architecture'] },
    );
    fc.assert(
      fc.property(platforms, (given) => {
        const platform = normalizePlatform(given, HOST);
        const text = formatPlatformAll(platform);
        expect(normalizePlatform(parsePlatform(text, HOST), HOST)).toEqual(platform);
        const { os, architecture, variant } = platform;
        expect(text.replace(/\(.*\)/, '')).toBe(formatPlatformAll({ os, architecture, variant }));
      }),
    );
  });
});

describe('normalizePlatform', () => {
  it('is idempotent', () => {
    const text = fc.constantFrom(
      '',
      'v1',
      'V8',
      '8',
      'v8.0',
      '9.0',
      'arm',
      'ARMHF',
      'aarch64',
      'x86-64',
      'i386',
      'macOS',
      'Linux',
    );
    fc.assert(
      fc.property(fc.record({ os: text, architecture: text, variant: text }), (given) => {
        const once = normalizePlatform(given, HOST);
        expect(normalizePlatform(once, HOST)).toEqual(once);
      }),
    );
  });

  it('sorts features by bytes and drops repeats', () => {
    const platform = { ...HOST, 'os.features': ['\u{1f600}', '\uffee', 'b', 'a', 'b'] };
    expect(normalizePlatform(platform)['os.features']).toEqual(['a', 'b', '\uffee', '\u{1f600}']);
  });
});

describe('platformMatcher', () => {
  const order = (requested: string, candidates: readonly string[]): string[] => {
    const matcher = platformMatcher(parsePlatform(requested, HOST), HOST);
    return candidates
      .map((text) => ({ text, platform: parsePlatform(text, HOST) }))
      .filter(({ platform }) => matcher.matches(platform))
      .sort((a, b) => matcher.compare(a.platform, b.platform))
      .map(({ text }) => text);
  };

  it.each([
    [
      'linux/arm64/v9.7',
      ['linux/arm64/v8.9', 'linux/arm64/v9.6', 'linux/arm/v7'],
      ['linux/arm64/v9.6', 'linux/arm64/v8.9', 'linux/arm/v7'],
    ],
    ['linux/arm64/v9.8', ['linux/arm64', 'linux/arm/v7', 'linux/arm64/v9.8'], []],
    ['linux/arm64/v8.10', ['linux/arm64', 'linux/arm64/v8.10'], []],
    ['linux/arm/v5', ['linux/arm/v6', 'linux/arm/v5'], ['linux/arm/v5']],
    ['linux/arm/v99999', ['linux/arm/v7', 'linux/arm/v99999'], ['linux/arm/v99999']],
    ['linux/amd64/vx', ['linux/amd64', 'linux/386'], ['linux/386']],
    ['linux/386', ['linux/amd64', 'linux/386'], ['linux/386']],
  ])('%s of %j takes %j', (requested, candidates, expected) => {
    expect(order(requested, candidates)).toEqual(expected);
  });

  it.each([
    ['10.0.17763.1', '10.0.17763.999', true],
    ['10.0.17763', '10.0.17134', false],
    ['10.0.20348', '10.0.17763', false],
    ['10.0.20348', '10.0.20348.5', true],
    ['10.0.22000', '10.0.20348', true],
    ['10.0.26100', '10.0.20348', true],
    ['10.0.26200', '10.0.20348', false],
    ['10.0.26200', '10.0.26100', true],
    ['10.0.26100', '10.0.26200', false],
    ['10.1.26100', '10.0.26100', false],
    ['10.0', '1.2.3', true],
    ['x.y.z', '10.0.1', true],
    ['10.0.99999', '10.0.1', true],
    ['10.0.20348', '', true],
    ['10.0.20348', 'nonsense', false],
  ])('windows %s runs %s: %s', (requested, candidate, matches) => {
    expect(platformMatcher(windows(requested)).matches(windows(candidate))).toBe(matches);
  });

  it('ignores versions of other systems', () => {
    const linux = (version: string) => ({ ...HOST, 'os.version': version });
    // Two that no Windows would take for each other.
    expect(platformMatcher(linux('10.0.20348')).matches(linux('10.0.17763'))).toBe(true);
  });

  it('wants the features of a candidate to be asked for, but for win32k on windows', () => {
    const featured = (os: string, ...features: string[]) => ({ os, architecture: 'amd64', 'os.features': features });
    expect(platformMatcher(featured('linux', 'a', 'b')).matches(featured('linux', 'b'))).toBe(true);
    expect(platformMatcher(featured('linux', 'a')).matches(featured('linux', 'a', 'b'))).toBe(false);
    expect(platformMatcher(featured('linux')).matches(featured('linux', 'win32k'))).toBe(false);
    expect(platformMatcher(featured('windows')).matches(featured('windows', 'win32k'))).toBe(true);
    const matcher = platformMatcher(featured('linux', 'a', 'b'));
    expect(matcher.compare(featured('linux', 'a'), featured('linux', 'a', 'b'))).toBeGreaterThan(0);
  });
});
