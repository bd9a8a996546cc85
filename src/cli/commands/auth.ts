import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { withoutUser } from '../../core/shown-reference.ts';
import { explainCredentials } from '../../registry/auth/credentials.ts';
import type { CredentialTest } from '../../registry/credential-test.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

const OUTCOMES: Readonly<Record<CredentialTest, string>> = {
  accepted: 'accepts it',
  anonymous: 'asks for none',
  'anonymous-token': 'asks for a token and gives one to anybody',
};

/** `ctxsrc auth <registry>`: which credential would be used, and why not the others. Never prints the secret. */
export async function run(run: Run, [registry]: readonly string[], flags: Flags): Promise<undefined> {
  checkRegistry(registry!);
  const report = await explainCredentials({
    registry: registry!,
    registryConfig: run.registryConfig(),
    env: run.io.env,
  });
  const { credential, passedOver } = report;
  if (run.json) {
    const tested = flags.test === true ? await test(run, registry!) : undefined;
    const shown = credential && {
      kind: credential.kind,
      origin: credential.origin,
      ...('username' in credential ? { username: credential.username } : {}),
    };
    return run.document({ registry: report.registry, credential: shown ?? null, passedOver, tested });
  }
  await run.line(
    credential === undefined
      ? 'anonymous: no place has a credential'
      : `${described(credential)} from ${credential.origin}`,
  );
  for (const { place, reason, hint } of passedOver) {
    await run.line(`  passed over: ${place}: ${reason}${hint === undefined ? '' : `; ${hint}`}`);
  }
  if (flags.test === true) await run.line(`  tested: the registry ${OUTCOMES[await test(run, registry!)]}`);
}

function described(credential: { readonly kind: string; readonly username?: string }): string {
  return credential.username === undefined ? credential.kind : `user ${credential.username}`;
}

/** One request; a refused credential is exit 4. */
async function test(run: Run, registry: string): Promise<CredentialTest> {
  const { testCredentials } = await import('../../registry/credential-test.ts');
  const { env } = await run.environment();
  try {
    return await testCredentials(await run.job(), { network: env.network, registry, env: run.io.env });
  } catch (error) {
    if (!isCtxsrcError(error) || error.hint?.includes('ctxsrc auth') !== true) throw error;
    // Leaves out the hint, which would suggest this very command.
    throw error.with({ hint: `log in anew: docker login ${registry}` });
  }
}

/** Refuses a text that is not a host: it would be printed with a password that may be in it. */
function checkRegistry(text: string): void {
  const host = /^(?:[a-z+-]+:\/\/)?(?:[^/]*@)?([^/@\s]*)/.exec(text)?.[1];
  if (host === text) return;
  throw new CtxsrcError('E_USAGE', `${JSON.stringify(withoutUser(text))} is no registry`, {
    hint: host ? `type ctxsrc auth ${host}` : 'type ctxsrc auth HOST[:PORT]',
  });
}
