/** The platforms of a build, as buildx reads them. */
import { formatPlatformAll, HOST, normalizePlatform, parsePlatform } from '../../core/platform.ts';
import type { Environment } from './line.ts';

/**
 * The target platforms, normalised, each once: of `--platform` (several with commas), else of DOCKER_DEFAULT_PLATFORM.
 * Empty when nobody asked for one: a build is then for the platform of the builder.
 */
export function readTargetPlatforms(given: readonly string[], env: Environment): string[] {
  const asked = given.length > 0 || !env.DOCKER_DEFAULT_PLATFORM ? given : [env.DOCKER_DEFAULT_PLATFORM];
  return [...new Set(asked.flatMap((text) => text.split(',')).map(normalised))];
}

/** The platform of the machine that builds: a Linux of this machine's architecture unless it is named. */
export function readBuildPlatform(given: string | undefined): string {
  return normalised(given ?? `linux/${HOST.architecture}`);
}

function normalised(text: string): string {
  const name = text.toLowerCase() === 'local' ? `linux/${HOST.architecture}` : text;
  return formatPlatformAll(normalizePlatform(parsePlatform(name)));
}
