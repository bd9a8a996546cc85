// The disk that benchmarks write to: an ext4 with a journal on a loop device, which is nearest to what people have.
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes one of so many gigabytes below the temporary directory and mounts it. Where it may not be mounted, the temporary
 * directory itself is taken, and `what` says so.
 */
export function journaledDisk(gigabytes) {
  const folder = mkdtempSync(join(tmpdir(), 'ctxsrc-bench-disk-'));
  const [image, dir] = [join(folder, 'image'), join(folder, 'mounted')];
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const file = openSync(image, 'w');
    ftruncateSync(file, gigabytes * 2 ** 30);
    closeSync(file);
    mkdirSync(dir);
    // Room for more small files than is usual.
    execFileSync('mkfs.ext4', ['-q', '-F', '-i', '4096', image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop', image, dir], { stdio: 'ignore' });
  } catch {
    remove();
    return { dir: tmpdir(), what: `${tmpdir()} (no ext4 could be mounted)`, release: () => undefined };
  }
  const release = () => {
    execFileSync('umount', [dir]);
    remove();
  };
  return { dir, what: 'ext4 with a journal on a loop device', release };
}
