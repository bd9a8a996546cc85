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
  // A run of a second or two does not get back what V8 takes to optimise so much code: it shall wait eight times as long.
  // Later versions have other rules for it, and no such flag.
  if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');
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
