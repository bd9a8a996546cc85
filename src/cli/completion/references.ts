/** Completes a partial reference: its scheme, the path after a scheme, the images at that path. */
import { readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Source } from '../../contract/index.ts';
import { parseReference } from '../../source/parse.ts';
import type { SourceTable } from '../../source/table.ts';
import type { Run } from '../run.ts';
import { behind, type Candidate, type Completion, DIRECTORY_PATHS, NOTHING, wordsOnly } from './answer.ts';

/** Time limit in milliseconds: a user is waiting, so a large archive is not read to its end. */
const TIME_LIMIT = 2000;

/** Completes a reference, with or without a name before it. Only sources of local paths are asked for candidates. */
export async function completeReference(run: Run, word: string): Promise<Completion> {
  const name = /^[^./=][^=]*=/.exec(word)?.[0] ?? '';
  if (name !== '' && !name.includes('://')) return behind(name, await completeUnnamed(run, word.slice(name.length)));
  return completeUnnamed(run, word);
}

async function completeUnnamed(run: Run, word: string): Promise<Completion> {
  const at = word.indexOf('://');
  if (at < 0) return { ...DIRECTORY_PATHS, words: await schemesOf(run.table) };
  const scheme = word.slice(0, at);
  if (!run.table.schemes().includes(scheme)) return NOTHING;
  const source = await run.table.load(scheme);
  const named = pathForm(source, scheme);
  if (named === undefined) return NOTHING;
  return behind(`${scheme}://`, await completePath({ run, source, scheme }, word.slice(at + 3), named === 'DIR'));
}

/** Every scheme, with a description from its source. */
async function schemesOf(table: SourceTable): Promise<Candidate[]> {
  const grammar = (await table.loadAll()).flatMap((source) => source.grammar);
  return table.schemes().map((scheme) => ({
    text: `${scheme}://`,
    description: grammar.find((line) => line.scheme === scheme)?.summary,
  }));
}

/** The part after `://` in the grammar of a scheme, if it is a path on this machine. */
function pathForm(source: Source, scheme: string): string | undefined {
  const form = source.grammar.find((line) => line.scheme === scheme)?.form ?? '';
  return /:\/\/(DIR|FILE|PATH)\b/.exec(form)?.[1];
}

interface Asked {
  readonly run: Run;
  readonly source: Source;
  readonly scheme: string;
}

async function completePath(asked: Asked, rest: string, directoriesOnly: boolean): Promise<Completion> {
  const { cwd } = asked.run.io;
  const entries = entriesAt(cwd, rest).filter(({ directory }) => directory || !directoriesOnly);
  const one = entries.length === 1 ? entries[0]!.path : rest;
  const images = await imagesAt(asked, one);
  // For a directory that is an image, the image is offered and not its files.
  const paths = entries.map(({ path, directory }) =>
    directory && !(path === one && images.length > 0) ? `${path}/` : path,
  );
  return wordsOnly([...paths, ...images].map((text) => ({ text })));
}

interface Entry {
  /** As the user would type it. */
  readonly path: string;
  readonly directory: boolean;
}

/** The entries of the partial path's directory that begin with its last component. */
function entriesAt(cwd: string, path: string): Entry[] {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const start = path.slice(folder.length);
  const names = attempt(() => readdirSync(resolve(cwd, folder))) ?? [];
  return names
    .filter((name) => name.startsWith(start) && (start !== '' || !name.startsWith('.')))
    .sort()
    .map((name) => ({ path: folder + name, directory: kindOf(cwd, folder + name) === 'directory' }));
}

function kindOf(cwd: string, path: string): 'directory' | 'file' | undefined {
  const found = attempt(() => statSync(resolve(cwd, path)));
  if (found?.isDirectory() === true) return 'directory';
  return found?.isFile() === true ? 'file' : undefined;
}

/** The images at the longest part of the text that is an existing path, as `PATH:TAG` or `PATH@DIGEST`. */
async function imagesAt({ run, source, scheme }: Asked, text: string): Promise<string[]> {
  const cuts = [...text.matchAll(/[:@]/g)].map(({ index }) => index).reverse();
  // A pipe or device is not read, because its data would be lost for its reader.
  const cut = [text.length, ...cuts].find((end) => end > 0 && kindOf(run.io.cwd, text.slice(0, end)) !== undefined);
  if (cut === undefined) return [];
  const path = text.slice(0, cut);
  try {
    const { env } = await run.environment();
    const job = await run.job();
    const identifier = source.identify(parseReference(`${scheme}://${path}`, run.io.cwd), {});
    const signal = AbortSignal.any([job.signal, AbortSignal.timeout(TIME_LIMIT)]);
    const instance = source.resolve(identifier, { ...env, offline: true });
    const images = (await instance.candidates?.({ ...job, signal })) ?? [];
    return images.map((image) => (image.startsWith('@') ? `${path}${image}` : `${path}:${image}`));
  } catch {
    // If it is not an image or cannot be read, there are no candidates; the command reports the error.
    return [];
  }
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
