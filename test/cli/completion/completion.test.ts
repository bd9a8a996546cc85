/** What `ctxsrc completion candidates` answers; `shells.test.ts` presses Tab in real shells. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeLine } from '../../../src/cli/completion/completion.ts';
import { splitLine } from '../../../src/cli/completion/line.ts';
import { ProcessIo } from '../../../src/cli/io.ts';
import { Run } from '../../../src/cli/run.ts';
import { silentProgress } from '../../../src/core/progress.ts';
import { SourceTable } from '../../../src/source/table.ts';
import { ctxsrc, packageRoot } from '../../support/cli.ts';
import { type CompletionHome, completionHome } from '../../support/completion-home.ts';

describe('the answer to a Tab', () => {
  const before = process.cwd();
  let home: CompletionHome;
  let run: Run;

  beforeAll(() => {
    home = completionHome();
    process.chdir(home.cwd);
    run = new Run({
      reporter: { ...silentProgress, makeRoom: () => undefined, close: () => undefined },
      io: Object.assign(new ProcessIo(), { env: home.env }),
      flags: { quiet: true },
      attributes: [],
      ownsLock: false,
      uses: [],
      shares: false,
      table: new SourceTable(),
      config: { directory: '/', sources: [], network: {} },
      signal: new AbortController().signal,
    });
  });

  afterAll(async () => {
    await run.close();
    process.chdir(before);
  });

  /** Which paths the shell is to offer, and the words. */
  async function answer(line: string): Promise<string[]> {
    const [paths = '', ...words] = (await completeLine(run, `ctxsrc ${line}`)).trimEnd().split('\n');
    return [paths, ...words.map((word) => word.split('\t')[0]!)];
  }

  it.each([
    // Commands and flags.
    ['sna', ['none 0', 'snapshot']],
    ['--progress plain ke', ['none 0', 'key']],
    ['--json --no-', ['none 0', '--no-color', '--no-stat-cache']],
    ['--progress pl', ['none 0', 'plain']],
    ['nonsense ', ['none 0']],
    ['help sna', ['none 0', 'snapshot']],
    ['key --defin', ['none 0', '--definition']],
    ['key -- --defin', ['directories 0']],
    // `key --build` is a command of its own: it takes a directory and the flags of a build.
    ['key --bui', ['none 0', '--build']],
    ['key --targ', ['none 0']],
    ['key --build --targ', ['none 0', '--target']],
    ['key --build ', ['directories 0']],
    ['inputs --build-c', ['none 0', '--build-context']],
    ['inputs --from ', ['files 0']],
    ['inputs --changed', ['none 0', '--changed-since']],
    ['lock --from ', ['files 0']],
    ['lock --format d', ['none 0', 'dockerfile']],
    ['explain E_DIGEST_M', ['none 0', 'E_DIGEST_MISMATCH']],
    // Values of flags.
    ['snapshot --owner pre', ['none 0', 'preserve']],
    ['snapshot --owner=pre', ['none 8', '--owner=preserve']],
    ['key --platform linux/arm6', ['none 0', 'linux/arm64']],
    ['key --lock ', ['files 0']],
    ['key --lock=./x', ['files 7']],
    ['key -f ', ['files 0']],
    ['key --cache-dir ', ['directories 0']],
    ['key --retry ', ['none 0']],
    ['export . -o type=o', ['none 0', 'type=oci,dest=']],
    ['export . -o type=oci,dest=./x', ['files 14']],
    // References.
    ['key docker-im', ['directories 0', 'docker-image://', 'docker-image+blob://']],
    ['key a=docker-a', ['directories 2', 'a=docker-archive://']],
    ['key ./x', ['directories 0']],
    ['key a=./x', ['directories 2']],
    ['key docker-image://al', ['none 0']],
    ['key nonsense://al', ['none 0']],
    ['key oci-layout://fi', ['none 13', 'oci-layout://finder/']],
    ['key oci-archive://./fi', ['none 14', 'oci-archive://./finder/', 'oci-archive://./first.txt']],
    ['key local://./fi', ['none 8', 'local://./finder/']],
    ['key oci-layout://./ima', ['none 13', ...['', ':latest', ':v1.0'].map((end) => `oci-layout://./image${end}`)]],
    ['key oci-layout://./image:v', ['none 13', 'oci-layout://./image:v1.0']],
    ['key a=oci-layout://./image:v', ['none 15', 'a=oci-layout://./image:v1.0']],
    ['key oci-layout://image/:la', ['none 13', 'oci-layout://image/:latest']],
    // Arguments that are no references.
    ['cache pr', ['none 0', 'prune']],
    ['cache prune ', ['none 0']],
    ['auth ', ['none 0']],
    ['verify ', ['directories 0']],
    ['snapshot ./docs ', ['directories 0']],
    ['snapshot ./docs out ', ['none 0']],
    ['parse ./docs ', ['none 0']],
    ['sources test ', ['files 0']],
    ['key . > ', ['files 0']],
    // Entries of the lock file.
    ['lock --update ', ['none 0', 'base', 'app']],
    ['lock --update base ', ['none 0', 'app']],
    ['lock ba', ['none 0', 'base=']],
    ['lock base=docker-a', ['directories 5', 'base=docker-archive://']],
    ['key --lock ctxsrc.lock ba', ['directories 0', 'base']],
    ['lock --lock nowhere --update ', ['none 0']],
  ])('%s', async (line, expected) => {
    expect(await answer(line)).toEqual(expected);
  });

  it('offers no name that a shell could read as more than a name', async () => {
    expect(await answer('key oci-layout://./hostile/')).toEqual(['none 13']);
    expect(await answer('key oci-layout://./tagged:')).toEqual(['none 13']);
  });

  it('asks nothing of a pipe or a device', async () => {
    symlinkSync('/dev/zero', join(home.cwd, 'endless.tar'));
    expect(await answer('key oci-archive://./endl')).toEqual(['none 14', 'oci-archive://./endless.tar']);
  });

  it('says nothing of files that cannot be read', async () => {
    writeFileSync(join(home.cwd, 'broken.lock'), '{');
    writeFileSync(join(home.cwd, 'broken.tar'), 'no tar');
    expect(await answer('lock --lock broken.lock --update ')).toEqual(['none 0']);
    expect(await answer('key docker-archive://broken.tar:')).toEqual(['none 17']);
  });
});

describe('the line at which Tab was pressed', () => {
  it.each([
    ['ctxsrc key ', ['ctxsrc', 'key'], ''],
    ['ctxsrc  key ./a', ['ctxsrc', 'key'], './a'],
    [`ctxsrc 'a b' "c \\" d" e\\ f g`, ['ctxsrc', 'a b', 'c " d', 'e f'], 'g'],
    [`ctxsrc 'a b`, ['ctxsrc'], `'a b`],
    ['ctxsrc a\\', ['ctxsrc'], 'a\\'],
    ['', [], ''],
  ])('%j', (line, words, current) => {
    expect(splitLine(line)).toEqual({ words, current });
  });
});

describe('ctxsrc completion', () => {
  it('an unknown shell is a usage error', async () => {
    const { code, stdout, stderr } = await ctxsrc(['completion', 'tcsh']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('bash, zsh or fish');
  });

  it('the manual page names every command and exit code', async () => {
    const { stdout } = await ctxsrc(['completion', 'man']);
    for (const word of ['.TH CTXSRC 1', 'ctxsrc snapshot', '\\-\\-subpath', 'E_RATE_LIMIT'])
      expect(stdout).toContain(word);
    expect(readFileSync(join(packageRoot, 'dist', 'ctxsrc.1'), 'utf8')).toBe(stdout);
  });
});
