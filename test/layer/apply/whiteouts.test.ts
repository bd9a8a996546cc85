/** What a layer removes of those below it. */
import { describe, expect, it } from 'vitest';
import { LayerApplier } from '../../../src/layer/apply/apply.ts';
import { TarReader } from '../../../src/layer/tar/reader.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { dir, file, gone, type Layer, LIMITS, link, OWN, shape, unpack } from './applied.ts';

describe('whiteouts', () => {
  const base: Layer = [dir('d'), file('d/a', 'a'), dir('d/sub'), file('d/sub/b', 'b'), file('e', 'e'), link('l', 'd')];

  it('remove a file, a directory, through a link, and nothing when there is nothing', () => {
    expect(shape(unpack([base, [gone('.wh.e'), gone('d/.wh.sub'), gone('.wh.none')]]).dir)).toEqual([
      'd/',
      'd/a=a',
      'l -> d',
    ]);
    expect(shape(unpack([base, [gone('l/.wh.a')]]).dir)).toEqual(['d/', 'd/sub/', 'd/sub/b=b', 'e=e', 'l -> d']);
    expect(shape(unpack([base, [gone('.wh.l')]]).dir)).toEqual(['d/', 'd/a=a', 'd/sub/', 'd/sub/b=b', 'e=e']);
  });

  it('may be followed by a new thing of that name, and remove what the layer itself wrote before', () => {
    expect(shape(unpack([base, [gone('.wh.d'), file('d', 'file')]]).dir)).toEqual(['d=file', 'e=e', 'l -> d']);
    expect(shape(unpack([[file('x'), gone('.wh.x')]]).dir)).toEqual([]);
  });

  it.each([
    ['before', [gone('d/.wh..wh..opq'), file('d/new', 'n')]],
    ['after', [file('d/new', 'n'), gone('d/.wh..wh..opq')]],
    ['without an entry for its directory, through a link', [file('l/new', 'n'), gone('l/.wh..wh..opq')]],
  ] as [string, Layer][])('make a directory opaque, the marker standing %s', (_, layer) => {
    expect(shape(unpack([base, layer]).dir)).toEqual(['d/', 'd/new=n', 'e=e', 'l -> d']);
  });

  it('of the opaque kind keep what this layer put deeper, even into an older directory', () => {
    const { dir: root } = unpack([base, [file('d/sub/new', 'n'), gone('d/.wh..wh..opq')]]);
    expect(shape(root)).toEqual(['d/', 'd/sub/', 'd/sub/new=n', 'e=e', 'l -> d']);
  });

  it('of the opaque kind clear the root', () => {
    expect(shape(unpack([base, [gone('.wh..wh..opq'), file('n', 'n')]]).dir)).toEqual(['n=n']);
  });

  it.each(['.wh.', '.wh..', '.wh...', 'd/.wh.', 'd/.wh..', 'd/.wh...'])(
    'named %j are refused and remove nothing',
    (name) => {
      const root = tempDir('apply');
      const applier = new LayerApplier(root, { owner: 'auto', limits: LIMITS });
      applier.beginLayer();
      new TarReader(applier).push(tar(base.map((entry) => ({ ...OWN, ...entry }))));
      applier.endLayer();
      const before = shape(root);
      applier.beginLayer();
      expect(() => new TarReader(applier).push(tar([gone(name)]))).toThrow(
        expect.objectContaining({ code: 'E_UNSAFE' }),
      );
      expect(shape(root)).toEqual(before);
      applier.close();
    },
  );

  it('of aufs for itself are ignored', () => {
    expect(
      shape(unpack([[dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs'), file('a', 'a')]]).dir),
    ).toEqual(['a=a']);
  });
});
