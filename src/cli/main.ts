/** The entry of the command line. What needs no command is answered here, without loading anything else. */
import { VERSION } from '../core/version.ts';
import { processIo } from './io.ts';

/** Runs the command line on the process and sets its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  const { runProgram } = await import('./program.ts');
  process.exitCode = await runProgram(argv, processIo());
}
