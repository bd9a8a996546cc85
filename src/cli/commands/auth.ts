import { type AccessTest, type AuthReport, authReport, testAccess } from '../../upkeep/auth.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { testFlag } from '../test-flag.ts';

const OUTCOMES: Readonly<Record<AccessTest, string>> = {
  push: 'lets an upload begin',
  accepted: 'accepts it',
  anonymous: 'asks for none',
  'anonymous-token': 'asks for a token and gives one to anybody',
};

/** `ctxsrc auth <registry>`: which credential would be used, and why not the others. Never prints the secret. */
export async function run(run: Run, [registry]: readonly string[], flags: Flags): Promise<undefined> {
  const tests = testFlag(flags);
  const { env } = run.io;
  const { signal } = run;
  const question = { registry: registry!, push: textFlag(flags, 'push'), registryConfig: run.registryConfig() };
  const report = await authReport({ ...question, env, signal });
  const test = async (): Promise<AccessTest> =>
    testAccess(await run.job(), report, (await run.environment()).env.network, env);
  if (run.json) return run.document(tests ? { ...report, tested: await test() } : report);
  const { credential, passedOver, push } = report;
  await run.line(
    credential === null ? 'anonymous: no place has a credential' : `${described(credential)} from ${credential.origin}`,
  );
  for (const { place, reason, hint } of passedOver) {
    await run.line(`  passed over: ${place}: ${reason}${hint === undefined ? '' : `; ${hint}`}`);
  }
  if (push !== undefined) await run.line(`  for pushing, a token is asked for with the scope ${push.scope}`);
  if (tests) await run.line(`  tested: the registry ${OUTCOMES[await test()]}`);
}

function described({ kind, username }: NonNullable<AuthReport['credential']>): string {
  return username === undefined ? kind : `user ${username}`;
}
