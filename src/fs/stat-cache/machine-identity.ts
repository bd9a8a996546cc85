/** What tells machines, and times since they were booted, from each other. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** This machine since it was booted. */
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
