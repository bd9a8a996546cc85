/** Lock files as strangers write them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LockEntry } from '../../../src/snapshot/lock/lock.ts';
import { entryReference, openLock, understand } from '../../../src/snapshot/lock/references.ts';
import { SourceTable } from '../../../src/source/table.ts';
import { failure } from '../../support/failure-code.ts';
import { tempDir } from '../../support/temp.ts';

describe('an entry that contradicts itself is refused', () => {
  const evil = `sha256:${'e'.repeat(64)}`;
  const base = `oci-layout://./base:latest`;
  const digest = `sha256:${'d'.repeat(64)}`;
  const commit = 'c'.repeat(40);
  const cwd = tempDir('lock-entry');
  const path = join(cwd, 'ctxsrc.lock');
  const site = { table: new SourceTable(), cwd, attributes: {} };
  const image = 'docker-image://docker.io/library/alpine:3.20';

  it.each<[string, Partial<LockEntry>]>([
    ['another place that names the digest', { pinned: `oci-layout://./evil@${digest}` }],
    ['another place and digest, the digest in its path', { pinned: `oci-layout://./${digest}@${evil}` }],
    ['another image', { ref: image, pinned: `docker-image://evil.test/alpine:3.20@${digest}` }],
    ['another tag', { ref: image, pinned: `docker-image://docker.io/library/alpine:3.19@${digest}` }],
    ['another digest than the reference has', { ref: `${image}@${evil}`, pinned: `${image}@${evil}` }],
    ['the same, not pinned', { ref: `${base}@${evil}` }],
    ['a directory that is pinned', { ref: './app', pinned: `oci-layout://./evil@${digest}` }],
    ['a branch for a commit', { ref: 'https://h.test/r.git#main', digest: 'main', key: 'main' }],
    [
      'another repository',
      { ref: 'https://h.test/r.git#main', digest: commit, pinned: `https://h.test/evil.git#${commit}` },
    ],
    ['another commit than the reference has', { ref: `https://h.test/r.git#${'b'.repeat(40)}`, digest: commit }],
    ['another image in its place', { vendored: `docker-image://r.test/v:ctxsrc-1@${evil}` }],
    ['a tag that may move in its place', { vendored: 'docker-image://r.test/v:ctxsrc-1' }],
    ['a directory that is vendored as no image', { ref: './app', vendored: `oci-layout://./v:1@${digest}` }],
    ['no digest at all', { digest: 'latest' }],
    ['another checksum', { ref: 'https://h.test/x.tar', attributes: { checksum: evil } }],
  ])('%s', async (_, entry) => {
    const contexts = { x: { ref: base, digest, key: digest, ...entry } };
    writeFileSync(path, JSON.stringify({ lockfile: 1, contexts }));
    await expect(openLock(site, path)).rejects.toMatchObject({
      code: 'E_UNSAFE',
      exit: 8,
      message: expect.stringContaining('contradicts itself: x '),
    });
  });

  it.each<[string, Partial<LockEntry>]>([
    ['a layout', { pinned: `${base}@${digest}` }],
    ['a layout that names its digest', { ref: `${base}@${digest}`, pinned: `${base}@${digest}` }],
    ['a layout that is vendored', { vendored: `docker-image://r.test/v:ctxsrc-1@${digest}` }],
    ['a directory that is vendored', { ref: './app', vendored: `docker-image://r.test/v:ctxsrc-1@${evil}` }],
    ['an archive', { ref: 'oci-archive://./a.tar', pinned: `oci-archive://./a.tar@${digest}` }],
    ['an image', { ref: image, pinned: `${image}@${digest}`, attributes: { checksum: digest } }],
    ['a blob', { ref: `oci-layout+blob://./base@${digest}`, pinned: `oci-layout+blob://./base@${digest}` }],
    ['a branch', { ref: 'https://h.test/r.git#main:d', digest: commit, pinned: `https://h.test/r.git#${commit}:d` }],
    ['a commit', { ref: `https://h.test/r.git#${commit}`, digest: commit, attributes: { checksum: 'cccccc' } }],
    ['a directory', { ref: '../app' }],
    ['a file on the web', { ref: 'https://h.test/x.tar', attributes: { checksum: digest } }],
  ])('and %s is not', async (_, entry) => {
    const contexts = { x: { ref: base, digest, key: digest, ...entry } };
    writeFileSync(path, JSON.stringify({ lockfile: 1, contexts }));
    expect((await openLock(site, path)).entries.size).toBe(1);
  });
});

it('a word that is neither a reference nor an entry is told the entries that there are', async () => {
  const path = join(tempDir('lock-word'), 'ctxsrc.lock');
  const site = { table: new SourceTable(), cwd: '/', attributes: {} };
  writeFileSync(path, JSON.stringify({ lockfile: 1, contexts: { app: { ref: './app', digest: 'd', key: 'd' } } }));
  const error = await failure(understand(site, ['nowhere-at-all'], await openLock(site, path)));
  expect(error).toMatchObject({
    code: 'E_REFERENCE',
    message: expect.stringMatching(/^"nowhere-at-all" has no scheme .*, nor a name in the lock file \/.*ctxsrc\.lock$/),
    hint: expect.stringMatching(/^the file has app; for an image type docker-image:/),
  });
});

describe('names and texts without end are cut in what is said of them', () => {
  const path = join(tempDir('lock-names'), 'ctxsrc.lock');
  const site = { table: new SourceTable(), cwd: '/', attributes: {} };
  const entry = { ref: './app', digest: 'd', key: 'd' };
  const long = 'n'.repeat(100_000);

  it('a name that is not there', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `${index}${long.slice(0, 1000)}`);
    writeFileSync(path, JSON.stringify({ lockfile: 1, contexts: Object.fromEntries(names.map((n) => [n, entry])) }));
    const error = await failure(entryReference(site, await openLock(site, path), 'x', 'pinned'));
    expect(error.hint).toMatch(/^the file has 0n+…, 1/);
    expect(error.hint!.length).toBeLessThan(10_000);
  });

  it.each([
    ['is not valid', { [long]: { ...entry, ref: 1 } }],
    ['contradicts itself', { [long]: { ...entry, pinned: long } }],
  ])('a file that %s', async (what, contexts) => {
    writeFileSync(path, JSON.stringify({ lockfile: 1, contexts }));
    const { message } = await failure(openLock(site, path));
    expect(message).toContain(what);
    expect(message.length).toBeLessThan(1000);
  });
});
