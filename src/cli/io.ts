/** Where a run of the command line reads and writes. */
import { fstatSync, writeSync } from 'node:fs';
import type { Variables } from '../core/home.ts';

export interface Io {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Variables;
  readonly cwd: string;
  /**
   * Writes to stdout and waits until the text is passed on; a closed reader is no error.
   * @throws CtxsrcError `E_DISK_FULL`, `E_IO`
   */
  print(text: string): Promise<void>;
  /** True if stderr may be a terminal: false for a pipe or a file. */
  mayShow(): boolean;
}

/** The screen is read to its user (`ACCESSIBLE=1`): no bars, and nothing that is painted over. */
export const isReadAloud = ({ ACCESSIBLE = '0' }: Variables): boolean => !/^0?$/.test(ACCESSIBLE);

/** The streams of the process. Each is made at first use, because it costs several milliseconds of the start. */
export class ProcessIo implements Io {
  readonly env = process.env;
  #stdout: NodeJS.WriteStream | undefined;
  #stderr: NodeJS.WriteStream | undefined;

  /** Asked for when it is needed: a directory that was removed has none. */
  get cwd(): string {
    return process.cwd();
  }

  get stdout(): NodeJS.WriteStream {
    this.#stdout ??= tolerant(process.stdout);
    return this.#stdout;
  }

  get stderr(): NodeJS.WriteStream {
    this.#stderr ??= tolerant(process.stderr);
    return this.#stderr;
  }

  async print(text: string): Promise<void> {
    const rest = this.#stdout === undefined ? writeDirectly(text) : text;
    if (rest.length === 0) return;
    const { write } = await import('./output.ts');
    await write(this.stdout, rest);
  }

  mayShow(): boolean {
    try {
      return fstatSync(2).isCharacterDevice();
    } catch {
      return false;
    }
  }

  /** Resolves when everything written was passed on, or cannot be. */
  async flush(): Promise<void> {
    await Promise.all([this.#stdout, this.#stderr].map((stream) => stream && flushed(stream)));
  }
}

/**
 * Errors of the answer are reported by its writer; messages that cannot be written (a full disk, a closed terminal) are
 * no failure.
 */
function tolerant(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return stream.on('error', () => undefined);
}

/**
 * Writes to stdout without a stream.
 * @returns the rest for the stream, which can wait for a slow reader and reports errors
 */
function writeDirectly(text: string): Uint8Array {
  let rest: Uint8Array = Buffer.from(text);
  // The consoles of Windows do not accept UTF-8.
  if (process.platform === 'win32') return rest;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
  } catch {
    // The stream gets the same error.
  }
  return rest;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
