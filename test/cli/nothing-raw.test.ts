/** Names that a terminal would obey reach it in no answer, message, stack or document. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

/** Clears the screen, sets the title, turns the direction of writing, hides letters. */
const EVIL = 'a\u001b[2Jb\u009b31mc\u001b]0;t\u0007d\u202ee\u061cf\u200bg\u{e0041}';
/** Line ends are ours. */
const OBEYED = /[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

const cwd = tempDir('raw');
const options = { cwd, home: cliHome() };
const layout = `oci-layout://${join(cwd, 'layout')}`;

beforeAll(() => {
  mkdirSync(join(cwd, EVIL));
  writeFileSync(join(cwd, EVIL, EVIL), 'x'.repeat(10));
  mkdirSync(join(cwd, 'good'));
  writeFileSync(join(cwd, 'good', 'file'), '');
  const images = new LayoutBuilder();
  const image = images.image({
    layers: [images.layer(tar([{ name: EVIL, content: 'x' }]))],
    config: { Labels: { [EVIL]: EVIL }, Env: [`PATH=${EVIL}`] },
  });
  images.tag(image, EVIL).tag(image, 'other').write(join(cwd, 'layout'));
  writeFileSync(
    join(cwd, 'ctxsrc.lock'),
    `{"${EVIL.replaceAll('\u001b', '\\u001b').replaceAll('\u0007', '\\u0007')}": 1}`,
  );
});

describe.each([
  ['for a person', ['-vv', '--progress', 'plain']],
  ['as JSON', ['-vv', '--json']],
  ['as events', ['--progress', 'rawjson']],
])('%s', (_, flags) => {
  it.each([
    ['key', `./${EVIL}`],
    ['key', `./${EVIL}x`],
    ['key', EVIL],
    ['key', `${EVIL}://x`],
    ['inspect', `./${EVIL}`],
    ['inspect', `${layout}:${EVIL}`],
    ['inspect', `${layout}:no`],
    ['diff', '--files', `./${EVIL}`, './good'],
    ['diff', '--stat', `${layout}:${EVIL}`, './good'],
    ['diff', '--files', './good', `${layout}:${EVIL}`],
    ['snapshot', `./${EVIL}`, join('out', EVIL, flags[1]!)],
    ['snapshot', `${layout}:other`, join('image', flags[1]!)],
    ['snapshot', '--subpath', EVIL, `${layout}:other`, 'never'],
    ['export', `./${EVIL}`, '-o', `type=tar,dest=good/file/${EVIL}`],
    ['verify', EVIL],
    ['auth', EVIL],
    ['lock', '--check'],
    ['lock', '--lock', EVIL, '--check'],
    ['explain', EVIL],
    ['help', EVIL],
    ['cache', 'ls'],
    ['cache', 'prune', '--filter', EVIL],
    ['cache', 'ls', '--cache-dir', join('good', 'file', EVIL)],
    ['sources', 'test', EVIL],
    ['key', '--source', `./${EVIL}.mjs`, './good'],
    [EVIL],
    ['key', `--${EVIL}`],
  ])('%j %j', async (...args) => {
    const { stdout, stderr, code } = await ctxsrc([...args.filter((arg) => arg !== undefined), ...flags], options);
    expect(code, stderr).not.toBe(1);
    for (const text of [stdout, stderr]) expect(OBEYED.exec(text)?.[0], JSON.stringify(text)).toBeUndefined();
  });

  it('what differs in a snapshot', async () => {
    const target = `changed-${flags[1]}`;
    await ctxsrc(['snapshot', `./${EVIL}`, target], options);
    renameSync(join(cwd, target, EVIL), join(cwd, target, `${EVIL}2`));
    const { stdout, stderr, code } = await ctxsrc(['verify', target, ...flags], options);
    expect(code).toBe(5);
    for (const text of [stdout, stderr]) expect(OBEYED.exec(text)?.[0], JSON.stringify(text)).toBeUndefined();
  });
});
