/** An OCI layout named by its path alone is hashed as a directory, as builders do, and that is told. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const cwd = tempDir('layout');
cpSync(join(packageRoot, 'fixtures', 'layouts', 'hello'), join(cwd, 'l'), { recursive: true });
cpSync(join(cwd, 'l'), join(cwd, 'no-layout'), { recursive: true });
rmSync(join(cwd, 'no-layout', 'index.json'));

describe('an OCI layout named by its path alone', () => {
  it('is a warning, exit 8 under --strict, and both references of the hint work', async () => {
    const [plain, bare, strict, other] = await Promise.all([
      ctxsrc(['key', './l'], { cwd }),
      ctxsrc(['key', 'x=l'], { cwd }),
      ctxsrc(['key', '--strict', './l'], { cwd }),
      ctxsrc(['key', '--strict', './no-layout'], { cwd }),
    ]);
    expect({ code: strict.code, stdout: strict.stdout }, strict.stderr).toEqual({ code: 8, stdout: '' });
    for (const { stderr } of [plain, bare, strict]) expect(stderr).toMatch(/l is an OCI layout: its files are taken/);
    expect(other, other.stderr).toMatchObject({ code: 0, stderr: '' });
    expect([plain.code, bare.stdout]).toEqual([0, plain.stdout]);

    const [, image, directory] = /type (oci-layout:\/\/\S+), for the directory (local:\/\/\S+)/.exec(strict.stderr)!;
    const [ofImage, ofDirectory] = await Promise.all([
      ctxsrc(['key', '--strict', image!], { cwd }),
      ctxsrc(['key', '--strict', directory!], { cwd }),
    ]);
    expect(ofDirectory).toMatchObject({ code: 0, stdout: plain.stdout, stderr: '' });
    expect(ofImage).toMatchObject({ code: 0, stderr: '' });
    expect(ofImage.stdout).not.toBe(plain.stdout);
  });
});
