import { expect, it } from 'vitest';
import { CtxsrcError, ioError } from '../../src/core/errors.ts';

const failed = (code: string): Error => Object.assign(new Error('failed'), { code });

it.each([
  ['ENOENT', 'E_PATH_NOT_FOUND', 'check the path: a relative one begins in the current directory'],
  ['ENOTDIR', 'E_PATH_NOT_FOUND', 'check the path: a relative one begins in the current directory'],
  ['EACCES', 'E_PERMISSION', 'check the owner and mode of the path, or run as a user who may'],
  ['EFBIG', 'E_IO', 'raise the limit (ulimit -f)'],
  ['EIO', 'E_IO', undefined],
])('%s of a file that the user named is %s, with the hint of the caller before its own', (code, wanted, usual) => {
  expect(ioError(failed(code), 'cannot read x')).toMatchObject({ code: wanted, hint: usual });
  expect(ioError(failed(code), 'cannot read x', 'look')).toMatchObject({ code: wanted, hint: 'look' });
});

it('a quota that is used up is told as that, not as a full disk', () => {
  const told = ioError(failed('EDQUOT'), 'cannot write x');
  expect(told).toMatchObject({ code: 'E_DISK_FULL', message: 'cannot write x: disk quota exceeded' });
});

it('what is typed already, and an abort, stay as they are', () => {
  for (const error of [new CtxsrcError('E_LIMIT', 'too much'), failed('ABORT_ERR')]) {
    expect(ioError(error, 'cannot read x', 'look')).toBe(error);
  }
});

it('an error told with more keeps its code and what is not given, adds details, and is caused by the first', () => {
  const first = new CtxsrcError('E_FORBIDDEN', 'no', { hint: 'ask', ref: 'r', details: { host: 'h' } });
  const more = first.with({ message: 'no, again', details: { status: 403 } });
  expect(more).toMatchObject({ code: 'E_FORBIDDEN', message: 'no, again', hint: 'ask', ref: 'r', cause: first });
  expect(more.details).toEqual({ host: 'h', status: 403 });
  expect(first.with({ hint: 'go' })).toMatchObject({ message: 'no', hint: 'go', details: { host: 'h' } });
});
