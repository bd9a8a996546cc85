/** Makes git repositories for tests, with times and authors that never change. */
import { execFileSync } from 'node:child_process';
import { devNull } from 'node:os';

const ENVIRONMENT = {
  PATH: process.env.PATH ?? '',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: devNull,
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '1700000000 +0000',
  GIT_COMMITTER_NAME: 'c',
  GIT_COMMITTER_EMAIL: 'c@example.com',
  GIT_COMMITTER_DATE: '1700000000 +0000',
};

/** Runs git in a repository and returns what it prints, trimmed. */
export function git(dir: string, args: readonly string[], input?: string | Buffer): string {
  const options = {
    env: { ...ENVIRONMENT, GIT_DIR: dir },
    maxBuffer: 1 << 28,
    ...(input === undefined ? {} : { input }),
  };
  return execFileSync('git', args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    .toString()
    .trim();
}

export function initBare(dir: string, ...flags: string[]): void {
  git(dir, ['-c', 'init.defaultBranch=main', 'init', '-q', '--bare', ...flags, dir]);
}

export type Files = Readonly<
  Record<string, string | { readonly mode: '100755' | '120000' | '160000'; readonly data: string }>
>;

/** Commits the files (the whole tree of the commit) onto a ref, and returns the commit. Of a submodule `data` is the commit. */
export function commit(dir: string, ref: string, files: Files, message = 'm'): string {
  const lines: Buffer[] = [];
  const add = (text: string): void => void lines.push(Buffer.from(text));
  add(`commit ${ref}\ncommitter c <c@example.com> 1700000000 +0000\ndata ${Buffer.byteLength(message)}\n${message}\n`);
  try {
    add(`from ${git(dir, ['rev-parse', '--verify', '-q', `${ref}^{commit}`])}\n`);
  } catch {
    // the first commit of the ref
  }
  add('deleteall\n');
  for (const [path, file] of Object.entries(files)) {
    const { mode, data } = typeof file === 'string' ? { mode: '100644', data: file } : file;
    if (mode === '160000') add(`M 160000 ${data} ${JSON.stringify(path)}\n`);
    else add(`M ${mode} inline ${JSON.stringify(path)}\ndata ${Buffer.byteLength(data)}\n${data}\n`);
  }
  git(dir, ['fast-import', '--quiet'], Buffer.concat(lines));
  return git(dir, ['rev-parse', ref]);
}

/** Writes a tree object by hand, past every check of git's own, and a commit of it onto the ref. */
export function commitRawTree(
  dir: string,
  ref: string,
  entries: readonly { mode: string; name: string; id: string }[],
): string {
  const body = Buffer.concat(
    entries.map(({ mode, name, id }) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])),
  );
  const tree = git(dir, ['hash-object', '-t', 'tree', '--literally', '-w', '--stdin'], body);
  const id = git(dir, ['commit-tree', '-m', 'm', tree]);
  git(dir, ['update-ref', ref, id]);
  return id;
}

export function blob(dir: string, data: string): string {
  return git(dir, ['hash-object', '-w', '--stdin'], data);
}
