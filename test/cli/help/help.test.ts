/** Help: what a command can use, the usual flags first, the rest below the sources that have them. */
import { describe, expect, it } from 'vitest';
import { addBuildFlags } from '../../../src/cli/build-flags.ts';
import { titleOf } from '../../../src/cli/command-spec.ts';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { buildProgram, declaredAttributes } from '../../../src/cli/program.ts';
import { addSharingFlags } from '../../../src/cli/sharing-flags.ts';
import { SourceTable } from '../../../src/source/table.ts';
import { ctxsrc } from '../../support/cli.ts';

const attributes = declaredAttributes(await new SourceTable().loadAll());
const program = buildProgram(attributes, { buildFlags: addBuildFlags, sharingFlags: addSharingFlags });

function helpOf(name: string): string {
  const command = program.commands.find((one) => one.name() === name)!;
  command.configureHelp({ helpWidth: 80 });
  return command.helpInformation();
}

/** The flags below each heading. */
function groupsOf(name: string): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  let heading = '';
  for (const line of helpOf(name).split('\n')) {
    if (/^\S.*:$/.test(line)) heading = line;
    const flag = /^ {2}(?:-\w, )?(--[\w-]+)/.exec(line)?.[1];
    if (flag !== undefined) groups[heading] = [...(groups[heading] ?? []), flag];
  }
  return groups;
}

describe('help', () => {
  it('has the own and usual flags first, then those of each source, of the network and the settings', () => {
    const groups = groupsOf('key');
    const headings = Object.keys(groups);
    expect(headings[0]).toBe('Options:');
    expect(headings.slice(-2)).toEqual(['Registries and servers:', 'Settings:']);
    expect(groups['Options:']).toEqual(expect.arrayContaining(['--all', '--combined', '--json', '--strict', '--help']));
    expect(groups['For local:']).toEqual(expect.arrayContaining(['--include', '--exclude', '--modes']));
    expect(groups['For git:']).toEqual(expect.arrayContaining(['--keep-git-dir', '--known-hosts']));
    expect(groups['Registries and servers:']).toEqual(expect.arrayContaining(['--mirror', '--retry']));
  });

  it.each(COMMANDS.map(titleOf))('%s has its own and the usual flags first', (name) => {
    const groups = groupsOf(name);
    expect(Object.keys(groups)[0]).toBe('Options:');
    expect(groups['Options:']).toEqual(expect.arrayContaining(['--json', '--quiet', '--help']));
  });

  it('of a build has the flags of buildx that can matter, and not those that are only taken', () => {
    for (const name of ['key --build', 'inputs']) {
      const groups = groupsOf(name);
      expect(groups['Build:']).toEqual(expect.arrayContaining(['--file', '--build-arg', '--platform', '--with']));
      expect(helpOf(name)).not.toMatch(/--(?:tag|push|secret|no-cache|include)\b/);
    }
    expect(helpOf('key --build')).toContain('Usage: ctxsrc key --build [options] [dir]');
    expect(helpOf('key')).toContain('--build');
  });

  it.each([
    ['parse', /--(?:retry|mirror|offline|cache-dir|no-stat-cache|progress|max-bytes)\b/, '--platform'],
    ['explain', /--(?:retry|offline|cache-dir|no-stat-cache|lock|source|strict)\b/, '--json'],
    ['completion', /--(?:retry|offline|cache-dir|no-stat-cache|lock|strict)\b/, '--json'],
    ['cache', /--(?:retry|offline|no-stat-cache|lock|platform|strict)\b/, '--cache-dir'],
    ['verify', /--(?:retry|offline|lock|platform|cache-dir)\b/, '--strict'],
    ['auth', /--(?:no-stat-cache|lock|platform|strict|cache-dir)\b/, '--mirror'],
  ])('%s shows no flag that it cannot use', (name, unusable, usable) => {
    expect(helpOf(name)).not.toMatch(unusable);
    expect(helpOf(name)).toContain(usable);
  });

  it('takes everywhere what every command takes, shown or not', async () => {
    const flags = ['--offline', '--no-stat-cache', '--progress', 'none', '--strict', '--cache-dir', 'nowhere'];
    expect((await ctxsrc(['explain', ...flags, 'E_IO'])).code).toBe(0);
    expect((await ctxsrc(['parse', ...flags, '--retry', '0', 'docker-image://alpine'])).code).toBe(0);
  });

  it.each(COMMANDS.map(titleOf))('%s fits a terminal of 80 columns', (name) => {
    const wide = helpOf(name)
      .split('\n')
      // A digest is one word.
      .filter((line) => line.length > 80 && !/[0-9a-f]{64}/.test(line));
    expect(wide).toEqual([]);
  });
});
