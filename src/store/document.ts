/** Documents of the store as those read them who list it: one that is damaged is told of, and ends nothing. */
import { lstatSync, readFileSync } from 'node:fs';
import { localError } from '../core/errors.ts';
import { isAbsent } from './failures.ts';

/** A document that cannot be used. */
export interface Problem {
  /** What is wrong, as a part of a sentence. */
  readonly problem: string;
  /** The fault may be that of this machine or user, so nobody can say what the document refers to. */
  readonly unread: boolean;
}

/** What ails the whole process, and says nothing about a file. */
const EXHAUSTED: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOMEM'];

/**
 * The text of a document, or what is wrong with it; undefined if it is gone. A pipe or a device is not opened.
 * @throws errors of `node:fs` when the process has no more file descriptors or memory
 */
export function readDocument(path: string): { readonly text: string } | Problem | undefined {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    return found.isFile() ? { text: readFileSync(path, 'utf8') } : damaged('is no file');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (EXHAUSTED.includes((error as NodeJS.ErrnoException).code)) throw error;
    return { problem: localError(error, 'cannot be read').message, unread: true };
  }
}

/** What is wrong with a document that was read. */
export function damaged(problem: string): Problem {
  return { problem, unread: false };
}
