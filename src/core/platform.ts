/**
 * Platforms as containerd reads, normalises and prints them (its package `platforms`). Which platforms satisfy which
 * request is in `platform-match.ts`.
 */
import { CtxsrcError } from './errors.ts';
import { joinPath } from './go/path.ts';
import { compareUtf8 } from './go/text.ts';

/** The `platform` object of the image-spec (image-index.md), under its names there. Absent and empty are the same. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
}

/** Operating system and architecture that complete a request which names only one of them. */
export interface Host {
  readonly os: string;
  readonly architecture: string;
}

const NODE_OS: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' };
const NODE_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle', ppc64: 'ppc64le' };

/** The machine this runs on, in Go's names. */
export const HOST: Host = {
  os: NODE_OS[process.platform] ?? process.platform,
  architecture: NODE_ARCH[process.arch] ?? process.arch,
};

/**
 * The platform of references that name none, and whether somebody asked for it: `DOCKER_DEFAULT_PLATFORM`, else `linux/`
 * and this machine's architecture, for contexts are Linux trees whatever the host.
 */
export function defaultPlatform(env: { readonly DOCKER_DEFAULT_PLATFORM?: string | undefined }): {
  readonly platform: string;
  readonly asked: boolean;
} {
  const asked = env.DOCKER_DEFAULT_PLATFORM;
  return asked ? { platform: asked, asked: true } : { platform: `linux/${HOST.architecture}`, asked: false };
}

const KNOWN_OS = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
);
const KNOWN_ARCH = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 ' +
    'mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
);

function normalizeOs(os: string, host: Host): string {
  const lower = os.toLowerCase();
  return lower === '' ? host.os : lower === 'macos' ? 'darwin' : lower;
}

function normalizeArch(architecture: string, variant: string): { architecture: string; variant: string } {
  const arch = architecture.toLowerCase();
  const given = variant.toLowerCase();
  switch (arch) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: given === 'v1' ? '' : given };
    case 'aarch64':
    case 'arm64':
      if (given === '8' || given === 'v8' || given === 'v8.0') return { architecture: 'arm64', variant: '' };
      if (given === '9' || given === '9.0' || given === 'v9.0') return { architecture: 'arm64', variant: 'v9' };
      return { architecture: 'arm64', variant: given };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      if (given === '' || given === '7') return { architecture: 'arm', variant: 'v7' };
      return { architecture: 'arm', variant: /^[568]$/.test(given) ? `v${given}` : given };
    default:
      return { architecture: arch, variant: given };
  }
}

function platform(
  os: string,
  architecture: string,
  variant: string | undefined,
  version: string | undefined,
  features: readonly string[] | undefined,
): Platform {
  return {
    architecture,
    os,
    ...(variant ? { variant } : {}),
    ...(version ? { 'os.version': version } : {}),
    ...(features?.length ? { 'os.features': features } : {}),
  };
}

/** The canonical spelling of a platform: aliases resolved, features sorted and without repeats, an absent OS the host's. */
export function normalizePlatform(given: Platform, host: Host = HOST): Platform {
  const { architecture, variant } = normalizeArch(given.architecture, given.variant ?? '');
  const features = [...new Set(given['os.features'])].sort(compareUtf8);
  return platform(normalizeOs(given.os, host), architecture, variant, given['os.version'], features);
}

const OS_PART = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;
const OTHER_PART = /^[A-Za-z0-9_.-]+$/;

function invalid(specifier: string, why: string): CtxsrcError {
  return new CtxsrcError('E_PLATFORM_INVALID', `platform ${JSON.stringify(specifier)} is not valid: ${why}`, {
    hint: 'write os/architecture[/variant], for instance linux/arm64 or linux/arm/v7',
  });
}

/**
 * Reads `os[(version[+feature…])]`, `arch`, `os/arch` or `os/arch/variant`. What is left out comes from the host.
 * @throws E_PLATFORM_INVALID
 */
export function parsePlatform(specifier: string, host: Host = HOST): Platform {
  if (specifier.includes('*')) throw invalid(specifier, 'wildcards are not supported');
  const parts = specifier.split('/');
  const [first, second, third] = parts as [string, ...string[]];
  const option = OS_PART.exec(first);
  if (option === null) throw invalid(specifier, `${JSON.stringify(first)} is no operating system`);
  for (const part of parts.slice(1)) {
    if (!OTHER_PART.test(part)) throw invalid(specifier, `${JSON.stringify(part)} is no name`);
  }
  if (parts.length > 3) throw invalid(specifier, 'it has more than three parts');
  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch (cause) {
      throw Object.assign(invalid(specifier, `${JSON.stringify(text)} is not percent-encoded correctly`), { cause });
    }
  };
  const os = normalizeOs(option[1]!, host);
  const version = decoded(option[2] ?? '');
  const features = option[3] ? option[3].slice(1).split('+').map(decoded) : [];

  if (second === undefined) {
    if (KNOWN_OS.has(os)) return platform(os, host.architecture, undefined, version, features);
    const named = normalizeArch(first, '');
    if (!KNOWN_ARCH.has(named.architecture)) throw invalid(specifier, 'unknown operating system or architecture');
    return platform(host.os, named.architecture, impliedVariant(named), version, features);
  }
  const named = normalizeArch(second, third ?? '');
  if (third === undefined) return platform(os, named.architecture, impliedVariant(named), version, features);
  const variant = named.architecture === 'arm64' && named.variant === '' ? 'v8' : named.variant;
  return platform(os, named.architecture, variant, version, features);
}

/** The usual variant of an architecture is left out unless it was given. */
function impliedVariant(named: { architecture: string; variant: string }): string {
  return named.architecture === 'arm' && named.variant === 'v7' ? '' : named.variant;
}

function escapeOption(option: string): string {
  return option.replace(/[%+()/]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `os[(version[+feature…])]/arch[/variant]`: everything, in the form that `parsePlatform` reads. */
export function formatPlatformAll(given: Platform): string {
  if (given.os === '') return 'unknown';
  const features = [...new Set(given['os.features'])].filter((feature) => feature !== '').sort(compareUtf8);
  const options = [escapeOption(given['os.version'] ?? ''), ...features.map(escapeOption)].join('+');
  return joinPath(options === '' ? given.os : `${given.os}(${options})`, given.architecture, given.variant ?? '');
}
