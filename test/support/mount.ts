/** Full disks: tests that mount a small file system. */
import { execFileSync } from 'node:child_process';
import { needs, needsRoot, skip } from './needs.ts';
import { tempDir } from './temp.ts';

/** True when this process may mount; containers often may not, although they run as root. @throws Error in CI then */
export function mayMount(): boolean {
  if (!needsRoot('full disk: mounts a tmpfs') || !needs('mount', 'umount')) return false;
  const dir = tempDir('mount');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    return skip('mount is forbidden here: full disk');
  }
  execFileSync('umount', [dir]);
  return true;
}
