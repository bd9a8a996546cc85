/** Snapshots that tests tell apart by a name. */
import type { SnapshotFacts } from '../../src/snapshot/sidecar/format.ts';
import type { FakeTree } from './fake-ref.ts';

export function snapshotFacts(name: string): SnapshotFacts {
  return { reference: name, identifier: name, key: `key of ${name}`, pin: 'pin', keys: [], options: {}, layers: [] };
}

/** Some files; the root directory of the old one is sealed. */
export function snapshotTree(name: string): FakeTree {
  const files = Array.from({ length: 30 }, (_, i) => [`dir/${i}`, `${name} ${i}`] as const);
  return {
    dir: { dir: true, mode: 0o555 },
    ...Object.fromEntries(files),
    name,
  };
}
