/**
 * Writes a snapshot with --force and dies on the way: target, name of the content, and at which call of `rename` and
 * whether before or after it (or at which millisecond). Without a place to die it just writes.
 */
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { SnapshotFacts } from '../../src/snapshot/sidecar/format.ts';
import { fakeJob, fakeRef, WRITE_OPTIONS } from './fake-ref.ts';
import { snapshotFacts, snapshotTree } from './snapshot-content.ts';

const [target, content, when, where] = process.argv.slice(2) as [string, string, string?, string?];

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

if (when === 'ms') {
  setTimeout(die, Number(where));
} else if (when !== undefined) {
  const { rename } = fsPromises;
  let calls = 0;
  fsPromises.rename = async (from, to) => {
    calls += 1;
    if (calls === Number(where) && when === 'before') die();
    await rename(from, to);
    if (calls === Number(where) && when === 'after') die();
  };
  syncBuiltinESMExports();
}

const { materialize } = await import('../../src/snapshot/write/materialize.ts');
const facts: SnapshotFacts = snapshotFacts(content);
await materialize(fakeJob(), {
  ref: fakeRef(snapshotTree(content)),
  target,
  facts,
  options: WRITE_OPTIONS,
  force: true,
  strict: false,
});
