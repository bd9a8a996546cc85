/** The words of a `docker buildx build` line as `key --build` reads them, in this process. */
import { Command } from 'commander';
import type { BuildAnswer } from '../../src/build/answer.ts';
import { buildKey } from '../../src/build/build-key.ts';
import { readRequest } from '../../src/build/request/read.ts';
import { openRemote, type RemoteContext } from '../../src/build/request/remote.ts';
import { addBuildFlags, buildLineOf } from '../../src/cli/build-flags.ts';
import type { Store } from '../../src/contract/index.ts';
import { SourceTable } from '../../src/source/table.ts';
import type { PlacedProject } from './project-world.ts';
import { newEnv, newJob } from './source-env.ts';

/** @param host of a registry that speaks plain HTTP */
export async function answerOfLine(
  { dir, args, env }: PlacedProject,
  host: string,
  store: Store,
): Promise<BuildAnswer> {
  const command = new Command().argument('[dir]').exitOverride();
  addBuildFlags(command);
  command.parse([...args], { from: 'user' });
  const line = buildLineOf(command.args[0], command.opts());
  const work = { table: new SourceTable(), env: newEnv(store, { network: { plainHttp: [host] } }), job: newJob() };
  let remote: RemoteContext | undefined;
  try {
    const { request } = await readRequest(
      { ...line, buildPlatform: line.buildPlatform ?? 'linux/amd64' },
      {
        env,
        cwd: dir,
        fetch: async (ref, keepGitDir) => {
          remote = await openRemote(ref, keepGitDir, work);
          return remote;
        },
      },
    );
    return await buildKey(request, work);
  } finally {
    await remote?.release();
  }
}
