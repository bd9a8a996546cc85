/** What is committed is what the script makes: no fixture was edited by hand, none was forgotten. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixtureFiles } from '../fixtures/make.ts';
import { packageRoot } from './support/cli.ts';
import { needs } from './support/needs.ts';
import { tempDir } from './support/temp.ts';

const fixtures = join(packageRoot, 'fixtures');

function filesBelow(dir: string): string[] {
  return ['layouts', 'dirs']
    .flatMap((top) => readdirSync(join(dir, top), { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)))
    .filter((path) => statSync(join(dir, path)).isFile())
    .sort();
}

describe('fixtures', () => {
  it('are the bytes that make.ts gives', () => {
    const made = fixtureFiles();
    expect(filesBelow(fixtures)).toEqual([...made.keys()].sort());
    for (const [path, { data }] of made) expect(readFileSync(join(fixtures, path)).equals(data), path).toBe(true);
  });

  it('come out the same when the script is run', () => {
    const dir = tempDir('fixtures');
    execFileSync(process.execPath, [join(fixtures, 'make.mjs'), dir], { stdio: 'pipe' });
    expect(filesBelow(dir)).toEqual(filesBelow(fixtures));
    for (const path of filesBelow(dir)) {
      expect(readFileSync(join(dir, path)).equals(readFileSync(join(fixtures, path))), path).toBe(true);
    }
  });

  it('are small', () => {
    for (const path of filesBelow(fixtures)) expect(statSync(join(fixtures, path)).size, path).toBeLessThan(200_000);
  });

  it
    .skipIf(!needs('skopeo'))
    .each([
      'hello:latest',
      'everything:amd64',
      'everything:zstd',
      'everything:uncompressed',
      'everything:no-layers',
      'broken:intact',
    ])('%s is an image for skopeo too', (image) => {
    const source = `oci:${join(fixtures, 'layouts', image)}`;
    const target = `dir:${join(tempDir('copy'), 'dir')}`;
    execFileSync('skopeo', ['--insecure-policy', 'copy', source, target], { stdio: 'pipe' });
  });

  it.skipIf(!needs('skopeo')).each(['truncated-blob', 'wrong-digest', 'missing-blob', 'missing-manifest', 'schema-1'])(
    'broken:%s is none for skopeo either',
    (tag) => {
      const source = `oci:${join(fixtures, 'layouts', `broken:${tag}`)}`;
      const target = `dir:${join(tempDir('copy'), 'dir')}`;
      expect(() => execFileSync('skopeo', ['--insecure-policy', 'copy', source, target], { stdio: 'pipe' })).toThrow();
    },
  );
});
