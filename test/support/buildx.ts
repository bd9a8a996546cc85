/** docker-buildx, where it is installed: what it prints for a bake or compose file. No daemon is needed for that. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { homeOf } from '../../src/core/home.ts';
import { noteSkip, which } from './needs.ts';

/** The program, where docker finds it; undefined with a loud line. Answers that it gave once are tested with in any case. */
export const buildx: string | undefined = [
  which('docker-buildx'),
  join(homeOf(process.env) ?? '/', '.docker/cli-plugins/docker-buildx'),
  '/usr/libexec/docker/cli-plugins/docker-buildx',
].find((path) => path !== undefined && existsSync(path));
if (buildx === undefined) noteSkip('docker-buildx is not installed');

/** The contexts of all targets that are printed, values by name; null for a file that bake refuses. */
export function bakePrint(cwd: string, ...files: string[]): Record<string, string[]> | null {
  let text: string;
  try {
    text = execFileSync(buildx!, ['bake', ...files.flatMap((file) => ['-f', file]), '--print'], {
      cwd,
      env: { HOME: '/home/user', PATH: process.env.PATH },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return null;
  }
  const { target } = JSON.parse(text) as { target: Record<string, { contexts?: Record<string, string> }> };
  const printed: Record<string, string[]> = {};
  for (const { contexts = {} } of Object.values(target)) {
    for (const [name, value] of Object.entries(contexts))
      printed[name] = [...new Set([...(printed[name] ?? []), value])].sort();
  }
  return printed;
}
