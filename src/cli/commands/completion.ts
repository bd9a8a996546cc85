import { CtxsrcError } from '../../core/errors.ts';
import { addBuildFlags } from '../build-flags.ts';
import { BASH_SCRIPT } from '../completion/bash.ts';
import { completeLine } from '../completion/completion.ts';
import { FISH_SCRIPT } from '../completion/fish.ts';
import { ZSH_SCRIPT } from '../completion/zsh.ts';
import { manualPage } from '../help/manual.ts';
import { buildProgram, declaredAttributes } from '../program.ts';
import type { Run } from '../run.ts';
import { addSharingFlags } from '../sharing-flags.ts';

const SCRIPTS = new Map([
  ['bash', BASH_SCRIPT],
  ['zsh', ZSH_SCRIPT],
  ['fish', FISH_SCRIPT],
]);

/** `ctxsrc completion bash|zsh|fish`; `man` prints the manual page, and the scripts call `candidates`. */
export async function run(run: Run, [what = '', line = '']: readonly string[]): Promise<undefined> {
  const script = SCRIPTS.get(what);
  if (script !== undefined) await run.out(script);
  else if (what === 'candidates') await run.out(await completeLine(run, line));
  else if (what === 'man') {
    const attributes = declaredAttributes(await run.table.loadAll());
    await run.out(manualPage(buildProgram(attributes, { buildFlags: addBuildFlags, sharingFlags: addSharingFlags })));
  } else {
    throw new CtxsrcError('E_USAGE', `there is no completion for ${JSON.stringify(what)}`, {
      hint: 'choose bash, zsh or fish',
    });
  }
}
