/**
 * A machine of a CI system: a home of its own, `ctxsrc` in the PATH, a `docker` that writes down what it was asked, and
 * docker.io, which a registry on this machine stands for. Recipes are run on it as their pages print them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CliResult, packageRoot, run } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

export class Machine {
  readonly home: string = tempDir('machine');
  readonly env: Record<string, string>;
  #files = 0;

  constructor(registry: string) {
    const bin = join(this.home, 'bin');
    const config = join(this.home, '.config', 'ctxsrc');
    mkdirSync(bin);
    mkdirSync(config, { recursive: true });
    writeFileSync(
      join(config, 'config.json'),
      JSON.stringify({ mirrors: { 'docker.io': registry }, plainHttp: [registry] }),
    );
    this.env = {
      PATH: `${bin}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: this.home,
      LC_ALL: 'C.UTF-8',
      DOCKER_DEFAULT_PLATFORM: 'linux/amd64',
      BASE_IMAGE: 'docker-image://docker.io/library/debian:12',
      IMAGE: `${registry}/team/app`,
      GITHUB_OUTPUT: join(this.home, 'github-output'),
      GIT_CONFIG_GLOBAL: '/dev/null',
    };
    this.addProgram('ctxsrc', `exec '${process.execPath}' '${join(packageRoot, 'bin', 'ctxsrc.js')}' "$@"`);
    this.addProgram('docker', 'echo "docker $*" >> ~/docker.log; cat ~/docker.out 2>/dev/null || true');
  }

  addProgram(name: string, script: string): void {
    writeFileSync(join(this.home, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** What docker was asked, a line each. */
  dockerLog(): string[] {
    try {
      return readFileSync(join(this.home, 'docker.log'), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  }

  /** Runs a file with this text, and nothing else in it, by `bash` with the options. */
  bash(
    cwd: string,
    options: readonly string[],
    text: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<CliResult> {
    this.#files += 1;
    const file = join(this.home, `script-${this.#files}`);
    writeFileSync(file, text);
    return run('bash', [...options, file], { cwd, env: { ...this.env, ...env } });
  }

  /** A fresh clone, with the umask that the machine happens to have. */
  async checkout(origin: string, umask: string): Promise<string> {
    const dir = join(tempDir('checkout'), 'project');
    const cloned = await this.bash(this.home, ['-e'], `umask ${umask}\ngit clone -q '${origin}' '${dir}'\n`);
    if (cloned.code !== 0) throw new Error(cloned.stderr);
    return dir;
  }
}
