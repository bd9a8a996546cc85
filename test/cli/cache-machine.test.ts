/** What the cache commands must not take for damage, where they must not go, and whom they must not trust. */
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliOptions, cliHome, ctxsrc } from '../support/cli.ts';
import { expectFailure } from '../support/cli-expect.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needsRoot } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

/** Someone to whom a mode means something: the tester, or nobody. */
const uid = process.getuid?.() === 0 ? 65_534 : undefined;
const home = cliHome(uid);
const store = join(home, 'cache', 'ctxsrc');
const options: CliOptions = { uid, home };
let server: TestRegistry;
let image: string;

beforeAll(async () => {
  server = await TestRegistry.start();
  const layout = new LayoutBuilder();
  server.push(
    layout,
    'a',
    'tag',
    layout.image({ layers: [layout.layer(tar([{ name: 'file', content: 'content' }]))] }),
  );
  image = `docker-image://${server.host}/a:tag`;
  expect((await ctxsrc(['snapshot', '--mode', 'hardlink', image, join(home, 'out')], options)).code).toBe(0);
});
afterAll(() => server.stop());

/** Every file of the store but those of running processes. */
function everything(): string[] {
  return (readdirSync(store, { recursive: true }) as string[])
    .filter((path) => !/^(?:tmp|locks|leases|ingest)\//.test(path))
    .sort();
}
const under = (folder: string, name: RegExp): string =>
  join(store, everything().find((path) => path.startsWith(`${folder}/`) && name.test(path))!);

describe('a failure of this machine is no damage', () => {
  it.each([
    ['a blob', 'blobs', /[0-9a-f]{64}$/],
    ['all blobs', 'blobs', /sha256$/],
    ['the facts of a snapshot', 'snapshots', /snapshot\.json$/],
    ['the list of its files', 'snapshots', /jsonl$/],
    ['the directory of its files', 'snapshots', /fs$/],
    ['a record', 'records', /json$/],
  ])(
    'cache verify, and prune where it reads that, end with 74 and remove nothing: %s cannot be read',
    async (_, folder, name) => {
      const before = everything();
      const path = under(folder, name);
      const { mode } = statSync(path);
      chmodSync(path, 0);
      try {
        const verify = await ctxsrc(['cache', 'verify'], options);
        expect([verify.code, verify.stdout], verify.stderr).toEqual([74, '']);
        expect(verify.stderr).toMatch(/permission denied/);
        await ctxsrc(['cache', 'prune'], options);
      } finally {
        chmodSync(path, mode);
      }
      expect(everything()).toEqual(before);
      const good = await ctxsrc(['cache', 'verify'], options);
      expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('all good')]);
    },
  );
});

it('a part of the cache that is a link leads nowhere, and nothing there is removed', async () => {
  const elsewhere = tempDir('elsewhere');
  writeFileSync(join(elsewhere, 'precious'), 'x');
  for (const part of ['tmp', 'records', 'blobs', 'blobs/sha256', 'stat-cache', 'workspaces']) {
    const path = join(store, part);
    const aside = `${path}.aside`;
    if (existsSync(path)) renameSync(path, aside);
    symlinkSync(elsewhere, path);
    try {
      for (const args of [
        ['cache', 'prune', '--all'],
        ['cache', 'verify'],
      ])
        await expectFailure(
          args,
          { code: 'E_UNSAFE', message: new RegExp(`${part} in the cache is a link`), hint: /--cache-dir/ },
          options,
        );
    } finally {
      rmSync(path);
      if (existsSync(aside)) renameSync(aside, path);
    }
  }
  expect(readdirSync(elsewhere)).toEqual(['precious']);
});

describe('others who can change the cache are told of', () => {
  it('when everybody may write to it', async () => {
    const open = tempDir('open');
    chmodSync(open, 0o777);
    const { code, stderr } = await ctxsrc(['cache', 'du', '--cache-dir', open]);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^warning: everybody may write to the cache .*\nhint: .*--cache-dir.*\n$/),
    ]);
    chmodSync(open, 0o755);
    expect((await ctxsrc(['cache', 'du', '--cache-dir', open])).stderr).toBe('');
  });

  it.skipIf(!needsRoot('gives a directory to others'))(
    'when it belongs to somebody else, but not when a group shares it',
    async () => {
      const theirs = tempDir('theirs');
      chownSync(theirs, 4242, 0);
      expect((await ctxsrc(['cache', 'du', '--cache-dir', theirs])).stderr).toMatch(/belongs to user 4242/);
      chmodSync(theirs, 0o2775);
      expect((await ctxsrc(['cache', 'du', '--cache-dir', theirs])).stderr).toBe('');
    },
  );
});
