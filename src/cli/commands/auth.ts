import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { withoutUser } from '../../core/shown-reference.ts';
import { parseNormalizedReference } from '../../oci/reference.ts';
import { explainCredentials } from '../../registry/auth/credentials.ts';
import type { CredentialTest } from '../../registry/credential-test.ts';
import { pushScope } from '../../registry/push/scope.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';

/** What a test came to; `push`: an upload could be begun, and was ended. */
type Tested = CredentialTest | 'push';

const OUTCOMES: Readonly<Record<Tested, string>> = {
  push: 'lets an upload begin',
  accepted: 'accepts it',
  anonymous: 'asks for none',
  'anonymous-token': 'asks for a token and gives one to anybody',
};

/** `ctxsrc auth <registry>`: which credential would be used, and why not the others. Never prints the secret. */
export async function run(run: Run, [registry]: readonly string[], flags: Flags): Promise<undefined> {
  checkRegistry(registry!);
  const asked = textFlag(flags, 'push');
  const repository = asked === undefined ? undefined : repositoryOf(registry!, asked);
  const report = await explainCredentials({
    registry: registry!,
    repository,
    registryConfig: run.registryConfig(),
    env: run.io.env,
  });
  const { credential, passedOver } = report;
  if (run.json) {
    const tested = flags.test === true ? await test(run, registry!, repository) : undefined;
    const shown = credential && {
      kind: credential.kind,
      origin: credential.origin,
      ...('username' in credential ? { username: credential.username } : {}),
    };
    const push = repository === undefined ? undefined : { repository, scope: pushScope(repository) };
    return run.document({ registry: report.registry, credential: shown ?? null, passedOver, push, tested });
  }
  await run.line(
    credential === undefined
      ? 'anonymous: no place has a credential'
      : `${described(credential)} from ${credential.origin}`,
  );
  for (const { place, reason, hint } of passedOver) {
    await run.line(`  passed over: ${place}: ${reason}${hint === undefined ? '' : `; ${hint}`}`);
  }
  if (repository !== undefined)
    await run.line(`  for pushing, a token is asked for with the scope ${pushScope(repository)}`);
  if (flags.test === true) await run.line(`  tested: the registry ${OUTCOMES[await test(run, registry!, repository)]}`);
}

/** @throws E_REFERENCE unless it can be the name of a repository */
function repositoryOf(registry: string, repository: string): string {
  return parseNormalizedReference(`${registry}/${repository}`).path;
}

function described(credential: { readonly kind: string; readonly username?: string }): string {
  return credential.username === undefined ? credential.kind : `user ${credential.username}`;
}

/** One request; a refused credential is exit 4. */
async function test(run: Run, registry: string, repository: string | undefined): Promise<Tested> {
  const { testCredentials } = await import('../../registry/credential-test.ts');
  const { env } = await run.environment();
  try {
    if (repository !== undefined) {
      const { createPushClient } = await import('../../registry/push/client.ts');
      const client = createPushClient({ network: env.network, name: { host: registry, repository }, from: undefined });
      try {
        await client.mayPush(await run.job());
      } finally {
        await client.close();
      }
      return 'push';
    }
    return (await testCredentials(await run.job(), { network: env.network, registry, env: run.io.env })).outcome;
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
