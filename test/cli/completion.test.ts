import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const root = join(import.meta.dirname, '..', '..');

/** A directory with the program on its PATH and a layout, as a user at a shell has it. */
async function home(): Promise<{ cwd: string; env: Record<string, string> }> {
  const cwd = await tempDir();
  const bin = join(cwd, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'ctxsrc'),
    `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin', 'ctxsrc.js')}' "$@"\n`,
    { mode: 0o755 },
  );
  cpSync(join(root, 'fixtures', 'layouts', 'hello'), join(cwd, 'hello'), { recursive: true });
  mkdirSync(join(cwd, 'cache'));
  const path = `${bin}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
  return { cwd, env: { PATH: path, HOME: cwd, CTXSRC_CACHE_DIR: join(cwd, 'cache') } };
}

/** What bash offers for a half-typed line. */
async function bashCompletes(line: string): Promise<string[]> {
  const { cwd, env } = await home();
  const script = `
eval "$(ctxsrc completion bash)"
COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_ctxsrc
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['-c', script, 'bash', line], { cwd, env, encoding: 'utf8' });
  return text.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it('bash: commands, flags, choices, schemes, tags of a layout', async () => {
    expect(await bashCompletes('ctxsrc sna')).toEqual(['snapshot']);
    expect(await bashCompletes('ctxsrc key --defin')).toEqual(['--definition']);
    expect(await bashCompletes('ctxsrc snapshot --owner pre')).toEqual(['preserve']);
    expect(await bashCompletes('ctxsrc key docker-im')).toContain('docker-image://');
    expect(await bashCompletes('ctxsrc key oci-layout://./hello:la')).toEqual(['latest']);
    expect(await bashCompletes('ctxsrc explain E_DIGEST_M')).toEqual(['E_DIGEST_MISMATCH']);
  });

  it.skipIf(!needs('zsh'))('zsh loads the script', async () => {
    const { cwd, env } = await home();
    const script =
      'autoload -U compinit && compinit -u && eval "$(ctxsrc completion zsh)" && print -r -- $_comps[ctxsrc]';
    expect(execFileSync('zsh', ['-fc', script], { cwd, env, encoding: 'utf8' })).toContain('_bash_complete');
  });

  it.skipIf(!needs('fish'))('fish: commands, flags, schemes, tags of a layout', async () => {
    const { cwd, env } = await home();
    const complete = (line: string) =>
      execFileSync('fish', ['-c', 'ctxsrc completion fish | source; complete -C $argv[1]', line], {
        cwd,
        env,
        encoding: 'utf8',
      });
    expect(complete('ctxsrc sna')).toMatch(/^snapshot\t/);
    expect(complete('ctxsrc key --defin')).toMatch(/^--definition\t/);
    expect(complete('ctxsrc snapshot --owner pre')).toMatch(/^preserve/);
    expect(complete('ctxsrc key oci-lay')).toContain('oci-layout://');
    expect(complete('ctxsrc key oci-layout://./hello:la')).toContain('oci-layout://./hello:latest');
  });

  it('an unknown shell is a usage error', async () => {
    const { code, stdout, stderr } = await ctxsrc(['completion', 'tcsh']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('bash, zsh or fish');
  });

  it('the manual page names every command and exit code', async () => {
    const { stdout } = await ctxsrc(['completion', 'man']);
    for (const word of ['.TH CTXSRC 1', 'ctxsrc snapshot', '\\-\\-subpath', 'E_RATE_LIMIT'])
      expect(stdout).toContain(word);
  });
});
