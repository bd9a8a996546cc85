/** What a Dockerfile builds from, or the contexts that a compose or bake file names, as contexts to lock. */
import { resolve as resolvePath } from 'node:path';
import type { BuildWork } from '../../build/answer.ts';
import { type BuildPin, buildPins } from '../../build/pins.ts';
import type { BuildLine } from '../../build/request/line.ts';
import { type ReadOptions, readRequest } from '../../build/request/read.ts';
import type { Attributes } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { warnOrRefuse } from '../../core/progress.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { readNamedFile, streamOf } from '../../fs/small-file.ts';
import { isDockerfile, MAX_DESCRIPTION_BYTES, readNamedContexts } from './from.ts';

/** A context to lock. */
export interface AskedContext {
  readonly reference: string;
  /** What a build asks for it with; undefined: what the caller says. */
  readonly attributes?: Attributes;
  /** All platforms that a build asks for, that of the attributes first. */
  readonly platforms?: readonly string[];
}

/** A Dockerfile that was read, with what it takes. */
export interface ReadDockerfile {
  /** As the user named it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly pins: readonly BuildPin[];
}

export interface FileContexts {
  readonly contexts: ReadonlyMap<string, AskedContext>;
  readonly dockerfile: ReadDockerfile | undefined;
}

export interface FromFile extends Pick<ReadOptions, 'env' | 'cwd'> {
  /** As the user named it; `-` is standard input. */
  readonly file: string;
  /** What a build of a Dockerfile is given. */
  readonly line: Omit<BuildLine, 'context' | 'file' | 'inline'>;
  readonly signal: AbortSignal;
  /** Asked for if a Dockerfile has to be resolved. */
  readonly work: () => Promise<BuildWork>;
  /** Told what a person should know. */
  readonly note: (text: string) => void;
}

/**
 * Reads the file. The context of a Dockerfile is not read: nothing of it is locked.
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, `E_CONFIG`, `E_DOCKERFILE`, and as `buildPins`
 */
export async function contextsOfFile(from: FromFile): Promise<FileContexts> {
  const { file, cwd, signal, note } = from;
  const isPiped = streamOf(file) !== undefined;
  // References from a stream are relative to the current directory.
  const path = resolvePath(cwd, isPiped ? '-' : file);
  const what = printable(shownReference(file));
  const bytes = await readNamedFile(file, { what, maxBytes: MAX_DESCRIPTION_BYTES, cwd, signal });
  const text = bytes.toString('utf8');
  if (isDockerfile(path, text)) {
    const dockerfile = await readDockerfile(from, isPiped ? 'Dockerfile' : file, bytes);
    const contexts = dockerfile.pins.map(
      ({ name, ref, attributes, platforms }) => [name, { reference: ref, attributes, platforms }] as const,
    );
    if (contexts.length === 0) note(`${what} builds from nothing that could be locked`);
    return { contexts: new Map(contexts), dockerfile };
  }
  const { contexts, skipped } = await readNamedContexts(path, text, cwd);
  for (const name of skipped) note(`${name} stands for something inside the build: not locked`);
  if (contexts.size === 0) note(`${what} names no contexts to lock`);
  return { contexts: new Map([...contexts].map(([name, reference]) => [name, { reference }])), dockerfile: undefined };
}

async function readDockerfile(
  { line, env, cwd, signal, work, note }: FromFile,
  name: string,
  bytes: Uint8Array,
): Promise<ReadDockerfile> {
  const inline = Buffer.from(bytes).toString();
  const read = await readRequest(
    { ...line, context: '.', file: undefined, inline },
    {
      env,
      cwd,
      signal,
      fetch: () => {
        throw new CtxsrcError('E_INTERNAL', 'a lock fetches no context');
      },
    },
  );
  const open = await work();
  for (const text of read.notes) note(text);
  for (const { text, hint } of read.doubts) warnOrRefuse(open.job, 'E_DOUBTFUL', text, hint);
  const pins = await buildPins({ ...read.request, dockerfile: { name, bytes, path: undefined } }, open);
  return { name, bytes, pins };
}
