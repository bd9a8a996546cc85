import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createWriter } from '../../src/registry/shared-cache/write.ts';
import { networkOptions } from '../support/registry-job.ts';
import { REPOSITORY } from '../support/shared-cache.ts';
import { newJob } from '../support/source-env.ts';
import { tempDir } from '../support/temp.ts';

it('a pack is hashed piece by piece, each a sign of life, and no further once that is ended', async () => {
  const path = join(tempDir('pack'), 'pack');
  writeFileSync(path, Buffer.alloc(1024 * 1024));
  const writer = createWriter(networkOptions(), { host: 'registry.invalid', repository: REPOSITORY });
  const ended = new AbortController();
  let signs = 0;
  const answered = (): void => {
    signs += 1;
    if (signs === 3) ended.abort(new Error('ended'));
  };
  const content = { kind: 'git', pin: 'a'.repeat(40), what: 'a commit' } as const;
  const options = { anew: false, passed: () => undefined, answered };
  await expect(writer.put({ ...newJob(), signal: ended.signal }, content, path, options)).rejects.toThrow('ended');
  expect(signs).toBe(3);
  await writer.close();
});
