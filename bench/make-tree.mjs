// Makes the tree that the benchmark of `key` hashes: 28,600 files of mixed sizes, about 1 GB, in 2,900 directories.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Sizes as in a project with its dependencies: most files small, a few that hold most of the bytes. */
export function makeTree(dir, { files = 28_600, bytes = 1_000_000_000 } = {}) {
  const noise = randomBytes(32 << 20);
  const large = Math.max(1, Math.round(files / 1200));
  const largeSize = Math.floor((bytes - files * 5_000) / large);
  let made = 0;
  for (let d = 0; made < files; d += 1) {
    const path = join(dir, `package-${d % 53}`, `module-${d % 311}`, `part-${d}`);
    mkdirSync(path, { recursive: true });
    for (let f = 0; f < 10 && made < files; f += 1, made += 1) {
      const isLarge = made % 1200 === 7;
      const size = isLarge ? Math.max(0, largeSize) : 200 + ((made * 7919) % 9_600);
      const start = (made * 104_729) % (noise.length - 16_384);
      const chunks = [];
      for (let left = size; left > 0; left -= noise.length) {
        chunks.push(
          left > noise.length ? noise : noise.subarray(left > 16_384 ? 0 : start, (left > 16_384 ? 0 : start) + left),
        );
      }
      writeFileSync(join(path, `file-${f}.js`), Buffer.concat(chunks));
    }
  }
  return made;
}
