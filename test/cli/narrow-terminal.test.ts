/** A terminal of 40 columns: lines are broken between words, and digests shortened as a whole. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cliEnv, cliHome, cliPath, packageRoot } from '../support/cli.ts';
import { needs } from '../support/needs.ts';
import { Terminal } from '../support/terminal.ts';

it.skipIf(!needs('tmux'))(
  'answers, errors and hints have no line that a terminal of 40 columns breaks (T1)',
  async () => {
    const env = {
      ...cliEnv(cliHome()),
      TERM: 'xterm',
      GITHUB_ACTIONS: '',
      LC_ALL: 'C.UTF-8',
      DOCKER_DEFAULT_PLATFORM: 'linux/amd64',
    };
    const terminal = new Terminal(40, 50, { ...env, NODE: process.execPath, CLI: cliPath() });
    let count = 0;
    const shown = async (command: string): Promise<string[]> => {
      // Each its own, for the end of the command before may still be seen.
      count += 1;
      const end = `end${count}`;
      terminal.type(`clear; $NODE $CLI ${command}; echo ${end}`);
      const rows = await terminal.until((lines) => lines.at(-2) === end, 'its end');
      return rows.slice(0, -2);
    };
    try {
      terminal.type(`cd ${join(packageRoot, 'fixtures', 'layouts')}`);
      expect((await shown('push --dry-run oci-layout://hello oci-layout://new')).slice(0, 9)).toEqual([
        'send  configuration, 318 B',
        '      sha256:8359…1ce7',
        'send  layer, 7.2 kB',
        '      sha256:5a9c…23ae',
        'send  layer, 3.1 kB',
        '      sha256:c802…ea30',
        'send  manifest, 557 B',
        '      sha256:e5e9…f00f',
        'note: 11.2 kB would be sent; nothing',
      ]);
      expect(await shown('digest alpine:3.20')).toEqual([
        'ctxsrc: "alpine:3.20" has no scheme',
        '  and is no directory here',
        'hint: for an image type',
        '  docker-image://alpine:3.20, for a',
        '  directory type ./alpine:3.20',
      ]);
      expect((await shown('explain 76')).slice(0, 2)).toEqual(['exit 76: rate limit that does not clear', 'in time']);
      expect(await shown('inspect --hidden oci-layout://hello')).toEqual(
        expect.arrayContaining(['image    sha256:e5e9…f00f', '    31 B      1  old.txt']),
      );
      expect((await shown('cache prune --dry-run')).join('\n')).toMatch(/\n {10}the store needs it\n/);
    } finally {
      terminal.close();
    }
  },
  60_000,
);
