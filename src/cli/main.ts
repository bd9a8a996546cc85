/** The entry of the command line. `--version` is answered here, without loading anything else. */
import { VERSION } from '../core/version.ts';
import { ProcessIo } from './io.ts';

/** Runs the command line and ends the process with the exit code of the command. */
export async function main(argv: readonly string[]): Promise<void> {
  const io = new ProcessIo();
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    await io.print(`${VERSION}\n`).catch(async (error: unknown) => {
      const { asCtxsrcError, writeError } = await import('./output.ts');
      const failure = asCtxsrcError(error);
      await writeError(io, failure, { json: false, debug: false });
      process.exitCode = failure.exit;
    });
    return;
  }
  const { runProgram } = await import('./program.ts');
  const code = await runProgram(argv, io);
  // Everything is closed, but a library's background compilation would keep the process alive for half a second. Output
  // that a slow reader has not consumed yet must not be lost.
  await io.flush();
  process.exit(code);
}
