/** Cases made up at random, and what Go makes of them: the code that BuildKit is built from is right. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { formatPlatformAll, normalizePlatform, type Platform, parsePlatform } from '../../src/core/platform.ts';
import { platformMatcher } from '../../src/core/platform-match.ts';
import { entryHeader, hexDigest } from '../../src/fs/entry/header.ts';
import { parseIgnoreFile } from '../../src/fs/match/ignore-file.ts';
import { PatternMatcher } from '../../src/fs/match/patterns.ts';
import { Wildcard } from '../../src/fs/match/wildcard.ts';
import { parseContainerdReference } from '../../src/oci/containerd-reference.ts';
import { decodeConfig, decodeIndex, decodeManifest } from '../../src/oci/decode.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import {
  familiarReference,
  formatReference,
  parseNormalizedReference,
  withDefaultTag,
} from '../../src/oci/reference.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { checksum } from '../support/checksum.ts';
import { ContentTree } from '../support/content-tree.ts';

function load<T>(name: string): { readonly made: string; readonly cases: readonly T[] } {
  return JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8'));
}

/** 1 or 0, or E when the pattern is refused. */
function answer(decide: () => boolean): string {
  try {
    return decide() ? '1' : '0';
  } catch (error) {
    if (error instanceof CtxsrcError && error.code === 'E_PATTERN') return 'E';
    throw error;
  }
}

function fromTheTop(matcher: PatternMatcher, path: string): boolean {
  let parent: Uint8Array | undefined;
  let matched = false;
  for (const [i] of path.split('/').entries()) {
    const vector = new Uint8Array(matcher.patterns.length);
    matched = matcher.matchesBelow(
      path
        .split('/')
        .slice(0, i + 1)
        .join('/'),
      parent,
      vector,
    );
    parent = vector;
  }
  return matched;
}

describe('patterns', () => {
  const { made, cases } = load<[patterns: string[], path: string, result: string]>('patterns');
  test(`${cases.length} as ${made}`, () => {
    for (const [bytes, path, result] of cases) {
      const patterns = bytes.map((pattern) => Buffer.from(pattern, 'latin1').toString());
      const about = JSON.stringify([patterns, path]);
      if (result === 'C') {
        expect(
          answer(() => new PatternMatcher(patterns).hasExceptions),
          about,
        ).toBe('E');
        continue;
      }
      // What an error leaves behind is nobody's business, so that each form has a matcher of its own.
      const [whole, walked, alone] = [0, 1, 2].map(() => new PatternMatcher(patterns)) as [
        PatternMatcher,
        PatternMatcher,
        PatternMatcher,
      ];
      const answers = [
        answer(() => whole.matchesOrParentMatches(path)),
        answer(() => fromTheTop(walked, path)),
        answer(() => alone.matchesBelow(path, undefined, new Uint8Array(alone.patterns.length))),
      ];
      expect(answers.join(''), about).toBe(result);
    }
  });
});

describe('wildcards', () => {
  const { made, cases } = load<[pattern: string, name: string, result: string]>('wildcards');
  test(`${cases.length} as ${made}`, () => {
    for (const [pattern, name, result] of cases) {
      expect(
        answer(() => new Wildcard(pattern).matches(name)),
        JSON.stringify([pattern, name]),
      ).toBe(result);
    }
  });
});

describe('ignore files', () => {
  const { made, cases } = load<[file: string, patterns: string[]]>('ignore-files');
  test(`${cases.length} as ${made}`, () => {
    for (const [file, patterns] of cases) {
      const lines = parseIgnoreFile(Buffer.from(file, 'latin1'), '.dockerignore');
      expect(
        lines.map(({ pattern }) => pattern),
        JSON.stringify(file),
      ).toEqual(patterns);
    }
  });
});

/** What is read, or null when it is refused. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof CtxsrcError) return null;
    throw error;
  }
}

describe('references', () => {
  const { made, cases } = load<[text: string, forms: string[] | null]>('references');
  test.each(cases)(`%j as ${made}`, (text, forms) => {
    const read = orNull(() => parseNormalizedReference(text));
    expect(read && [formatReference(read), formatReference(withDefaultTag(read)), familiarReference(read)]).toEqual(
      forms,
    );
  });
});

describe('containerd references', () => {
  const { made, cases } = load<[text: string, parts: [string, string] | null]>('containerd-references');
  test.each(cases)(`%j as ${made}`, (text, parts) => {
    const read = orNull(() => parseContainerdReference(text));
    expect(read && [read.locator, read.object]).toEqual(parts);
  });
});

const HOST = { os: 'linux', architecture: 'amd64' };

/** Without version and features. */
const short = ({ os, architecture, variant }: Platform): string => formatPlatformAll({ os, architecture, variant });

