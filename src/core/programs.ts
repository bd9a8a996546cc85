/**
 * Where the programs of the system are found. A relative entry of PATH (`.`, an empty one) would mean the directory that
 * the user happens to be in, which may be a stranger's checkout: such entries do not count, for this process and for
 * what it starts.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** What shells take when nothing is said. */
const USUAL_PATH = ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/** PATH without its relative entries, for programs that look for others themselves. */
export function programPath(env: Environment): string {
  const path = env.PATH ?? env.Path ?? USUAL_PATH;
  return path
    .split(delimiter)
    .filter((entry) => isAbsolute(entry))
    .join(delimiter);
}

/**
 * Absolute path of a program; undefined when no absolute entry of PATH has it.
 * @param name a bare name, without a separator
 */
export function findProgram(name: string, env: Environment): string | undefined {
  const endings = process.platform === 'win32' ? ['.exe', '.com', ''] : [''];
  for (const directory of programPath(env).split(delimiter)) {
    for (const ending of endings) {
      const path = join(directory, name + ending);
      if (directory !== '' && isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
