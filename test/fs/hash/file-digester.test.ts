import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CHANGED, DONE, type EntryRows, FIRST_ROW } from '../../../src/fs/entry/rows.ts';
import { EntryTable } from '../../../src/fs/entry/table.ts';
import { DiskReader } from '../../../src/fs/entry/tree-entry.ts';
import { FileDigester } from '../../../src/fs/hash/file-digester.ts';
import * as calls from '../../../src/fs/native/file-calls.ts';
import { loadNative } from '../../../src/fs/native/native.ts';
import { tempDir } from '../../support/temp.ts';

let root: string;
beforeEach(() => {
  root = tempDir('digester');
});
afterEach(() => vi.restoreAllMocks());

const HOUR = 3_600_000;
const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Digests one file; `seen` is what was seen of it before, if anything was. */
function digest(seen: 'seen' | 'unseen', begun: number, between: () => void = () => undefined) {
  const table = new EntryTable(() => undefined);
  if (seen === 'seen') table.add(new DiskReader(root).entry('f')!);
  else table.addUnseen({ type: 'unseen', dir: '', names: ['f'] });
  table.publish();
  const rows = table.chunks[0] as EntryRows;
  between();
  const clock = { begun, device: statSync(root).dev, isLocal: true };
  const digester = new FileDigester({ root, contentOnly: true, modes: 'exact', scan: false, clock });
  const large = digester.digest(rows, FIRST_ROW);
  while (large?.step() === true);
  large?.close();
  return { state: rows.state(FIRST_ROW), digest: rows.digest(FIRST_ROW), size: rows.size(FIRST_ROW) };
}

/** Lets something happen each time that a file has been read. */
function afterReading(native: boolean, happens: (count: number) => void): void {
  let count = 0;
  const real = actual.fileCalls(native ? loadNative() : undefined);
  vi.mocked(calls.fileCalls).mockReturnValue({
    ...real,
    read(...call) {
      const read = real.read(...call);
      count += 1;
      happens(count);
      return read;
    },
  });
}

vi.mock('../../../src/fs/native/file-calls.ts', { spy: true });
const actual = await vi.importActual<typeof calls>('../../../src/fs/native/file-calls.ts');

describe.each(loadNative() === undefined ? [false] : [false, true])('native calls: %s', (native) => {
  test.each([0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 << 18, 1_000_000])('a file of %i bytes', (size) => {
    const content = Buffer.alloc(size, 'abcdefg');
    writeFileSync(join(root, 'f'), content);
    afterReading(native, () => undefined);
    for (const seen of ['seen', 'unseen'] as const) {
      for (const begun of [0, Date.now() + HOUR]) {
        expect(digest(seen, begun)).toEqual({ state: DONE, digest: sha256(content), size });
      }
    }
  });

  test('a young file that nobody had looked at is read once more', () => {
    writeFileSync(join(root, 'f'), 'one');
    let reads = 0;
    afterReading(native, (count) => {
      reads = count;
    });
    expect(digest('unseen', 0).digest).toBe(sha256('one'));
    const twice = reads;
    expect(digest('unseen', Date.now() + HOUR).digest).toBe(sha256('one'));
    expect(reads - twice).toBe(1);
    expect(twice).toBe(2);
  });

  test('a file that is written while it is read has the digest of what it is, or has changed', () => {
    writeFileSync(join(root, 'f'), 'one');
    afterReading(native, (count) => {
      if (count === 1) writeFileSync(join(root, 'f'), 'two');
    });
    expect(digest('unseen', 0)).toMatchObject({ state: DONE, digest: sha256('two') });
    afterReading(native, (count) => {
      if (count === 1) appendFileSync(join(root, 'f'), 'more');
    });
    expect(digest('seen', 0).state).toBe(CHANGED);
  });

  test('a large file that is cut or grows while it is read has changed', () => {
    for (const seen of ['seen', 'unseen'] as const) {
      for (const size of [1, 2 << 20]) {
        writeFileSync(join(root, 'f'), Buffer.alloc(1 << 20));
        afterReading(native, (count) => {
          if (count === 3) truncateSync(join(root, 'f'), size);
        });
        expect(digest(seen, Date.now() + HOUR).state).toBe(CHANGED);
      }
    }
  });

  test.each([
    ['gone', () => undefined],
    ['a directory', () => mkdirSync(join(root, 'f'))],
    ['a link', () => symlinkSync('g', join(root, 'f'))],
    ['another file', () => writeFileSync(join(root, 'f'), 'two')],
  ])('what is %s has changed', (_, replace) => {
    afterReading(native, () => undefined);
    writeFileSync(join(root, 'f'), 'one');
    writeFileSync(join(root, 'g'), 'one');
    const { state } = digest('seen', Date.now() + HOUR, () => {
      rmSync(join(root, 'f'));
      replace();
    });
    expect(state).toBe(CHANGED);
  });

  test('an empty file that was seen is not read', () => {
    writeFileSync(join(root, 'f'), '');
    let reads = 0;
    afterReading(native, (count) => {
      reads = count;
    });
    expect(digest('seen', 0)).toEqual({ state: DONE, digest: sha256(''), size: 0 });
    expect(reads).toBe(0);
  });

  test('after a pause, the directory itself may be another one', () => {
    afterReading(native, () => undefined);
    const dir = join(root, 'dir');
    const make = (content: string): void => {
      mkdirSync(dir);
      writeFileSync(join(dir, 'f'), content);
    };
    make('one');
    const clock = { begun: Date.now() + HOUR, device: statSync(dir).dev, isLocal: true };
    const digester = new FileDigester({ root: dir, contentOnly: true, modes: 'exact', scan: false, clock });
    const read = (): string => {
      const table = new EntryTable(() => undefined);
      table.add(new DiskReader(dir).entry('f')!);
      table.publish();
      const rows = table.chunks[0] as EntryRows;
      digester.digest(rows, FIRST_ROW);
      return rows.digest(FIRST_ROW);
    };
    expect(read()).toBe(sha256('one'));
    digester.close();
    rmSync(dir, { recursive: true });
    make('two');
    expect(read()).toBe(sha256('two'));
    digester.close();
  });
});
