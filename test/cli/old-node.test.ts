/** A Node that is too old says so in one line, however the program is started. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { packageRoot, run } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const dir = tempDir('old-node');
const dist = (name: string): string => join(packageRoot, 'dist', name);

/** Arguments that make this Node say that it is another one, and lack what that one lacks. */
function pretending(version: string): string[] {
  const file = join(dir, `${version}.cjs`);
  const versions = `{ ...process.versions, node: ${JSON.stringify(version)} }`;
  writeFileSync(
    file,
    `Object.defineProperty(process, 'versions', { value: ${versions} }); process.getBuiltinModule = undefined;`,
  );
  return ['--require', file];
}

it.each([
  ['18.20.8', '20.19'],
  ['20.18.3', '20.19'],
  ['21.7.3', '22.3'],
  ['22.2.0', '22.3'],
])('Node %s is asked to be %s', async (version, wanted) => {
  const said = `ctxsrc needs Node ${wanted} or newer, this is ${version}`;
  for (const program of [join(packageRoot, 'bin', 'ctxsrc.js'), dist('ctxsrc.mjs')]) {
    const { code, stdout, stderr } = await run(process.execPath, [...pretending(version), program, 'key', '.']);
    expect([code, stdout, stderr], program).toEqual([74, '', `${said}\n`]);
  }
  const library = `import(${JSON.stringify(pathToFileURL(dist('index.js')))}).catch((error) => console.log(error.message))`;
  const { stdout } = await run(process.execPath, [...pretending(version), '-e', library]);
  expect(stdout).toBe(`${said}\n`);
});
