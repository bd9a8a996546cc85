import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram, programPath } from '../../src/core/programs.ts';
import { askHelper } from '../../src/registry/auth/helper.ts';
import { tempDir } from '../support/temp.ts';

function program(dir: string, name: string, text = '#!/bin/sh\n'): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

describe('findProgram', () => {
  const dir = tempDir('programs');
  const here = relative(process.cwd(), dir);
  program(dir, 'tool');

  it('takes the first absolute entry that has it', () => {
    const other = tempDir('programs');
    mkdirSync(join(other, 'tool'));
    expect(findProgram('tool', { PATH: `/nonexistent:${other}:${dir}` })).toBe(join(dir, 'tool'));
    writeFileSync(join(dir, 'data'), '');
    expect(findProgram('data', { PATH: dir })).toBeUndefined();
  });

  it.each(['', '.', here, `./${here}`, `:${here}`, `${here}:/nonexistent`])(
    'runs nothing that PATH=%j names',
    (path) => {
      expect(findProgram('tool', { PATH: path })).toBeUndefined();
      expect(programPath({ PATH: path })).toMatch(/^(?:\/nonexistent)?$/);
    },
  );

  it('looks where shells look when there is no PATH', () => {
    expect(findProgram('sh', {})).toMatch(/^\/(?:usr\/)?bin\/sh$/);
    expect(programPath({ PATH: `/a:.::/b:${here}` })).toBe('/a:/b');
  });

  it('finds credential helpers, and what they run, the same way', async () => {
    const answer = `#!/bin/sh\nprintf '{"Username":"u","Secret":"%s"}' "$PATH"\n`;
    program(dir, 'docker-credential-here', answer);
    expect(await askHelper('here', 'h', { PATH: `.:${here}` }, 5000)).toMatchObject({
      kind: 'failed',
      why: 'docker-credential-here is not in PATH',
    });
    const path = `/usr/bin:/bin:${dir}`;
    expect(await askHelper('here', 'h', { PATH: `.:${path}:${here}` }, 5000)).toEqual({
      kind: 'found',
      username: 'u',
      secret: path,
    });
  });
});
