/** Names that a terminal would obey reach it in no answer, message, stack or document. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

/** Clears the screen, sets the title, turns the direction of writing, hides letters. */
const EVIL = 'a\u001b[2Jb\u009b31mc\u001b]0;t\u0007d\u202ee\u061cf\u200bg\u{e0041}';
/** A line of its own, were the name printed as it is; and bytes that are no UTF-8. */
const NAMES = ['n\nFORGED\r\u001b[2J\u{2028}', Buffer.from('bad\xff\xfe\x1b[2J\xc2', 'latin1')] as const;
/** Line ends are ours, but none that a name brings. */
const OBEYED = /[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|^FORGED/mu;

const cwd = tempDir('raw');
const options = { cwd, home: cliHome() };
const layout = `oci-layout://${join(cwd, 'layout')}`;

beforeAll(() => {
  mkdirSync(join(cwd, EVIL));
  writeFileSync(join(cwd, EVIL, EVIL), 'x'.repeat(10));
  // Names that a warning repeats, and that lie where a line of the ignore file finds them.
  for (const name of NAMES) writeFileSync(Buffer.concat([Buffer.from(join(cwd, EVIL, '/')), Buffer.from(name)]), 'x');
  mkdirSync(join(cwd, EVIL, NAMES[0].repeat(2)));
  writeFileSync(join(cwd, EVIL, NAMES[0].repeat(2), 'id_rsa'), '-----BEGIN OPENSSH PRIVATE KEY-----\n');
  writeFileSync(join(cwd, EVIL, '.dockerignore'), `${EVIL}*\n!${EVIL}\n`);
  mkdirSync(join(cwd, 'good'));
  writeFileSync(join(cwd, 'good', 'file'), '');
  const images = new LayoutBuilder();
  const built = [
    images.layer(tar([{ name: EVIL, content: 'x' }, ...NAMES.map((name) => ({ name, content: 'hidden' }))])),
    images.layer(
      tar([...NAMES.map((name) => ({ name, content: 'x' })), { name: 'l', type: 'symlink', linkname: EVIL }]),
    ),
  ];
  const image = images.image({
    layers: built,
    configBytes: JSON.stringify({
      architecture: 'amd64',
      author: EVIL,
      os: 'linux',
      config: { Labels: { [EVIL]: EVIL }, Env: [`PATH=${EVIL}`], Cmd: [NAMES[0]], User: EVIL },
      rootfs: { type: 'layers', diff_ids: built.map(({ diffId }) => diffId) },
      history: built.map(() => ({ created_by: `RUN ${NAMES[0]}`, comment: EVIL })),
    }),
    annotations: { [EVIL]: NAMES[0] },
  });
  images.tag(image, EVIL).tag(image, 'other').write(join(cwd, 'layout'));
  const json = JSON.stringify(`/${EVIL}`).replace(/[^\x20-\x7e]/g, '?');
  const build = [
    'FROM scratch AS stage',
    `COPY ${json.replace('"', '["').replace(/$/, ', "/"]')}`,
    `RUN --mount=type=secret,id=${EVIL.replace(/\u0007/g, '')} true`,
    `LABEL a=${EVIL}`,
  ];
  mkdirSync(join(cwd, 'build'));
  writeFileSync(join(cwd, 'build', EVIL), '');
  writeFileSync(join(cwd, 'build', 'Dockerfile'), `${build.join('\n')}\n`);
  writeFileSync(join(cwd, 'bake.json'), JSON.stringify({ target: { [EVIL]: { context: EVIL }, b: { target: EVIL } } }));
  writeFileSync(
    join(cwd, 'ctxsrc.lock'),
    `{"${EVIL.replaceAll('\u001b', '\\u001b').replaceAll('\u0007', '\\u0007')}": 1}`,
  );
});

// The store lists what was pulled under such a name, and a lock file and a layout are not refused for theirs alone.
beforeAll(async () => {
  for (const args of [
    ['pull', `${layout}:${EVIL}`],
    ['lock', '--lock', 'moved.lock', `base=${layout}:${EVIL}`],
  ]) {
    const { code, stderr } = await ctxsrc(args, options);
    expect(code, stderr).toBe(0);
  }
  const lock = join(cwd, 'moved.lock');
  writeFileSync(lock, readFileSync(lock, 'utf8').replace(/sha256:[0-9a-f]{8}/g, 'sha256:00000000'));
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
    ['parse', `./${EVIL}`],
    ['digest', `${layout}:${EVIL}`],
    ['inspect', '--why', NAMES[0], `./${EVIL}`],
    ['inspect', '--files', `${layout}:${EVIL}`],
    ['inspect', '--hidden', '--layer', '1', `${layout}:${EVIL}`],
    ['ls', '-lR', `./${EVIL}`],
    ['ls', '-lR', `${layout}:${EVIL}`],
    ['ls', `${layout}:${EVIL}`, NAMES[0]],
    ['cat', `${layout}:${EVIL}`, `${NAMES[0]}x`],
    ['diff', '--files', '--patch', '--ignore', '.dockerignore', `./${EVIL}`, `${layout}:${EVIL}`],
    ['diff', '--files', '--markdown', './good', `./${EVIL}`],
    ['key', '--combined', '--with', `A=${EVIL}`, `./${EVIL}`, './good'],
    ['key', '--build', './build'],
    ['key', '--build', '--target', EVIL, './build'],
    ['key', '--build', '--build-context', `${EVIL}=./good`, '--build-arg', `A=${EVIL}`, './build'],
    ['inputs', './build'],
    ['inputs', './build', '-f', EVIL],
    ['inputs', '--from', 'bake.json', EVIL],
    ['lock', '--lock', 'moved.lock', '--check'],
    ['lock', '--lock', 'moved.lock', '--format', 'bake'],
    ['lock', '--lock', 'new.lock', `${EVIL}=./good`],
    ['push', '--dry-run', `${layout}:${EVIL}`, `oci-layout://${join(cwd, 'pushed')}:a`],
    ['push', '--dry-run', `${layout}:other`, `oci-layout://${join(cwd, 'pushed')}:${EVIL}`],
    ['push', '--dry-run', `./${EVIL}`, `oci-layout://${join(cwd, 'pushed')}`],
    ['cache', 'du'],
    ['cache', 'verify'],
    ['cache', 'prune', '--all', '--dry-run'],
    ['doctor', '--cache-dir', join(EVIL, 'store')],
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
