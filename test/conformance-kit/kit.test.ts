import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runConformance, type Subject } from '../../src/conformance/kit.ts';
import { shownFile } from '../docs/pages.ts';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

/** A folder as an author of a source has it: the source of docs/sources.md and broken ones, and this package installed. */
function authorsFolder(): string {
  const dir = tempDir('kit');
  writeFileSync(join(dir, 'one-file.js'), shownFile('docs/sources.md', 'one-file.mjs'));
  cpSync(join(packageRoot, 'test', 'conformance-kit', 'broken-sources.js'), join(dir, 'broken-sources.js'));
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(packageRoot, join(dir, 'node_modules', 'ctxsrc'));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  for (let rule = 1; rule <= 10; rule += 1) {
    writeFileSync(
      join(dir, `broken-${rule}.js`),
      `import { brokenSource } from './broken-sources.js';\nexport const { source, prepare } = brokenSource(${rule});\n`,
    );
  }
  return dir;
}

interface Report {
  readonly passed: boolean;
  readonly executed: number;
  readonly brokenRules: readonly number[];
  readonly checks: readonly { readonly rule: number; readonly status: string; readonly detail?: string }[];
}

const cwd = authorsFolder();

describe('the conformance kit', () => {
  it('passes a good source, and says how much it tried', async () => {
    const { code, stdout } = await ctxsrc(['sources', 'test', './one-file.js'], { cwd });
    expect(stdout).toMatch(/(\d\d) checks executed, 0 failed\n$/);
    expect(code).toBe(0);
    const json = await ctxsrc(['sources', 'test', '--json', './one-file.js'], { cwd });
    const report = JSON.parse(json.stdout) as Report;
    expect(report.executed).toBeGreaterThanOrEqual(15);
    expect([...new Set(report.checks.filter(({ status }) => status === 'passed').map(({ rule }) => rule))]).toEqual(
      [1, 2, 3, 4, 5, 7, 8, 9, 10].filter((rule) => rule !== 5),
    );
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('a source that breaks rule %i fails on exactly that rule', async (rule) => {
    const module = pathToFileURL(join(cwd, `broken-${rule}.js`)).href;
    const subject = (await import(module)) as Pick<Subject, 'source' | 'prepare'>;
    const { checks, brokenRules } = await runConformance({ ...subject, origin: { module }, patience: 500 });
    const failed = checks.filter(({ status }) => status === 'failed');
    expect(failed.filter((check) => check.rule !== rule)).toEqual([]);
    expect(brokenRules).toEqual([rule]);
  });

  it('a source that breaks a rule is exit 1, and the rule is named', async () => {
    const json = await ctxsrc(['sources', 'test', '--json', './broken-2.js'], { cwd });
    expect([json.code, (JSON.parse(json.stdout) as Report).brokenRules]).toEqual([1, [2]]);
    const { code, stdout } = await ctxsrc(['sources', 'test', './broken-2.js'], { cwd });
    expect(stdout).toMatch(/another process/);
    expect(code).toBe(1);
  });

  it('a module without prepare, without a source, or that is not there is exit 2', async () => {
    writeFileSync(join(cwd, 'no-prepare.js'), `export { source } from './one-file.js';\n`);
    writeFileSync(join(cwd, 'no-source.js'), 'export const x = 1;\n');
    for (const module of ['./no-prepare.js', './no-source.js', './nowhere.js']) {
      const { code, stdout, stderr } = await ctxsrc(['sources', 'test', module], { cwd });
      expect([module, code, stdout]).toEqual([module, 2, '']);
      expect(stderr).toContain('hint: ');
    }
  });
});

describe('before anything else', () => {
  const attribute = (name: string, more = '') => `[{ name: '${name}', kind: 'text', help: 'x'${more} }]`;
  const module = (name: string, members: string, rest = `export { prepare } from './one-file.js';`) => {
    const text = `import { source as one } from './one-file.js';\nexport const source = { ...one, ${members} };\n${rest}\n`;
    writeFileSync(join(cwd, name), text);
  };

  it.each([
    ['a scheme', `schemes: ['git']`, /declares the scheme git, which is already there\nhint: give the new source/],
    [
      'a flag of every command',
      `attributes: ${attribute('retry')}`,
      /--retry is a flag of ctxsrc already.*\nhint: .*one-file-retry$/m,
    ],
    ['a flag of one command', `attributes: ${attribute('keep-duration')}`, /--keep-duration is a flag of ctxsrc cache/],
    ['the other half of a flag', `attributes: ${attribute('color')}`, /--color is a flag of ctxsrc already/],
    [
      'a flag of another source',
      `attributes: ${attribute('checksum')}`,
      /--checksum is a flag of docker-image already/,
    ],
    ['a short form', `attributes: ${attribute('mine', `, short: 'q'`)}`, /-q, --mine is a flag of ctxsrc already/],
    [
      'no name',
      `attributes: ${attribute('Mine ')}`,
      /declares the attribute "Mine ", which cannot be the name of a flag/,
    ],
    [
      'no kind',
      `attributes: [{ name: 'x', kind: 'switch', help: 'x' }]`,
      /of the kind "switch", which there is not\nhint/,
    ],
  ])('%s that cannot be its own is refused, by the kit and where it is loaded', async (_what, members, says) => {
    module('taken.js', members);
    for (const args of [
      ['sources', 'test', './taken.js'],
      ['key', '--source', './taken.js', 'one-file://data.csv'],
    ]) {
      const { code, stdout, stderr } = await ctxsrc(args, { cwd });
      expect([code, stdout, stderr.split('\n').length]).toEqual([2, '', 3]);
      expect(stderr).toMatch(says);
    }
  });

  it.each([
    [
      'throws',
      `export const prepare = () => nothing;`,
      /prepare\(\) gave nothing to test with: ReferenceError: nothing is not defined/,
    ],
    [
      'misspells',
      `export const prepare = () => ({ reference: 'one-file://x', malformed: [], varients: [] });`,
      /varients is not known/,
    ],
    [
      'tries what there is not',
      `export const prepare = () => ({ reference: 'x', malformed: [], variants: [{ x: 1 }] });`,
      /attributes\.x/,
    ],
  ])('a prepare that %s is exit 2, without a stack', async (_what, prepare, says) => {
    module('unprepared.js', '', prepare);
    const { code, stdout, stderr } = await ctxsrc(['sources', 'test', './unprepared.js'], { cwd });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr.split('\n')).toHaveLength(3);
  });
});

describe('a source from outside', () => {
  it('has its scheme in key, snapshot, help, sources and completion', async () => {
    writeFileSync(join(cwd, 'data.csv'), 'a,b\n');
    const args = ['--source', './one-file.js'];
    const { stdout: key } = await ctxsrc(['key', ...args, 'one-file://data.csv'], { cwd });
    expect(key).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const snapshot = await ctxsrc(['snapshot', ...args, 'one-file://data.csv', 'out'], { cwd });
    expect([snapshot.code, snapshot.stdout]).toEqual([0, key]);
    expect(execFileSync('cat', [join(cwd, 'out', 'data.csv')], { encoding: 'utf8' })).toBe('a,b\n');
    expect((await ctxsrc(['sources', ...args], { cwd })).stdout).toContain('one-file://PATH');
    expect((await ctxsrc(['key', 'one-file://data.csv'], { cwd })).code).toBe(2);
    const unknown = await ctxsrc(['key', ...args, 'nope://x'], { cwd });
    expect(unknown.stderr).toContain('one-file');
    const candidates = await ctxsrc(['completion', 'candidates', ...args, '--', 'ctxsrc key one'], { cwd });
    expect(candidates.stdout).toContain('\none-file://\t');
  });

  it('comes from the configuration file of the user, never from the current directory', async () => {
    writeFileSync(join(cwd, 'config.json'), JSON.stringify({ sources: ['./one-file.js'] }));
    writeFileSync(join(cwd, 'ctxsrc.config.json'), JSON.stringify({ sources: ['./one-file.js'] }));
    expect((await ctxsrc(['key', 'one-file://data.csv'], { cwd })).code).toBe(2);
    expect(
      (await ctxsrc(['key', 'one-file://data.csv'], { cwd, env: { CTXSRC_CONFIG: join(cwd, 'config.json') } })).code,
    ).toBe(0);
  });

  it('cannot shadow a built-in scheme', async () => {
    writeFileSync(
      join(cwd, 'shadow.js'),
      `import { source as one } from './one-file.js';\nexport const source = { ...one, schemes: ['oci-layout'] };\n`,
    );
    const { code, stderr } = await ctxsrc(['key', '--source', './shadow.js', 'oci-layout://x'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('already there');
  });
});
