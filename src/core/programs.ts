/**
 * Finds the programs of the system. A relative entry of PATH (`.` or an empty one) means the current directory, which
 * may be a stranger's checkout. Such entries are ignored, and removed from the PATH of the programs that are started.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Variables } from './home.ts';

/** The search path of shells when PATH is not set. */
const USUAL_PATH = ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/** PATH without its relative entries, for child processes that look for programs themselves. */
export function programPath(env: Variables): string {
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
export function findProgram(name: string, env: Variables): string | undefined {
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
  readonly env: Variables;
  readonly cwd?: string | undefined;
  /** Run it in a process group of its own, which can be ended as a whole. */
  readonly detached?: boolean | undefined;
}

/**
 * Starts a program without a shell. Throws the system's error when it cannot be started. (When too many files are open,
 * Node returns a child without streams or with streams that end, and reports the error later.)
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
