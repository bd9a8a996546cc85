import { describe, expect, it } from 'vitest';
import {
  formatPlatformAll,
  type Host,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from '../../src/core/platform.ts';
import { platformMatcher } from '../../src/core/platform-match.ts';
import { countCases, vectors } from './vectors.ts';

interface Expectation {
  readonly error?: string;
  readonly parsed: Platform;
  readonly normalized: Platform;
  readonly format: string;
  readonly formatAll: string;
  readonly onlyMatchesInPreferenceOrder: readonly string[];
}

/** Without version and features. */
const short = ({ os, architecture, variant }: Platform): string => formatPlatformAll({ os, architecture, variant });

const HOST: Host = { os: 'linux', architecture: 'amd64' };
const file = vectors<string, Expectation, { candidates: readonly string[] }>('platforms');
const candidates = file.common.candidates.map((text) => {
  const [os = '', architecture = '', variant] = text.split('/');
  return { text, platform: { os, architecture, variant } };
});

describe('platforms.json', () => {
  const counted = countCases(file);

  it.each(file.cases)('$name', ({ input, expect: wanted }) => {
    counted();
    if (wanted.error !== undefined) {
      expect(() => parsePlatform(input, HOST)).toThrow(expect.objectContaining({ code: 'E_PLATFORM_INVALID' }));
      return;
    }
    const parsed = parsePlatform(input, HOST);
    const normalized = normalizePlatform(parsed, HOST);
    const matcher = platformMatcher(parsed, HOST);
    const matching = candidates
      .filter(({ platform }) => matcher.matches(platform))
      .sort((a, b) => matcher.compare(a.platform, b.platform));
    expect({
      parsed,
      normalized,
      format: short(normalized),
      formatAll: formatPlatformAll(normalized),
      onlyMatchesInPreferenceOrder: matching.map(({ text }) => text),
    }).toEqual(wanted);
  });
});
