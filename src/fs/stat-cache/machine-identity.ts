/** Identifies a machine and the time since it booted. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Identifies this machine since it booted. */
export function machineIdentity(): string {
  const parts = ['/etc/machine-id', '/proc/sys/kernel/random/boot_id'].map((file) => {
    try {
      return readFileSync(file, 'latin1').trim();
    } catch {
      return '';
    }
  });
  return [...parts, hostname()].join('/');
}
