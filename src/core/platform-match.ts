/** Which platforms satisfy a request, and in which order of preference: containerd's `Only`. */
import { HOST, type Host, normalizePlatform, type Platform } from './platform.ts';

/** Says how well a candidate fits. */
export interface PlatformMatcher {
  matches(candidate: Platform): boolean;
  /** Negative when `a` is preferred to `b`, 0 when neither is. Use it with a stable sort. */
  compare(a: Platform, b: Platform): number;
}

/** Minor versions by major, in order of preference, whose programs run on the given arm64 variant. */
function arm64Versions(variant: string): readonly (readonly [major: number, minor: number])[] | undefined {
  const version = /^v([89])(?:\.([0-9]))?$/.exec(variant || 'v8');
  if (version === null) return undefined;
  const major = Number(version[1]);
  const minor = Number(version[2] ?? 0);
  if (major === 8) return [[8, minor]];
  // v9.0 is based on v8.5, v9.1 on v8.6, and so on up to v8.9, the last version of v8.
  return minor > 7
    ? undefined
    : [
        [9, minor],
        [8, Math.min(minor + 5, 9)],
      ];
}

/** Variants from `from` down to `to`, as `v7`. */
function variantsDown(from: number, to: number): string[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, i) => `v${from - i}`);
}

/** Far above any real processor level; it bounds the cost of a hostile or mistyped variant. */
const MAX_LEVEL = 1000;

function numericVariant(variant: string): number | undefined {
  const digits = /^v?\+?0*([0-9]{1,4})$/.exec(variant)?.[1];
  return digits === undefined || Number(digits) > MAX_LEVEL ? undefined : Number(digits);
}

/** The platforms to try, best first. */
function preferences(requested: Platform): readonly Platform[] {
  const { architecture, variant = '' } = requested;
  const arm = (armVariant: string): Platform[] => {
    const level = numericVariant(armVariant);
    const lower = level === undefined || level <= 5 ? [] : variantsDown(level - 1, 5);
    return [armVariant, ...lower].map((v) => ({ ...requested, architecture: 'arm', variant: v }));
  };
  switch (architecture) {
    case 'amd64': {
      const level = numericVariant(variant);
      const lower = level === undefined || level <= 1 ? [] : variantsDown(level - 1, 1);
      return [
        requested,
        ...lower.map((v) => ({ ...requested, variant: v })),
        { ...requested, architecture: '386', variant: undefined },
      ];
    }
    case 'arm':
      return arm(variant);
    case 'arm64': {
      const versions = arm64Versions(variant);
      if (versions === undefined) return [];
      const own = versions.flatMap(([major, minor]) =>
        Array.from({ length: minor + 1 }, (_, i) => {
          const m = minor - i;
          return { ...requested, variant: m === 0 ? `v${major}` : `v${major}.${m}` };
        }),
      );
      return [...own, ...arm('v8')];
    }
    default:
      return [requested];
  }
}

interface WindowsVersion {
  readonly majorMinor: string;
  readonly build: number;
}

/** Undefined for an unusable version: fewer than three parts, or parts that are not numbers in range. */
function windowsVersion(version: string | undefined): WindowsVersion | undefined {
  const parts = /^([0-9]+)\.([0-9]+)\.([0-9]+)(?:\.|$)/.exec(version ?? '');
  if (parts === null) return undefined;
  const [major, minor, build] = parts.slice(1).map(Number) as [number, number, number];
  if (major > 0xff || minor > 0xff || build > 0xffff || (major === 0 && minor === 0 && build === 0)) return undefined;
  return { majorMinor: `${major}.${minor}`, build };
}

/** Builds of Windows whose containers run on all later hosts. */
const WINDOWS_STABLE_BUILDS = [20348, 26100] as const;

function windowsVersionMatches(requested: string | undefined, candidate: string | undefined): boolean {
  const host = windowsVersion(requested);
  if (host === undefined || !candidate) return true;
  const container = windowsVersion(candidate);
  if (container === undefined || container.majorMinor !== host.majorMinor) return false;
  if (host.build < WINDOWS_STABLE_BUILDS[0]) return host.build === container.build;
  const base = WINDOWS_STABLE_BUILDS.findLast((build) => build < host.build) ?? WINDOWS_STABLE_BUILDS[0];
  return container.build >= base && container.build <= host.build;
}

function simpleMatch(wanted: Platform, candidate: Platform): boolean {
  if (wanted.os !== candidate.os || wanted.architecture !== candidate.architecture) return false;
  if ((wanted.variant ?? '') !== (candidate.variant ?? '')) return false;
  if (wanted.os === 'windows' && !windowsVersionMatches(wanted['os.version'], candidate['os.version'])) return false;
  const had = new Set(wanted['os.features']);
  return (candidate['os.features'] ?? []).every((feature) => had.has(feature));
}

/**
 * `win32k` is a feature that Windows images once had to name and that is no longer required. It is removed once only: a
 * second mention counts.
 */
function withoutWin32k(candidate: Platform): Platform {
  const features = [...(candidate['os.features'] ?? [])];
  const at = features.indexOf('win32k');
  return at < 0 ? candidate : { ...candidate, 'os.features': features.toSpliced(at, 1) };
}

/** The matcher for a requested platform, which is normalised first. */
export function platformMatcher(requested: Platform, host: Host = HOST): PlatformMatcher {
  const wanted = preferences(normalizePlatform(requested, host)).map((entry) => normalizePlatform(entry, host));
  const isWindows = wanted[0]?.os === 'windows';
  const rank = (candidate: Platform): number => {
    const normalized = normalizePlatform(isWindows ? withoutWin32k(candidate) : candidate, host);
    const index = wanted.findIndex((entry) => simpleMatch(entry, normalized));
    return index < 0 ? wanted.length : index;
  };
  return {
    matches: (candidate) => rank(candidate) < wanted.length,
    compare: (a, b) => {
      const better = rank(a) - rank(b);
      if (better !== 0 || rank(a) === wanted.length) return better;
      return (b['os.features']?.length ?? 0) - (a['os.features']?.length ?? 0);
    },
  };
}
