/**
 * Decompression by programs of the system, for formats that neither Node nor a well-maintained package can read: xz,
 * bzip2, and before Node 22.15 zstd with a window that is too large for the JavaScript decoder.
 */
import { drained } from '../../core/drained.ts';
import { CtxsrcError, ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { findProgram, programPath, startProgram } from '../../core/programs.ts';
import { archiveError } from '../tar/header.ts';
import { RatioGuard } from './ratio-guard.ts';
import { MAX_WINDOW_LOG } from './zstd-frames.ts';

export type DecompressProgram = 'xz' | 'bzip2' | 'zstd';

const PROGRAMS: Readonly<
  Record<DecompressProgram, { readonly flags: readonly string[]; readonly package: string; readonly besides?: string }>
> = {
  // Archives of the highest level need 65 MiB.
  xz: { flags: ['--decompress', '--stdout', '--quiet', '--memlimit-decompress=256MiB'], package: 'xz-utils' },
  // bzip2 never needs more than 8 MiB.
  bzip2: { flags: ['--decompress', '--stdout', '--quiet'], package: 'bzip2' },
  zstd: {
    flags: ['--decompress', '--stdout', '--quiet', `--long=${MAX_WINDOW_LOG}`],
    package: 'zstd',
    besides: ', or use Node 22.15 or newer, which reads it by itself',
  },
};

/** The decompressed bytes of `input`. Errors: `E_ARCHIVE_INVALID`, `E_LIMIT`, `E_CONFIG` if the program is missing. */
export async function* decompressByProgram(
  name: DecompressProgram,
  signal: AbortSignal,
  input: AsyncIterable<Buffer>,
  maxRatio: number,
): AsyncGenerator<Buffer> {
  const guard = new RatioGuard(maxRatio);
  const program = findProgram(name, process.env);
  if (program === undefined) throw missing(name);
  const environment = { PATH: programPath(process.env), LC_ALL: 'C' };
  const child = await startProgram(program, PROGRAMS[name].flags, { env: environment }).catch((error: unknown) => {
    throw ioError(error, `cannot run ${name}`);
  });
  let failure: Error | undefined;
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('latin1')).slice(0, 1000);
  });
  const ended = new Promise<number>((resolve) => {
    child.on('error', (error) => {
      failure ??= ioError(error, `cannot run ${name}`);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
  const feeding = (async () => {
    child.stdin.on('error', () => undefined);
    for await (const chunk of input) {
      guard.input += chunk.length;
      if (child.stdin.destroyed) return;
      if (!child.stdin.write(chunk)) await drained(child.stdin);
    }
    child.stdin.end();
  })().catch((error: Error) => {
    failure ??= error;
    child.kill();
  });
  try {
    for await (const chunk of child.stdout) {
      signal.throwIfAborted();
      guard.made((chunk as Buffer).length);
      yield chunk as Buffer;
    }
    const code = await ended;
    await feeding;
    if (failure !== undefined) throw failure;
    if (code !== 0) {
      const why = printable(said.trim().replace(/^\S*(?:xz|bzip2|zstd): (?:\(stdin\)|\/\*stdin\*\\)?[ :]*/, ''));
      throw archiveError(`its ${name} data cannot be decompressed: ${why}`, {
        hint: `${name} -t tells whether the file is whole at its origin; put a good one there`,
      });
    }
  } finally {
    child.kill();
    await ended;
  }
}

function missing(name: DecompressProgram): CtxsrcError {
  const { package: packageName, besides = '' } = PROGRAMS[name];
  const what = name === 'zstd' ? 'zstd with so large a window' : name;
  return new CtxsrcError('E_CONFIG', `${name} is not installed, or not on the PATH`, {
    hint: `what is compressed by ${what} needs the program ${name} (package ${packageName}): install it${besides}, then try again`,
  });
}
