/** What an image of many files costs to look at: its files are written as they are read, and none is kept longer. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const FILES = 100_000;
/** Megabytes. It takes 120 to 150 of them with Node 20, 175 to 205 with Node 26; with a document made as a whole it was 400. */
const MOST = 280;

it('inspect --json --files and ls -R take a bounded memory, whether the layers are read or known (L4)', {
  timeout: 120_000,
}, async () => {
  const layout = new LayoutBuilder();
  const half = (from: number) =>
    layout.layer(
      tar(
        Array.from({ length: FILES / 2 }, (_, i) => {
          const number = from + i;
          return {
            name: `usr/lib/node_modules/package-${Math.floor(number / 100)}/dist/file-${number}.js`,
            content: 'x',
          };
        }),
      ),
    );
  layout.tag(layout.image({ layers: [half(0), half(FILES / 2)] }), 'latest');
  const ref = `oci-layout://${layout.write(tempDir('many'))}`;
  const home = cliHome();
  const [hook, peak] = [join(home, 'hook.cjs'), join(home, 'peak')];
  // The peak of the program itself; what the system says of the process counts that of its parent, too.
  const note = `fs.writeFileSync(${JSON.stringify(peak)}, fs.readFileSync('/proc/self/status'))`;
  writeFileSync(hook, `const fs = require('node:fs');\nprocess.on('exit', () => ${note});\n`);
  const peakOf = async (pattern: RegExp, ...args: string[]): Promise<number> => {
    const { code, stdout } = await ctxsrc([...args, ref, '--quiet'], { home, nodeArgs: ['--require', hook] });
    expect([code, stdout.match(pattern)?.length]).toEqual([0, FILES]);
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(peak, 'utf8'))![1]) / 1024;
  };
  const inspect = ['inspect', '--json', '--files'];
  expect(await peakOf(/"change":"add","path":"[^"]*\.js","type":"file","size":1,/g, ...inspect)).toBeLessThan(MOST);
  expect(await peakOf(/"change":"add","path":"[^"]*\.js","type":"file","size":1,/g, ...inspect)).toBeLessThan(MOST);
  expect(await peakOf(/\.js$/gm, 'ls', '-R')).toBeLessThan(MOST);
});
