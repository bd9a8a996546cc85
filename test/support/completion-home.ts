/** A directory as somebody at a shell has it who presses Tab: the program on the PATH, contexts, layouts, a lock file. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliHome, cliPath, packageRoot } from './cli.ts';
import { tempDir } from './temp.ts';

/** Names that a stranger may choose; each would make a file `x` if a shell read it as more than a name. */
export const HOSTILE_NAMES = ['1$(touch x)', '2`touch x`', '3;touch x;', '4 b&touch x', '5\ntouch x\n'];

export interface CompletionHome {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export function completionHome(): CompletionHome {
  const home = cliHome();
  const cwd = tempDir('completion');
  const bin = join(home, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'ctxsrc'), `#!/bin/sh\nexec '${process.execPath}' '${cliPath()}' "$@"\n`, { mode: 0o755 });
  for (const name of ['finder', 'fi dir', 'docs']) mkdirSync(join(cwd, name));
  writeFileSync(join(cwd, 'first.txt'), 'first\n');
  for (const name of HOSTILE_NAMES) {
    mkdirSync(join(cwd, 'hostile', name), { recursive: true });
    writeFileSync(join(cwd, 'hostile', name, 'file'), name);
  }
  layout(join(cwd, 'image'), ['latest', 'v1.0']);
  layout(join(cwd, 'tagged'), HOSTILE_NAMES);
  const entry = { ref: './docs', digest: 'sha256:0', key: 'sha256:0' };
  const names = ['base', 'app', ...HOSTILE_NAMES.map((name) => name.replaceAll(/\s+/g, '>')), '--json'];
  const contexts = Object.fromEntries(names.map((name) => [name, entry]));
  writeFileSync(join(cwd, 'ctxsrc.lock'), JSON.stringify({ schema: 'ctxsrc/v1', lockfile: 1, contexts }));
  const path = `${bin}:/usr/local/bin:/usr/bin:/bin`;
  return { cwd, env: { PATH: path, HOME: home, CTXSRC_CACHE_DIR: join(home, 'cache'), LANG: 'C.UTF-8' } };
}

/** One image under several tags. */
function layout(dir: string, tags: readonly string[]): void {
  cpSync(join(packageRoot, 'fixtures', 'layouts', 'hello'), dir, { recursive: true });
  const index = join(dir, 'index.json');
  const { manifests, ...rest } = JSON.parse(readFileSync(index, 'utf8')) as { manifests: Record<string, unknown>[] };
  const tagged = tags.map((tag) => ({
    ...manifests[0],
    annotations: { 'org.opencontainers.image.ref.name': tag },
  }));
  writeFileSync(index, JSON.stringify({ ...rest, manifests: tagged }));
}
