import { DEFAULT_NETWORK } from '../../source/environment.ts';
import { examine } from '../../upkeep/doctor.ts';
import { doctorText } from '../doctor-table.ts';
import { type Flags, networkOptions, textFlag } from '../flags.ts';
import { withEnvironment } from '../network-environment.ts';
import type { Run } from '../run.ts';
import { screenOf } from '../screen.ts';
import { testFlag } from '../test-flag.ts';

/** `ctxsrc doctor`: the exit code is that of the first fault. */
export async function run(run: Run, _args: readonly string[], flags: Flags): Promise<number> {
  const { io, config, signal } = run;
  const test = testFlag(flags);
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
