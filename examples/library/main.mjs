// The library: keys, a snapshot, and a failure that is told apart by its code.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheKey, isCtxsrcError, snapshot } from 'ctxsrc';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));
const image = `oci-layout://${fixtures}/layouts/hello:latest`;
const work = await mkdtemp(join(tmpdir(), 'example-'));
// Without `cacheDir` it is the user's store, as on the command line.
const options = { cacheDir: join(work, 'cache'), signal: AbortSignal.timeout(60_000) };

try {
  const directory = await cacheKey(`${fixtures}/dirs/app`, { ...options, attributes: { modes: 'exec' } });
  console.log(`directory  ${directory.key}`);

  const { key } = await cacheKey(image, options);
  console.log(`image      ${key}`);

  const rootfs = join(work, 'rootfs');
  const { status, files, losses } = await snapshot(image, rootfs, options);
  console.log(`snapshot   ${status}, ${files} files, ${losses.length} losses`);
  console.log(`motd       ${(await readFile(join(rootfs, 'etc/motd'), 'utf8')).trim()}`);
  console.log(`once more  ${(await snapshot(image, rootfs, options)).status}`);

  await cacheKey(`oci-layout://${fixtures}/layouts/hello:no-such-tag`, options);
} catch (error) {
  if (!isCtxsrcError(error, 'E_TAG_NOT_FOUND')) throw error;
  console.log(`no image   ${error.code}, exit ${error.exit}`);
} finally {
  await rm(work, { recursive: true, force: true });
}
