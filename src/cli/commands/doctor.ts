import { CtxsrcError } from '../../core/errors.ts';
import { DEFAULT_NETWORK } from '../../source/environment.ts';
import { examine } from '../../upkeep/doctor.ts';
import { doctorText } from '../doctor-table.ts';
import { type Flags, networkOptions, textFlag } from '../flags.ts';
import { withEnvironment } from '../network-environment.ts';
import type { Run } from '../run.ts';
import { screenOf } from '../screen.ts';

/** `ctxsrc doctor`: the exit code is that of the first fault. */
export async function run(run: Run, _args: readonly string[], flags: Flags): Promise<number> {
  const { io, config, signal } = run;
  const test = flags.test === true;
  if (test && flags.offline === true) {
    throw new CtxsrcError('E_USAGE', '--test asks the registries, and --offline forbids to open a connection', {
      hint: 'leave one of them out',
    });
  }
  const surroundings = {
    env: io.env,
    cacheDir: run.cacheDir(),
    cacheDirGiven: Boolean(textFlag(flags, 'cacheDir')),
    network: { ...DEFAULT_NETWORK, ...networkOptions(flags, withEnvironment(io.env, config.network)) },
    registryConfig: run.registryConfig(),
    signal,
  };
  const report = await examine(surroundings, test);
  if (run.json) await run.document(report);
  else await run.out(doctorText(report, test, screenOf(io.stdout, io.env, flags.color)));
  return report.exit;
}
