/** Sources of ADD that are fetched: files by URL and git repositories. */
import { digestProblem } from '../../core/digest.ts';
import { baseName, joinPath } from '../../core/go/path.ts';
import { shownReference } from '../../core/shown-reference.ts';
import type { GitReference } from '../../source/git/url.ts';
import type { AddInstruction, CopyInstruction } from '../parse/instruction.ts';
import { textOf } from '../parse/text.ts';
import { DockerfileProblem } from '../problem.ts';
import { isFileUrl, repositoryOf } from './git-reference.ts';
import type { Output } from './operation.ts';
import { gitSource, httpSource } from './source-operation.ts';
import type { Place } from './types.ts';

export interface Fetched {
  readonly files: Output;
  /** What is copied of it. */
  readonly path: string;
  readonly isFile: boolean;
}

/** True unless the source is a path. @throws E_REFERENCE for a repository with a query that makes no sense */
export function isRemote(source: string): boolean {
  return repositoryOf(source) !== undefined || isFileUrl(source);
}

/** The remote sources of one instruction. What the URL of a repository says holds for the sources behind it, too. */
export class RemoteSources {
  readonly #kind: 'ADD' | 'COPY';
  readonly #place: Place;
  #checksum: string;
  #keepGitDir: boolean | undefined;

  /** @throws DockerfileProblem where the checksum has nothing that it could be of */
  constructor(
    instruction: CopyInstruction | AddInstruction,
    expanded: { readonly sources: readonly string[]; readonly checksum: string },
    place: Place,
  ) {
    this.#kind = instruction.kind;
    this.#place = place;
    this.#checksum = expanded.checksum;
    this.#keepGitDir = instruction.kind === 'ADD' ? instruction.keepGitDir : undefined;
    if (expanded.checksum === '') return;
    const [source, ...others] = expanded.sources;
    if (source === undefined || others.length > 0) {
      throw new DockerfileProblem('--checksum is for one source', 'write one ADD for each source');
    }
    if (!isRemote(source)) {
      throw new DockerfileProblem(
        '--checksum is for a URL or a git repository',
        'leave it out: files of the context need none',
      );
    }
  }

  /** The source's operation. @throws DockerfileProblem */
  fetch(source: string): Fetched {
    if (this.#kind === 'COPY') throw new DockerfileProblem(`COPY takes no URL: ${shownReference(source)}`, 'write ADD');
    const repository = repositoryOf(source);
    return repository === undefined ? this.#file(source) : this.#repository(repository);
  }

  #repository(reference: GitReference): Fetched {
    const { keepGitDir, checksum } = reference;
    if (keepGitDir !== undefined && (this.#keepGitDir ?? keepGitDir) !== keepGitDir) {
      throw new DockerfileProblem('--keep-git-dir and the URL contradict each other', 'leave one of them out');
    }
    if (checksum !== '' && this.#checksum !== '' && this.#checksum !== checksum) {
      throw new DockerfileProblem('--checksum and the checksum of the URL differ', 'leave one of them out');
    }
    this.#keepGitDir = keepGitDir ?? this.#keepGitDir;
    this.#checksum = checksum || this.#checksum;
    const options = { keepGitDir: this.#keepGitDir === true, checksum: this.#checksum, mtime: '' };
    return { files: gitSource(reference, options, [this.#place]), path: '/', isFile: false };
  }

  #file(url: string): Fetched {
    const problem = this.#checksum === '' ? undefined : digestProblem(this.#checksum);
    if (problem !== undefined) {
      throw new DockerfileProblem(
        `--checksum=${this.#checksum}: ${problem}`,
        'write sha256: and 64 hexadecimal characters',
      );
    }
    const name = fileNameOf(url);
    const files = httpSource(url, name, this.#checksum, [this.#place]);
    return { files, path: joinPath('/', name), isFile: true };
  }
}

const HOST = /^(?:\[[^\]]*\]|[^:[\]\s<>"]*)(?::[0-9]*)?$/;

/** The last part of the URL's path; a URL that is not valid has none. */
function fileNameOf(url: string): string {
  const [, authority = '', path = ''] = /^https?:\/\/([^/?#]*)([^?#]*)/.exec(url) ?? [];
  const valid =
    HOST.test(authority.slice(authority.lastIndexOf('@') + 1)) && !/[\0-\x1f\x7f]|%(?![0-9A-Fa-f]{2})/.test(url);
  const name = valid ? baseName(unescaped(path)) : '/';
  return name === '.' || name === '/' ? '__unnamed__' : name;
}

function unescaped(path: string): string {
  const bytes = Buffer.from(path).toString('latin1');
  return textOf(
    Buffer.from(
      bytes.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ),
  );
}
