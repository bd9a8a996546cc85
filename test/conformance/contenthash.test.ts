import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bytesOfText } from '../../src/fs/byte-string.ts';
import { EMPTY_DIGEST, entryHeader, type HashedEntry, hexDigest } from '../../src/fs/entry/header.ts';
import { checksum } from '../support/checksum.ts';
import { ContentTree, keyOf, type TreeRecord } from '../support/content-tree.ts';
import { type VectorEntry, vectorPath } from '../support/context-tree.ts';

interface Check {
  readonly path?: string;
  readonly path_b64?: string;
  readonly opts: Record<string, unknown>;
  readonly digest?: string;
  readonly error?: string;
}

interface Header {
  readonly path?: string;
  readonly path_b64?: string;
  readonly headerBytes?: string;
  readonly headerBytes_b64?: string;
  readonly digest: string;
}

interface Case {
  readonly name: string;
  readonly input: { readonly entries: readonly VectorEntry[] };
  readonly expect: {
    readonly entryHeaders: readonly Header[];
    readonly scan: readonly Check[];
    readonly localSync?: readonly Check[];
    readonly localSyncKeepOwner?: readonly Check[];
    readonly recursivePreimages: Readonly<Record<string, { readonly b64: string }>>;
  };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/contenthash.json', import.meta.url), 'utf8')) as {
  count: number;
  cases: Case[];
};

type Origin = 'scan' | 'localSync' | 'localSyncKeepOwner';

/** The entry whose content and attributes a hard link shares. */
function original(entries: readonly VectorEntry[], entry: VectorEntry): VectorEntry {
  return entry.type === 'hardlink' ? original(entries, entries.find(({ path }) => path === entry.linkname)!) : entry;
}

function hashed(entry: VectorEntry, origin: Origin): HashedEntry {
  const keepsOwner = origin !== 'localSync';
  const xattrs = Object.entries(entry.xattrs_b64 ?? {}).map(
    ([name, value]) => [name, Buffer.from(value, 'base64').toString('latin1')] as const,
  );
  const device = origin === 'scan' ? undefined : `${entry.devmajor}:${entry.devminor}`;
  return {
    type: entry.type as HashedEntry['type'],
    mode: Number.parseInt(entry.mode, 8),
    uid: keepsOwner ? entry.uid : 0,
    gid: keepsOwner ? entry.gid : 0,
    size: Buffer.byteLength(entry.content ?? ''),
    target: entry.linkname === undefined ? device : bytesOfText(entry.linkname),
    xattrs: new Map(xattrs),
  };
}

function treeOf(entries: readonly VectorEntry[], origin: Origin): ContentTree {
  const records: TreeRecord[] = entries
    .filter((entry) => vectorPath(entry) !== '.')
    .map((entry) => {
      const source = original(entries, entry);
      const header = entryHeader(hashed(source, origin));
      return {
        key: keyOf(`/${vectorPath(entry)}`),
        kind: source.type === 'dir' || source.type === 'symlink' ? source.type : 'file',
        digest: hexDigest(header + bytesOfText(source.content ?? '')),
        target: source.type === 'symlink' ? bytesOfText(source.linkname!) : undefined,
      };
    });
  const root = entries.find((entry) => vectorPath(entry) === '.') ?? { type: 'dir', mode: '0755', uid: 0, gid: 0 };
  // A sync that transfers nothing leaves nothing recorded, and the tree is scanned when it is asked for.
  const isScan = origin === 'scan' || records.length === 0;
  return new ContentTree(records, isScan ? hexDigest(entryHeader(hashed(root, 'scan'))) : EMPTY_DIGEST);
}

function replay(tree: ContentTree, check: Check): void {
  const run = () => checksum(tree, vectorPath(check), check.opts);
  if (check.error === undefined) expect(run(), JSON.stringify(check)).toBe(check.digest);
  else expect(run, JSON.stringify(check)).toThrow(/not found|syntax error in pattern|too many links/);
}

describe(`contenthash.json, ${vectors.count} trees, from data`, () => {
  test('the file is complete', () => expect(vectors.cases).toHaveLength(vectors.count));

  test.each(vectors.cases)('headers of $name', ({ input, expect: expected }) => {
    for (const header of expected.entryHeaders) {
      const path = vectorPath(header);
      const entry =
        input.entries.find((item) => vectorPath(item) === (path === '' ? '.' : path)) ??
        ({ type: 'dir', mode: '0755', uid: 0, gid: 0 } as const);
      const source = original(input.entries, entry);
      const bytes = entryHeader(hashed(source, 'scan'));
      const wanted =
        header.headerBytes_b64 === undefined
          ? bytesOfText(header.headerBytes!)
          : Buffer.from(header.headerBytes_b64, 'base64').toString('latin1');
      expect(bytes, path).toBe(wanted);
      expect(`sha256:${hexDigest(bytes + bytesOfText(source.content ?? ''))}`).toBe(header.digest);
    }
  });

  test.each(vectors.cases)('preimages of $name hash to their names', ({ expect: expected }) => {
    for (const [digest, { b64 }] of Object.entries(expected.recursivePreimages)) {
      expect(`sha256:${createHash('sha256').update(Buffer.from(b64, 'base64')).digest('hex')}`).toBe(digest);
    }
  });

  for (const origin of ['scan', 'localSync', 'localSyncKeepOwner'] as const) {
    const cases = vectors.cases.filter((item) => item.expect[origin] !== undefined);
    const checks = cases.reduce((sum, item) => sum + item.expect[origin]!.length, 0);
    test.each(cases)(`${origin} of $name (${checks} checks in all)`, ({ input, expect: expected }) => {
      const tree = treeOf(input.entries, origin);
      for (const check of expected[origin]!) replay(tree, check);
    });
  }
});
