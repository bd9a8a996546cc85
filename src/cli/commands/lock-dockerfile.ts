/** `ctxsrc lock --from Dockerfile`: what a build takes from elsewhere, as contexts to lock. */
import { type BuildPin, buildPins } from '../../build/pins.ts';
import { readRequest } from '../../build/request/read.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { warnOrRefuse } from '../../core/progress.ts';
import { buildLineOf, idleNote } from '../build-flags.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

/** A Dockerfile that was read, with what it takes. */
export interface ReadDockerfile {
  /** As the user named it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly pins: readonly BuildPin[];
}

/**
 * Reads the Dockerfile of `--from` as a build with the same flags does. Its context is not read: nothing of it is
 * locked.
 * @throws CtxsrcError as `buildPins`
 */
export async function readDockerfile(run: Run, name: string, bytes: Uint8Array, flags: Flags): Promise<ReadDockerfile> {
  const { env, cwd } = run.io;
  const platform = flags.platform as string | undefined;
  const line = {
    ...buildLineOf('.', {
      ...flags,
      file: undefined,
      modes: undefined,
      ...(platform === undefined ? {} : { platform: [platform] }),
    }),
    inline: Buffer.from(bytes).toString(),
  };
  const read = await readRequest(line, {
    env,
    cwd,
    signal: run.signal,
    fetch: () => {
      throw new CtxsrcError('E_INTERNAL', 'a lock fetches no context');
    },
  });
  const job = await run.job();
  // `--check` is a flag of `lock` itself.
  const idle = idleNote({ ...flags, check: undefined }, 'what is locked');
  for (const note of idle === undefined ? read.notes : [idle, ...read.notes]) run.note(note);
  for (const { text, hint } of read.doubts) warnOrRefuse(job, 'E_DOUBTFUL', text, hint);
  const request = { ...read.request, dockerfile: { name, bytes, path: undefined } };
  const work = { table: run.table, env: (await run.environment()).env, job };
  return { name, bytes, pins: await buildPins(request, work) };
}
