import { CtxsrcError } from '../../core/errors.ts';
import type { Run } from '../run.ts';

/** `ctxsrc cache path` */
export async function run(run: Run, args: readonly string[]): Promise<undefined> {
  const [what] = args;
  if (what !== 'path')
    throw new CtxsrcError('E_USAGE', `cache has no ${JSON.stringify(what)}`, { hint: 'ctxsrc cache path' });
  const path = run.cacheDir();
  if (run.json) await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', path })}\n`);
  else await run.line(path);
}
