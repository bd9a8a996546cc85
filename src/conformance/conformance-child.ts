/**
 * The other process of rules 2 and 7: it receives one request and returns a content key or the files of a snapshot. Its
 * clock is 400 days ahead.
 */
import type { Attributes, NetworkOptions, Source } from '../contract/index.ts';
import { silentProgress } from '../core/progress.ts';
import { openEnvironment } from '../source/environment.ts';
import { allKeys, resolve } from '../source/resolve.ts';
import { SourceTable } from '../source/table.ts';
import { toldFailure } from './failure.ts';
import type { OtherProcessAnswer, OtherProcessRequest } from './other-process.ts';
import { snapshotTree } from './tree.ts';

const AHEAD = 400 * 86_400_000;

const now = Date.now.bind(Date);
Date.now = () => now() + AHEAD;
process.umask(0o027);

async function answer(request: OtherProcessRequest): Promise<OtherProcessAnswer> {
  const table = new SourceTable();
  if ('module' in request.origin) {
    const module = (await import(request.origin.module)) as { source?: Source; default?: Source };
    table.add((module.source ?? module.default)!, request.origin.module);
  }
  const environment = await openEnvironment({
    cacheDir: request.cacheDir,
    network: request.network as Partial<NetworkOptions>,
    progress: silentProgress,
  });
  try {
    const { instance } = await resolve(table, request.reference, request.attributes as Attributes, environment.env);
    const job = { session: environment.session, signal: new AbortController().signal, progress: silentProgress };
    if (request.want === 'files') return { tree: await snapshotTree(instance, job) };
    return { key: (await allKeys(instance, job)).at(-1)!.key };
  } finally {
    await environment.close();
  }
}

function reply(message: OtherProcessAnswer): void {
  process.send!(message, () => process.exit());
}

process.on('uncaughtException', (error) => reply({ failure: toldFailure(error) }));
process.once('message', (request: OtherProcessRequest) => {
  answer(request).then(reply, (error: unknown) => reply({ failure: toldFailure(error) }));
});
