// Several calls that share one opened store, and one signal that ends them all.
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digest, openEnvironment, pull, snapshot, storeUsage, verify } from 'ctxsrc';

const image = `oci-layout://${fileURLToPath(new URL('../../fixtures/layouts/hello', import.meta.url))}`;
const work = await mkdtemp(join(tmpdir(), 'example-'));
const rootfs = join(work, 'rootfs');
// With Node 24: await using environment = await openEnvironment(…)
const environment = await openEnvironment({ cacheDir: join(work, 'cache') });
const options = { environment, signal: AbortSignal.timeout(60_000) };

try {
  const [{ manifest }, pulled] = await Promise.all([digest(image, options), pull(image, options)]);
  console.log(`the same manifest: ${manifest === pulled.manifest}`);

  await snapshot(image, rootfs, options);
  console.log(`intact: ${(await verify(rootfs, options)).intact}`);
  await appendFile(join(rootfs, 'etc/motd'), 'and a line more\n');
  for (const { path, kind } of (await verify(rootfs, options)).differences) console.log(`${kind} ${path}`);

  const { rows } = await storeUsage({ environment });
  console.log(`in the store: ${[...new Set(rows.map(({ kind }) => kind))].sort().join(', ')}`);

  const late = AbortSignal.abort(new Error('out of time'));
  await pull(image, { environment, signal: late });
} catch (error) {
  console.log(error.message);
} finally {
  await environment.close();
  await rm(work, { recursive: true, force: true });
}
