import type { Run } from '../run.ts';

/** `ctxsrc sources` */
export async function run(run: Run): Promise<undefined> {
  const sources = await run.table.loadAll();
  if (run.json) {
    const list = sources.flatMap((source) =>
      source.grammar.map((grammar) => ({ ...grammar, attributes: source.attributes.map((spec) => spec.name) })),
    );
    await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', sources: list })}\n`);
    return;
  }
  for (const source of sources) {
    for (const grammar of source.grammar) {
      await run.line(grammar.scheme);
      await run.line(`  ${grammar.summary}`);
      await run.line(`  form     ${grammar.form}`);
      await run.line(`  example  ctxsrc key ${grammar.example}`);
    }
    if (source.attributes.length > 0)
      await run.line(`  flags    ${source.attributes.map((spec) => `--${spec.name}`).join(' ')}`);
  }
}
