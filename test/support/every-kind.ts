/** A tree of files for programs that pack it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of every length and byte, and every kind of entry that any user can make; the same modes under any umask. */
export function makeEveryKind(dir: string): string {
  const long = 'n'.repeat(255);
  mkdirSync(join(dir, long, long), { recursive: true });
  mkdirSync(join(dir, 'closed'));
  mkdirSync(join(dir, 'empty'));
  const bytes = Array.from({ length: 255 }, (_, index) => index + 1).filter((byte) => byte !== 0x2f);
  for (const [name, content] of [
    [Buffer.from(bytes), 'every byte'],
    [Buffer.from(`${long}/${long}/${long}`), 'deep'],
    [Buffer.from('closed/file'), Buffer.alloc(1_200_000, 'x')],
    [Buffer.from('nothing'), ''],
    [Buffer.from('program'), '#!/bin/sh\n'],
    ...Array.from({ length: 5 }, (_, index) => [Buffer.from('e'.repeat(98 + index)), 'edge'] as const),
  ] as const) {
    const path = Buffer.concat([Buffer.from(`${dir}/`), name]);
    writeFileSync(path, content);
    chmodSync(path, 0o644);
  }
  symlinkSync(`/${long}`, join(dir, 'link'));
  execFileSync('mkfifo', ['-m', '640', join(dir, 'fifo')]);
  // A user to whom root's files do not belong cannot have the bit in a snapshot.
  chmodSync(join(dir, 'program'), process.getuid!() === 0 ? 0o4755 : 0o755);
  for (const name of [long, `${long}/${long}`, 'empty', '.']) chmodSync(join(dir, name), 0o755);
  chmodSync(join(dir, 'closed'), 0o700);
  return dir;
}
