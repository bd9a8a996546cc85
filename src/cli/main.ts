/** The entry of the command line. What needs no command is answered here, without loading anything else. */
import { setFlagsFromString } from 'node:v8';
import { VERSION } from '../core/version.ts';
import { processIo } from './io.ts';

/** Runs the command line on the process and ends it with the exit code of the command. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  // undici reads HTTP with WebAssembly. V8 would optimise that after the first answer, for 200 ms that a short run then
  // waits for at its end; with this budget only a long one does.
  setFlagsFromString('--wasm-tiering-budget=1000000000');
  const { runProgram } = await import('./program.ts');
  const code = await runProgram(argv, processIo());
  // Everything is closed, but a compilation that a library has begun in the background would keep the process for half a
  // second more. Leaving must not cut off what a slow reader has not taken yet.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

/** Resolves when all that was written before has been handed over, or never can be. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