function platformText(value: Platform): string {
  const { architecture, os, variant = '' } = value;
  return JSON.stringify([architecture, os, value['os.version'] ?? '', value['os.features'] ?? [], variant]);
}

describe('platforms', () => {
  const specifiers = load<[text: string, forms: string[] | null]>('platform-specifiers');
  test.each(specifiers.cases)(`%j as ${specifiers.made}`, (text, forms) => {
    const read = orNull(() => parsePlatform(text, HOST));
    const normal = read && normalizePlatform(read, HOST);
    expect(read && [platformText(read), platformText(normal!), short(read), formatPlatformAll(read)]).toEqual(forms);
  });

  const choices =
    load<[wanted: Platform, offered: (Platform | null)[], matching: string, taken: number]>('platform-choices');
  test(`${choices.cases.length} choices as ${choices.made}`, () => {
    for (const [wanted, offered, matching, taken] of choices.cases) {
      const matcher = platformMatcher(wanted, HOST);
      const flags = offered.map((entry) => (entry === null ? '-' : matcher.matches(entry) ? '1' : '0'));
      expect(flags.join(''), JSON.stringify([wanted, offered])).toBe(matching);
      const kept = offered.flatMap((entry, at) => (flags[at] === '0' ? [] : [{ entry, at }]));
      kept.sort((a, b) => {
        if (a.entry === null || b.entry === null) return Number(a.entry === null) - Number(b.entry === null);
        return matcher.compare(a.entry, b.entry);
      });
      expect(kept[0]?.at ?? -1, JSON.stringify([wanted, offered])).toBe(taken);
    }
  });
});

function platformList(value: Platform | undefined): unknown {
  if (value === undefined) return null;
  return [value.architecture, value.os, value.variant ?? '', value['os.version'] ?? '', value['os.features'] ?? []];
}

function descriptorList(value: Descriptor): unknown[] {
  const { mediaType, digest, size, annotations = {}, artifactType = '', urls = [] } = value;
  return [mediaType, digest, size, platformList(value.platform), sorted(annotations), artifactType, urls];
}

const sorted = (map: Readonly<Record<string, string>>): unknown[] => Object.entries(map).sort();

function readDocument(kind: string, text: string): unknown {
  const bytes = Buffer.from(text);
  if (kind === 'manifest') {
    const { config, layers, annotations } = decodeManifest(bytes, MEDIA_TYPE.ociManifest, kind).value;
    return [descriptorList(config), layers.map(descriptorList), sorted(annotations ?? {})];
  }
  if (kind === 'index') {
    const { manifests, annotations } = decodeIndex(bytes, MEDIA_TYPE.ociIndex, kind).value;
    return [manifests.map(descriptorList), sorted(annotations ?? {})];
  }
  const { platform, rootfs } = decodeConfig(bytes, kind).value;
  return [platformList(platform), rootfs.type, rootfs.diffIds];
}

describe('documents', () => {
  const { made, cases } = load<[kind: string, text: string, content: unknown]>('documents');
  test(`${cases.length} as ${made}`, () => {
    for (const [kind, text, content] of cases)
      expect(
        orNull(() => readDocument(kind, text)),
        text,
      ).toEqual(content);
  });
});

describe('content hash', () => {
  /** BuildKit's contenthash, as in Docker 28.5.2, asked for these paths in an empty directory. */
  test.each([
    ['/', '0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2', {}],
    ['/..', '0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2', { wildcard: true }],
    ['/m/..', '0e5db88383bce812f795689f5318a2b2f4fde740ef31c2a2365a46368aafddd2', { includePatterns: ['*'] }],
    ['', '1a2805521573cb10d73bcd51d16bfa84c8f461d68599740e35484b90b2ab1bab', { wildcard: true }],
  ])('of %j', (path, digest, options) => {
    const root = hexDigest(entryHeader({ type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 }));
    expect(checksum(new ContentTree([], root), path, options)).toBe(`sha256:${digest}`);
  });
});
