/**
 * Where the programs of the system are found. A relative entry of PATH (`.`, an empty one) would mean the directory that
 * the user happens to be in, which may be a stranger's checkout: such entries do not count, for this process and for
 * what it starts.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

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

/** A running program whose three streams are pipes. */
export type Program = ChildProcessByStdio<Writable, Readable, Readable>;

export interface StartOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string | undefined;
  /** In a process group of its own, which can be ended as one. */
  readonly detached?: boolean | undefined;
}

/**
 * Starts a program, without a shell. Throws what the system says of one that cannot be started: Node gives a child
 * without streams then (too many open files), or with streams that end.
 */
export async function startProgram(path: string, args: readonly string[], options: StartOptions): Promise<Program> {
  const child = spawn(path, args, {
    ...options,
    env: { ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
  if (child.pid === undefined) {
    const [error] = await once(child, 'error');
    throw error;
  }
  return child;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
