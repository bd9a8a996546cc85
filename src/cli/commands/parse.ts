import { identifierMembers } from '../../source/document.ts';
import type { Run } from '../run.ts';

/** `ctxsrc parse <ref>` */
export async function run(run: Run, references: readonly string[]): Promise<undefined> {
  const [one] = await run.identify(references);
  run.tellDoubt(one!.identifier);
  if (run.json) await run.document(identifierMembers(one!, run.defaultPlatform()));
  else await run.line(one!.identifier.toString());
}
