/** COPY and ADD. */

import { shortened } from '../../core/printable.ts';
import { expand } from '../expand/expand.ts';
import type { Escape } from '../expand/lexer.ts';
import { DockerfileProblem } from '../problem.ts';
import { readFlags } from './flags.ts';
import { heredocWord, withoutLeadingTabs } from './heredoc.ts';
import type { AddInstruction, CopyInstruction, Heredoc } from './instruction.ts';
import type { Statement } from './statement.ts';

type Files = Pick<CopyInstruction, 'sources' | 'documents' | 'destination'>;

/** @throws DockerfileProblem */
export function readCopy(statement: Statement, escapeMark: Escape) {
  checkWords(statement);
  const flags = readFlags(statement.flags, {
    chown: 'text',
    from: 'text',
    chmod: 'text',
    link: 'bool',
    exclude: 'list',
    parents: 'bool',
  });
  const { from = '' } = flags;
  if (expand(from, () => undefined, escapeMark) !== from) {
    throw new DockerfileProblem(
      `--from takes no variable: ${shortened(from)}`,
      'name a stage there: FROM IMAGE:$VARIABLE AS NAME at the top, and --from=NAME',
    );
  }
  return {
    kind: 'COPY',
    ...readFiles(statement),
    ...common(flags),
    from,
    parents: flags.parents ?? false,
  } as const;
}

/** @throws DockerfileProblem */
export function readAdd(statement: Statement) {
  checkWords(statement);
  const flags = readFlags(statement.flags, {
    chown: 'text',
    chmod: 'text',
    link: 'bool',
    'keep-git-dir': 'bool',
    checksum: 'text',
    unpack: 'bool',
    exclude: 'list',
  });
  return {
    kind: 'ADD',
    ...readFiles(statement),
    ...common(flags),
    checksum: flags.checksum ?? '',
    keepGitDir: flags['keep-git-dir'],
    unpack: flags.unpack,
  } as const;
}

function checkWords({ words }: Statement): void {
  if (words.length < 2) throw new DockerfileProblem('source or destination is missing', 'write SOURCE DESTINATION');
}

function common(flags: { chown?: string; chmod?: string; link?: boolean; exclude?: readonly string[] }) {
  return {
    chown: flags.chown ?? '',
    chmod: flags.chmod ?? '',
    link: flags.link ?? false,
    exclude: flags.exclude ?? [],
  } satisfies Partial<AddInstruction>;
}

function readFiles({ words, heredocs }: Statement): Files {
  const destination = words.at(-1)!;
  if (begunBy(destination) !== undefined) {
    throw new DockerfileProblem('the destination is a here-document', 'write the destination last: COPY <<NAME /path');
  }
  // Of two documents of one name both words mean the last.
  const texts = new Map(heredocs.map(({ name, text }) => [name, text]));
  const sources: string[] = [];
  const documents: Heredoc[] = [];
  for (const word of words.slice(0, -1)) {
    const begun = begunBy(word);
    if (begun === undefined) {
      sources.push(word);
      continue;
    }
    // In JSON form there is none, and the file is empty.
    const text = texts.get(begun.name) ?? '';
    documents.push({ ...begun, text: begun.chomp ? withoutLeadingTabs(text) : text });
  }
  return { sources, documents, destination };
}

/** A word that cannot be read begins no document. */
function begunBy(word: string) {
  try {
    return heredocWord(word);
  } catch (error) {
    if (error instanceof DockerfileProblem) return undefined;
    throw error;
  }
}
