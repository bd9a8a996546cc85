// Lists and reads files of an image that is never unpacked.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cat, isCtxsrcError, ls } from 'ctxsrc';

const image = `oci-layout://${fileURLToPath(new URL('../../fixtures/layouts/hello', import.meta.url))}`;
const work = await mkdtemp(join(tmpdir(), 'example-'));
const options = { cacheDir: join(work, 'cache') };

try {
  for (const { type, size, mode, path, layer } of await ls(image, 'etc', options)) {
    console.log(`${type.padEnd(7)} ${mode.toString(8)} ${String(size).padStart(4)}  layer ${layer}  ${path}`);
  }
  console.log(
    Buffer.from(await cat(image, 'etc/motd', options))
      .toString()
      .trim(),
  );

  const all = await ls(image, '', { ...options, recursive: true });
  console.log(`${all.length} entries, ${all.filter(({ type }) => type === 'file').length} of them files`);

  await cat(image, 'etc/shadow', options);
} catch (error) {
  if (!isCtxsrcError(error, 'E_PATH_NOT_FOUND')) throw error;
  console.log(error.message);
} finally {
  await rm(work, { recursive: true, force: true });
}
