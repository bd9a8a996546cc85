import { test } from 'vitest';
import { keyOfManyFiles } from '../support/many-files.ts';

test('a directory of 40,000 files', { timeout: 300_000 }, () => keyOfManyFiles(40_000));
