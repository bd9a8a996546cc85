import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { combinedKey } from '../../src/source/combined-key.ts';
import { tempDir } from '../support/temp.ts';

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

describe('the combined key', () => {
  it('is the digest of the document that the contract shows', async () => {
    const dir = await tempDir();
    writeFileSync(join(dir, 'Dockerfile'), 'FROM base\n');
    const result = await combinedKey(
      'linux/amd64',
      [
        { name: '', key: 'sha256:b', config: undefined },
        { name: 'z', key: 'sha256:z', config: 'sha256:c' },
        { name: 'A', key: 'sha256:a', config: undefined },
      ],
      [join(dir, 'Dockerfile')],
      [
        ['b', '2'],
        ['a', '<1>'],
      ],
    );
    const preimage =
      '{"V":2,"Platform":"linux/amd64","Contexts":[{"Name":"A","Key":"sha256:a"},{"Name":"z","Key":"sha256:z","Config":"sha256:c"},{"Name":"","Key":"sha256:b"}],' +
      `"Files":[{"Name":"Dockerfile","Digest":"${sha('FROM base\n')}"}],"With":["a=\\u003c1\\u003e","b=2"]}`;
    expect(result.preimage).toBe(preimage);
    expect(result.key).toBe(sha(preimage));
  });

  it('spells empty lists as []', async () => {
    expect((await combinedKey(undefined, [], [], [])).preimage).toBe('{"V":2,"Contexts":[],"Files":[],"With":[]}');
  });

  it('sorts names by bytes, not by UTF-16', async () => {
    const context = (name: string) => ({ name, key: 'k', config: undefined });
    const { preimage } = await combinedKey(undefined, [context('\u{1f600}'), context('\uffee')], [], []);
    expect(preimage.indexOf('\uffee')).toBeLessThan(preimage.indexOf('\u{1f600}'));
  });

  it('refuses a name given twice', async () => {
    await expect(
      combinedKey(
        undefined,
        [],
        [],
        [
          ['a', '1'],
          ['a', '2'],
        ],
      ),
    ).rejects.toMatchObject({ code: 'E_USAGE' });
    const twice = { name: 'x', key: 'k', config: undefined };
    await expect(combinedKey(undefined, [twice, twice], [], [])).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('names a Dockerfile that is not there', async () => {
    await expect(combinedKey(undefined, [], ['/nowhere/Dockerfile'], [])).rejects.toMatchObject({
      code: 'E_PATH_NOT_FOUND',
      exit: 3,
    });
  });
});
