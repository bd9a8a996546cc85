/** The next snapshot of an image comes from the directory that has one already, if and only if that still is one. */
import {
  appendFileSync,
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { treeText } from '../../support/tree.ts';

const asRoot = process.getuid?.() === 0;

describe('a snapshot of an image that was written before', () => {
  let base: string;
  let home: string;
  let reference: string;
  let tree: string;
  let number: number;

  beforeEach(async () => {
    base = tempDir('earlier');
    home = cliHome();
    const layout = new LayoutBuilder();
    const layer = layout.layer(
      tar([
        { name: 'bin/', type: 'dir', mode: 0o755 },
        { name: 'bin/tool', content: 'the tool', mode: 0o4755, uid: 7 },
        { name: 'bin/again', type: 'hardlink', linkname: 'bin/tool' },
        { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'secret', content: 'closed', mode: 0o600 },
        { name: 'closed/', type: 'dir', mode: 0o700 },
        { name: 'closed/x', content: 'x'.repeat(5000) },
        ...(asRoot ? [{ name: 'null', type: 'char' as const, mode: 0o666 }] : []),
      ]),
    );
    const image = layout.image({ layers: [layer] });
    layout.tag(image, 'latest').write(join(base, 'layout'));
    reference = `oci-layout://${join(base, 'layout')}:latest`;
    number = 0;
    await snapshot();
    tree = treeText(join(base, 'out1'));
  });

  /** Writes it to a new directory. @returns how the files came */
  async function snapshot(...flags: string[]): Promise<string> {
    number += 1;
    const target = join(base, `out${number}`);
    const { code, stdout, stderr } = await ctxsrc(['snapshot', reference, target, '--json', ...flags], { home });
    expect(code, stderr).toBe(0);
    return (JSON.parse(stdout) as { snapshot: { via: string } }).snapshot.via;
  }

  const verify = async (name: string): Promise<number | null> =>
    (await ctxsrc(['verify', join(base, name)], { home })).code;

  it('is a copy of that, again and again, and needs the layers no more', async () => {
    expect(await snapshot()).not.toBe('unpack');
    expect(treeText(join(base, 'out2'))).toBe(tree);
    expect(await verify('out2')).toBe(0);
    rmSync(join(base, 'out1'), { recursive: true });
    expect(await snapshot()).not.toBe('unpack');
    expect(treeText(join(base, 'out3'))).toBe(tree);
    expect(statSync(join(base, 'out3/bin/tool')).ino).toBe(statSync(join(base, 'out3/bin/again')).ino);
    expect(statSync(join(base, 'out3/bin/tool')).ino).not.toBe(statSync(join(base, 'out2/bin/tool')).ino);
  });

  it('is a copy of an older one when the newest one is gone', async () => {
    expect(await snapshot()).not.toBe('unpack');
    rmSync(join(base, 'out2'), { recursive: true });
    rmSync(join(base, 'out2.ctxsrc.json'));
    expect(await snapshot()).not.toBe('unpack');
    expect(treeText(join(base, 'out3'))).toBe(tree);
  });

  it('takes files that were only touched', async () => {
    const file = join(base, 'out1/secret');
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'closed');
    utimesSync(file, atime, mtime);
    expect(await snapshot()).not.toBe('unpack');
    expect(treeText(join(base, 'out2'))).toBe(tree);
  });

  it.each<[string, (out: string) => void]>([
    ['content with its size and time kept', (out) => change(join(out, 'secret'), 'CLOSED')],
    ['a longer file', (out) => appendFileSync(join(out, 'secret'), 'x')],
    ['a missing file', (out) => rmSync(join(out, 'secret'))],
    ['a link in the place of a file', (out) => replace(join(out, 'secret'), '../out1.ctxsrc.json')],
    ['a link in the place of a directory', (out) => aside(join(out, 'closed'))],
    ['a changed sidecar', (out) => appendFileSync(`${out}.ctxsrc.json`, ' ')],
    ['no sidecar', (out) => rmSync(`${out}.ctxsrc.json`)],
    ['no directory', (out) => rmSync(out, { recursive: true })],
  ])('is unpacked when that has %s', async (_, spoil) => {
    spoil(join(base, 'out1'));
    expect(await snapshot()).toBe('unpack');
    expect(treeText(join(base, 'out2'))).toBe(tree);
    expect(await verify('out2')).toBe(0);
  });

  it('is unpacked when that has an older directory in it, whose files have the same sizes and times', async () => {
    const older = join(base, 'older');
    cpSync(join(base, 'out1/closed'), older, { recursive: true, preserveTimestamps: true });
    change(join(older, 'x'), 'y'.repeat(5000));
    expect(await snapshot()).not.toBe('unpack');
    rmSync(join(base, 'out2/closed'), { recursive: true });
    renameSync(older, join(base, 'out2/closed'));
    expect(await snapshot()).toBe('unpack');
    expect(treeText(join(base, 'out3'))).toBe(tree);
  });

  it('is a copy of that, without what was added to it', async () => {
    writeFileSync(join(base, 'out1/bin/added'), 'x');
    expect(await snapshot()).not.toBe('unpack');
    expect(treeText(join(base, 'out2'))).toBe(tree);
  });

  it('is unpacked with other options, or for another directory in that place', async () => {
    expect(await snapshot('--exclude', 'secret')).toBe('unpack');
    expect(await snapshot('--exclude', 'secret')).not.toBe('unpack');
    expect(treeText(join(base, 'out3'))).toBe(treeText(join(base, 'out2')));
    renameSync(join(base, 'out1'), join(base, 'moved'));
    expect(await snapshot()).toBe('unpack');
  });

  it('replaces that in its own place', async () => {
    appendFileSync(join(base, 'out1/secret'), 'more');
    number -= 1;
    expect(await snapshot('--force')).toBe('unpack');
    expect(treeText(join(base, 'out1'))).toBe(tree);
  });

  it('is refused beyond the limits, whatever is there', async () => {
    const args = ['snapshot', reference, join(base, 'small'), '--max-bytes', '1000'];
    const { code, stderr } = await ctxsrc(args, { home });
    expect(code, stderr).not.toBe(0);
    expect(stderr).toContain('--max-bytes');
  });
});

/** Another content of the same size and mtime. */
function change(file: string, content: string): void {
  const { atime, mtime } = statSync(file);
  expect(readFileSync(file)).toHaveLength(content.length);
  writeFileSync(file, content);
  utimesSync(file, atime, mtime);
}

function replace(path: string, target: string): void {
  rmSync(path, { recursive: true });
  symlinkSync(target, path);
}

function aside(path: string): void {
  renameSync(path, `${path}.aside`);
  symlinkSync(`${path}.aside`, path);
}
