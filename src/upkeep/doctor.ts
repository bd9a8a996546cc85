/** `ctxsrc doctor`: what of this machine and its settings helps or hinders, each with the command that mends it. */
import { type DoctorCheck, type NamedCheck, runCheck, type Surroundings } from './check.ts';
import { identity, native, node, proxy, tools } from './checks/machine.ts';
import { space, store } from './checks/store.ts';

/** What helps and what hinders on this machine. */
export interface DoctorReport {
  /** In an order that never changes: the seven of this machine, then one for each registry that was tried. */
  readonly checks: readonly DoctorCheck[];
  /** The exit code of the first fault, else 0. */
  readonly exit: number;
}

const CHECKS: readonly NamedCheck[] = [
  { id: 'node', run: node },
  { id: 'native', run: native },
  { id: 'store', run: (given) => store(given) },
  { id: 'space', run: (given) => space(given) },
  { id: 'identity', run: identity },
  { id: 'tools', run: tools },
  { id: 'proxy', run: proxy },
];

/**
 * Runs all checks, each for itself and for at most five seconds.
 * @param test also tries the configured registries, by one request each
 */
export async function examine(surroundings: Surroundings, test: boolean): Promise<DoctorReport> {
  const asked = test ? (await import('./checks/registries.ts')).registries(surroundings) : [];
  const checks = await Promise.all([...CHECKS, ...asked].map((check) => runCheck(check, surroundings)));
  return { checks, exit: checks.find(({ status }) => status === 'fault')?.exit ?? 0 };
}
