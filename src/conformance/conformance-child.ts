/** The other process of rule 2: reads one request, prints one content key. The clock is 400 days ahead. */
import { text } from 'node:stream/consumers';
import type { Attributes, NetworkOptions, Source } from '../contract/index.ts';
import { silentProgress } from '../core/progress.ts';
import { openEnvironment } from '../source/environment.ts';
import { allKeys, resolve } from '../source/resolve.ts';
import { SourceTable } from '../source/table.ts';
import type { OtherProcessRequest } from './other-process.ts';

const AHEAD = 400 * 86_400_000;

const now = Date.now.bind(Date);
Date.now = () => now() + AHEAD;
process.umask(0o027);

const request = JSON.parse(await text(process.stdin)) as OtherProcessRequest;
const table = new SourceTable();
if ('module' in request.origin) {
  const module = (await import(request.origin.module)) as { source: Source };
  table.add(module.source, request.origin.module);
}
const environment = await openEnvironment({
  cacheDir: request.cacheDir,
  network: request.network as Partial<NetworkOptions>,
  progress: silentProgress,
});
try {
  const { instance } = await resolve(table, request.reference, request.attributes as Attributes, environment.env);
  const job = { session: environment.session, signal: new AbortController().signal, progress: silentProgress };
  process.stdout.write(JSON.stringify({ key: (await allKeys(instance, job)).at(-1)!.key }));
} finally {
  await environment.close();
}
