import type { CheckResult, Subject } from '../../conformance/kit.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { listSchemes } from '../../source/list.ts';
import { SourceTable } from '../../source/table.ts';
import { admitSource } from '../admit-source.ts';
import { commandsAlone } from '../program.ts';
import type { Run } from '../run.ts';
import { loadModule } from '../source-modules.ts';

/** `ctxsrc sources`, `ctxsrc sources test <module>` */
export async function run(run: Run, [action, module]: readonly string[]): Promise<number | undefined> {
  if (action === 'test' && module !== undefined) return testSource(run, module);
  if (action !== undefined) {
    throw new CtxsrcError('E_USAGE', 'sources takes no argument, or test and a module', {
      hint: 'ctxsrc sources test ./my-source.js',
    });
  }
  const schemes = await listSchemes(run.table);
  if (run.json) return run.document({ sources: schemes });
  for (const [index, { scheme, summary, form, example, attributes }] of schemes.entries()) {
    await run.line(scheme);
    await run.line(`  ${summary}`);
    await run.line(`  form     ${form}`);
    await run.line(`  example  ctxsrc key ${example}`);
    // The schemes of one source share the line of its flags.
    if (attributes.length === 0 || schemes[index + 1]?.attributes === attributes) continue;
    await run.line(`  flags    ${attributes.map((name) => `--${name}`).join(' ')}`);
  }
  return undefined;
}

/** Runs the conformance kit on a module that exports `source` and `prepare`. A broken rule is exit 1: a defect of the source. */
async function testSource(run: Run, module: string): Promise<number | undefined> {
  const { source, exported, url } = await loadModule(module, run.io.cwd);
  await admitSource(new SourceTable(), source, module, commandsAlone);
  const prepare = exported.prepare as Subject['prepare'] | undefined;
  if (typeof prepare !== 'function') {
    const message = `the module ${module} exports no prepare function for the conformance kit`;
    throw new CtxsrcError('E_SOURCE_MODULE', message, {
      hint: 'export async function prepare(dir) { … return { reference, change, malformed }; }; docs/sources.md shows one',
    });
  }
  const { RULES, runConformance } = await import('../../conformance/kit.ts');
  const tell = ({ status, rule, name, detail }: CheckResult): void => {
    if (!run.json)
      void run.line(`${status.padEnd(7)} rule ${rule}: ${name}${detail === undefined ? '' : `: ${detail}`}`);
  };
  const report = await runConformance({ source, prepare, origin: { module: url } }, tell, run.signal);
  if (run.json) await run.document(report);
  else {
    for (const rule of report.brokenRules) await run.line(`rule ${rule} is broken: ${RULES[rule]}`);
    await run.line(`${report.executed} checks executed, ${report.failed} failed`);
  }
  return report.passed ? undefined : 1;
}
