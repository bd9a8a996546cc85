/** Decompression of xz by the system's program: Node has none, and no package for it is kept well enough. */
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { findProgram, programPath, startProgram } from '../../core/programs.ts';
import { RatioGuard } from '../../layer/decompress.ts';

/** Memory that xz may take: archives made at its highest level need 65 MiB. */
const MEMORY_LIMIT = '256MiB';

/** What `input` decompresses to. Errors: `E_ARCHIVE_INVALID`, `E_LIMIT`, `E_CONFIG` where there is no xz. */
export async function* decompressXz(
  signal: AbortSignal,
  input: AsyncIterable<Buffer>,
  maxRatio: number,
): AsyncGenerator<Buffer> {
  const guard = new RatioGuard(maxRatio);
  const program = findProgram('xz', process.env);
  if (program === undefined) throw missing();
  const args = ['--decompress', '--stdout', '--quiet', `--memlimit-decompress=${MEMORY_LIMIT}`];
  const environment = { PATH: programPath(process.env), LC_ALL: 'C' };
  const child = await startProgram(program, args, { env: environment }).catch((error: unknown) => {
    throw ioError(error, 'cannot run xz');
  });
  let read = 0;
  let failure: Error | undefined;
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('latin1')).slice(0, 1000);
  });
  const ended = new Promise<number>((resolve) => {
    child.on('error', (error) => {
      failure ??= ioError(error, 'cannot run xz');
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
  const feeding = (async () => {
    child.stdin.on('error', () => undefined);
    for await (const chunk of input) {
      read += chunk.length;
      if (child.stdin.destroyed) return;
      if (!child.stdin.write(chunk)) {
        await new Promise((resolve) => child.stdin.once('drain', resolve).once('close', resolve));
      }
    }
    child.stdin.end();
  })().catch((error: Error) => {
    failure ??= error;
    child.kill();
  });
  try {
    let written = 0;
    for await (const chunk of child.stdout) {
      signal.throwIfAborted();
      written += (chunk as Buffer).length;
      guard.check(read, written);
      yield chunk as Buffer;
    }
    const code = await ended;
    await feeding;
    if (failure !== undefined) throw failure;
    if (code !== 0) {
      throw new CtxsrcError(
        'E_ARCHIVE_INVALID',
        `the xz stream cannot be decompressed: ${said.trim().replace(/^xz: (?:\(stdin\): )?/, '')}`,
        { hint: 'xz -t tells whether the file is whole at its origin; put a good one there' },
      );
    }
  } finally {
    child.kill();
    await ended;
  }
}

function missing(): CtxsrcError {
  return new CtxsrcError('E_CONFIG', 'xz is not installed, or not on the PATH', {
    hint: 'archives compressed by xz need the xz program (package xz-utils): install it, then try again',
  });
}
