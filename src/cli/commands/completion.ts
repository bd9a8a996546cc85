import { CtxsrcError } from '../../core/errors.ts';
import { parseReference } from '../../source/parse.ts';
import { COMMANDS } from '../commands.ts';
import { completionScript, type Shell } from '../completion.ts';
import { manualPage } from '../manual.ts';
import { attributesOf, buildProgram } from '../program.ts';
import type { Run } from '../run.ts';

/** `ctxsrc completion bash|zsh|fish`; `man` prints the manual page, `candidates` is what the scripts ask. */
export async function run(run: Run, [what, ...words]: readonly string[]): Promise<undefined> {
  if (what === 'candidates') {
    for (const candidate of await candidates(run, words)) await run.line(candidate);
    return;
  }
  const attributes = attributesOf(await run.table.loadAll());
  const program = buildProgram(
    attributes,
    () => undefined,
    () => undefined,
  );
  if (what === 'man') await run.out(manualPage(program));
  else if (what === 'bash' || what === 'zsh' || what === 'fish')
    await run.out(completionScript(what as Shell, program));
  else
    throw new CtxsrcError('E_USAGE', `there is no completion for ${JSON.stringify(what)}`, {
      hint: 'choose bash, zsh or fish',
    });
}

/** What a half-typed argument could become: schemes, and what a local source knows of itself (tags of a layout). */
async function candidates(run: Run, [command = '', word = '']: readonly string[]): Promise<string[]> {
  const spec = COMMANDS.find(({ name }) => name === command);
  if (spec?.takesReferences !== true) return (spec?.words ?? []).filter((candidate) => candidate.startsWith(word));
  if (!word.includes('://'))
    return run.table
      .schemes()
      .map((scheme) => `${scheme}://`)
      .filter((scheme) => scheme.startsWith(word));
  const colon = word.lastIndexOf(':');
  if (word.slice(colon).startsWith('://')) return [];
  const base = word.slice(0, colon);
  try {
    const ref = parseReference(base);
    const source = await run.table.load(ref.scheme);
    const identifier = source.identify(ref, {});
    if (identifier.localPath === undefined) return [];
    const { env } = await run.environment();
    const found = (await source.resolve(identifier, env).candidates?.(await run.job())) ?? [];
    return found.map((candidate) => `${base}:${candidate}`).filter((candidate) => candidate.startsWith(word));
  } catch {
    // Half a word is no reference yet; completion says nothing then.
    return [];
  }
}
