/**
 * Files are the same image under a Node that another distribution built, with the zlib of its system: that of Debian
 * unstable, whose zlib makes other bytes of the same input than the one that Node carries.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../support/cli.ts';
import { makeEveryKind } from '../support/every-kind.ts';
import { needs, needsRoot, noteSkip } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

/** What the tree is in format 1: fixed for ever. */
const GOLDEN = {
  configuration: 'sha256:f6d8e34f4a20aaaa175c843fa9a4c7986539251eaaf4051a990affb847438d53',
  key: 'sha256:5846deb04766683f2df53b932bce0372dc6efbf58c4fef7c134e7470d4f16025',
  layer: 'sha256:0edf3d785fd2ddda935d9a19c76d8ad293135ee1771a5afbcfd2eaaad40aff82',
  manifest: 'sha256:71a039bc0e6ce7895a9809452e24132b2bc2cd397df9b64c941a19e16ebcc949',
};

const USER = 65534;

/** A small Debian unstable with its Node; undefined where the mirror has none today, which no change here could mend. */
function unstable(): string | undefined {
  const root = join(tempDir('unstable'), 'root');
  const mirror = process.env.CTXSRC_DEBIAN_MIRROR;
  const args = ['--variant=minbase', '--include=nodejs', 'sid', root, ...(mirror === undefined ? [] : [mirror])];
  try {
    execFileSync('debootstrap', args, { stdio: 'pipe' });
    return root;
  } catch (error) {
    noteSkip(`Debian unstable cannot be had: ${String(error)}`);
    return undefined;
  }
}

describe.skipIf(!needsRoot('debootstrap') || !needs('debootstrap', 'chroot'))(
  'a Node with the zlib of its system',
  () => {
    test('makes the same image of every kind of entry, for each user and time zone', async (context) => {
      const root = unstable() ?? context.skip();
      for (const name of ['bin', 'dist', 'package.json', 'node_modules/koffi', 'node_modules/@koromix']) {
        const from = join(packageRoot, name);
        if (existsSync(from)) cpSync(from, join(root, 'ctxsrc', name), { recursive: true });
      }
      const tree = makeEveryKind(join(root, 'tree'));
      execFileSync('mknod', ['-m', '600', join(tree, 'null'), 'c', '1', '3']);
      execFileSync('chown', ['-hR', `${USER}:${USER}`, tree]);
      // A change of owner clears the bit.
      chmodSync(join(tree, 'program'), 0o4755);
      mkdirSync(join(root, 'out'));
      chownSync(join(root, 'out'), USER, USER);

      const environment = [
        'env',
        '-i',
        'PATH=/usr/bin:/bin',
        'HOME=/out',
        'TMPDIR=/out',
        'CTXSRC_CACHE_DIR=/out/cache',
      ];
      const inside = (user: number, ...command: string[]): string =>
        execFileSync('chroot', [`--userspec=${user}:${user}`, root, ...environment, ...command], {
          encoding: 'utf8',
          stdio: 'pipe',
        });
      expect(inside(USER, 'node', '-p', 'process.config.variables.node_shared_zlib')).toBe('true\n');

      const program = ['/ctxsrc/bin/ctxsrc.js', 'push', '--json', '--no-ignore-file', '/tree'];
      const push = (user: number, zone: string) =>
        digests(inside(user, `TZ=${zone}`, 'node', ...program, `oci-layout:///out/${user}`));
      expect(push(USER, 'Asia/Tokyo')).toEqual(GOLDEN);
      expect(push(0, 'America/St_Johns')).toEqual(GOLDEN);
      const here = [join(packageRoot, 'bin', 'ctxsrc.js'), 'push', '--json', '--no-ignore-file', tree];
      const env = { ...process.env, CTXSRC_CACHE_DIR: tempDir('cache') };
      const own = execFileSync(process.execPath, [...here, `oci-layout://${root}/out/own`], { encoding: 'utf8', env });
      expect(digests(own)).toEqual(GOLDEN);
    });
  },
);

function digests(json: string): object {
  const { pushed } = JSON.parse(json) as {
    pushed: { digest: string; items: { kind: string; digest: string }[]; tree: { key: string } };
  };
  return { key: pushed.tree.key, ...Object.fromEntries(pushed.items.map(({ kind, digest }) => [kind, digest])) };
}
