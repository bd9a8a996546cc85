// A lock file in a program: written, compared with now, written anew, and handed to buildx.
import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkLock, createLock, formatLock, updateLock } from 'ctxsrc';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));
const work = await mkdtemp(join(tmpdir(), 'example-'));
const options = { cacheDir: join(work, 'cache'), path: join(work, 'ctxsrc.lock') };
process.chdir(work);

try {
  await cp(`${fixtures}/dirs/app`, 'app', { recursive: true });
  await cp(`${fixtures}/layouts/hello`, 'base', { recursive: true });
  const contexts = {
    app: { reference: './app', attributes: { modes: 'exec' } },
    base: { reference: 'oci-layout://./base', attributes: { platform: 'linux/amd64' } },
  };
  const { contexts: locked } = await createLock(contexts, options);
  for (const [name, { digest }] of Object.entries(locked)) console.log(`${name}  ${digest.slice(0, 19)}…`);
  console.log(`up to date: ${(await checkLock(contexts, options)).upToDate}`);

  await appendFile('app/src/main.js', '// changed\n');
  for (const { name, what } of (await checkLock(contexts, options)).drift) console.log(`moved: ${name} (${what})`);

  await updateLock({ ...options, names: ['app'] });
  console.log(`up to date: ${(await checkLock(contexts, options)).upToDate}`);
  process.stdout.write((await formatLock('build-contexts', options)).text);
} finally {
  process.chdir(fixtures);
  await rm(work, { recursive: true, force: true });
}
