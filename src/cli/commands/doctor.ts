import type { NetworkOptions } from '../../contract/index.ts';
import type { Variables } from '../../core/home.ts';
import { DEFAULT_NETWORK } from '../../source/environment.ts';
import { type BrokenSetting, homelyWord } from '../../upkeep/check.ts';
import { examine } from '../../upkeep/doctor.ts';
import { configPath, type UserConfig } from '../config.ts';
import { doctorText } from '../doctor-table.ts';
import { type Flags, networkOptions, textFlag } from '../flags.ts';
import { withEnvironment } from '../network-environment.ts';
import type { Run } from '../run.ts';
import { screenOf } from '../screen.ts';
import { testFlag } from '../test-flag.ts';
import { parseSize } from '../values.ts';

/** `ctxsrc doctor`: the exit code is that of the first fault. */
export async function run(run: Run, _args: readonly string[], flags: Flags): Promise<number> {
  const { io, config, signal } = run;
  const test = testFlag(flags);
  const { broken, network } = settingsOf(io.env, config);
  const surroundings = {
    env: io.env,
    cacheDir: run.cacheDir(),
    cacheDirGiven: Boolean(textFlag(flags, 'cacheDir')),
    network: { ...DEFAULT_NETWORK, ...networkOptions(flags, network) },
    broken,
    registryConfig: run.registryConfig(),
    signal,
  };
  const report = await examine(surroundings, test);
  if (run.json) await run.document(report);
  else await run.out(doctorText(report, test, screenOf(io.stdout, io.env, flags.color)));
  return report.exit;
}

/** Settings that end other commands: here they are told in a row, and the rest is tried without them. */
function settingsOf(
  env: Variables,
  config: UserConfig,
): { readonly broken: readonly BrokenSetting[]; readonly network: Partial<NetworkOptions> } {
  const limit = env.CTXSRC_CACHE_MAX_SIZE;
  const room = failureOf(() => limit && parseSize('CTXSRC_CACHE_MAX_SIZE', limit));
  const lists = ['CTXSRC_MIRRORS', 'CTXSRC_PLAIN_HTTP'].flatMap((name) => {
    const error = failureOf(() => withEnvironment({ [name]: env[name] }, {}));
    return error === undefined ? [] : [{ name, error }];
  });
  const usable = { ...env };
  for (const { name } of lists) delete usable[name];
  const variables = lists.map(({ name }) => name);
  const commands: string[] = [];
  if (config.problem !== undefined && env.CTXSRC_CONFIG) variables.push('CTXSRC_CONFIG');
  else if (config.problem !== undefined) {
    const path = homelyWord(configPath(env)!, env);
    commands.push(`mv ${path} ${path}.broken`);
  }
  if (variables.length > 0) commands.push(`unset ${variables.join(' ')}`);
  const error = config.problem ?? lists[0]?.error;
  return {
    broken: [
      ...(room === undefined ? [] : [{ id: 'space', error: room, mend: 'unset CTXSRC_CACHE_MAX_SIZE' }]),
      ...(error === undefined ? [] : [{ id: 'proxy', error, mend: commands.join(' && ') }]),
    ],
    network: withEnvironment(usable, config.network),
  };
}

function failureOf(read: () => unknown): unknown {
  try {
    read();
    return undefined;
  } catch (error) {
    return error;
  }
}
