/** The part of an image that a filter chooses. */
import { describe, expect, it } from 'vitest';
import { dir, file, hard, type Layer, link, refusal, shape, unpack } from './applied.ts';

describe('a filter', () => {
  const image: Layer = [
    dir('usr'),
    dir('usr/usr'),
    file('usr/usr/deep', 'd'),
    dir('usr/bin'),
    file('usr/bin/a', 'a'),
    hard('usr/bin/b', 'other/target'),
    file('etc/x.conf', 'x'),
    link('bin', 'usr/bin'),
    dir('empty'),
  ];
  const layers: Layer[] = [[dir('other'), file('other/target', 't')], image];

  it('keeps what include chooses, with its parents, and drops what exclude names', () => {
    expect(shape(unpack(layers, { filter: { include: ['usr/bin', '**/*.conf'] } }).dir)).toEqual([
      'etc/',
      'etc/x.conf=x',
      'usr/',
      'usr/bin/',
      'usr/bin/a=a',
      'usr/bin/b=t',
    ]);
    expect(shape(unpack(layers, { filter: { exclude: ['usr', '!usr/bin/b', 'empty', 'other'] } }).dir)).toEqual([
      'bin -> usr/bin',
      'etc/',
      'etc/x.conf=x',
      'usr/',
      'usr/bin/',
      'usr/bin/b=t',
    ]);
  });

  it('makes a directory the root, also through a link and with a child of its own name', () => {
    expect(shape(unpack(layers, { filter: { subpath: 'usr' } }).dir)).toEqual([
      'bin/',
      'bin/a=a',
      'bin/b=t',
      'usr/',
      'usr/deep=d',
    ]);
    expect(shape(unpack(layers, { filter: { subpath: '/bin/', exclude: ['a'] } }).dir)).toEqual(['b=t']);
    const { entries, report } = unpack(layers, { filter: { subpath: 'usr/usr' } });
    expect(entries.map(({ path, type }) => [path, type])).toEqual([['deep', 'file']]);
    expect([report.files, report.bytes]).toEqual([1, 1]);
  });

  it('counts only the losses of what it keeps, by the paths it gives', () => {
    const owned = layers.map((layer) =>
      layer.map((entry) => ({ ...entry, uid: 54321, gid: 54321, mode: entry.type === 'dir' ? 0o755 : 0o4755 })),
    );
    const { report } = unpack(owned, { owner: 'current', filter: { subpath: 'usr/bin', include: ['a'] } });
    expect(report.losses).toEqual([{ path: 'a', kind: 'setuid', detail: 'mode 4755' }]);
    expect(report.lossCounts).toEqual({ setuid: 1 });
  });

  it('refuses a subpath that is not there or no directory', () => {
    expect(refusal(layers, { filter: { subpath: 'none' } }).code).toBe('E_PATH_NOT_FOUND');
    expect(refusal(layers, { filter: { subpath: 'usr/bin/a/x' } }).code).toBe('E_ARCHIVE_INVALID');
    expect(refusal(layers, { filter: { subpath: '../x' } }).code).toBe('E_ATTRIBUTE');
  });
});
