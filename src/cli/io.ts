/** Where a run of the command line reads and writes. */
import { fstatSync, writeSync } from 'node:fs';

export interface Io {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /**
   * Writes to stdout and waits until the text is handed over; a reader that went away is no error.
   * @throws CtxsrcError `E_DISK_FULL`, `E_IO`
   */
  print(text: string): Promise<void>;
  /** Whether stderr may be a terminal: false for a pipe and a file. */
  mayShow(): boolean;
}

/** The process's own. A stream is made when it is first used: each costs a start several milliseconds. */
export class ProcessIo implements Io {
  readonly env = process.env;
  readonly cwd = process.cwd();
  #stdout: NodeJS.WriteStream | undefined;
  #stderr: NodeJS.WriteStream | undefined;

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

  /** Resolves when all that was written has been handed over, or never can be. */
  async flush(): Promise<void> {
    await Promise.all([this.#stdout, this.#stderr].map((stream) => stream && flushed(stream)));
  }
}

/**
 * Whoever writes an answer is told what becomes of it; talk that nobody can hear (a full disk, a terminal that is gone) is
 * no reason to fail.
 */
function tolerant(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return stream.on('error', () => undefined);
}

/**
 * Writes to stdout without a stream.
 * @returns what is left for the stream: it can wait for a slow reader, and says what is wrong
 */
function writeDirectly(text: string): Uint8Array {
  let rest: Uint8Array = Buffer.from(text);
  // The consoles of Windows take no UTF-8.
  if (process.platform === 'win32') return rest;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
  } catch {
    // The stream meets the same.
  }
  return rest;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
