/** Pages of the documentation: their code blocks, and a place to run what they show. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

export interface CodeBlock {
  readonly language: string;
  /** The word after the language: a file that the block is a part of. */
  readonly file: string | undefined;
  readonly text: string;
  /** Line of the page where the block begins. */
  readonly line: number;
}

/** The fenced code blocks of a page. */
export function codeBlocks(page: string): CodeBlock[] {
  const text = readFileSync(join(packageRoot, page), 'utf8');
  return [...text.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    file: match[2] === '' ? undefined : match[2],
    text: match[3]!,
    line: text.slice(0, match.index).split('\n').length,
  }));
}

/** A file as a page builds it up, block after block. */
export function shownFile(page: string, file: string): string {
  const parts = codeBlocks(page).filter((block) => block.file === file);
  if (parts.length === 0) throw new Error(`${page} has no code of ${file}`);
  return parts.map(({ text }) => text).join('');
}

/** One command of a console block, and what the page says it prints (both streams). */
export interface ShownCommand {
  readonly command: string;
  readonly output: string;
}

/** `$ command`, continued by a backslash at the end of a line, then its output. */
export function shownCommands(block: CodeBlock): ShownCommand[] {
  return block.text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const lines = part.split('\n');
      let end = 0;
      while (lines[end]!.endsWith('\\')) end += 1;
      return {
        command: lines.slice(0, end + 1).join('\n'),
        output: lines
          .slice(end + 1)
          .join('\n')
          .replace(/\n*$/, '\n'),
      };
    });
}

/** A folder with the fixtures, the program on its PATH and the package installed; commands share it, as they do on a page. */
export class Terminal {
  readonly cwd: string;
  readonly env: Record<string, string>;

  constructor(env: Readonly<Record<string, string>> = {}) {
    const home = tempDir('docs');
    this.cwd = join(home, 'work');
    mkdirSync(this.cwd);
    cpSync(join(packageRoot, 'fixtures'), join(this.cwd, 'fixtures'), { recursive: true, verbatimSymlinks: true });
    mkdirSync(join(home, 'node_modules'));
    symlinkSync(packageRoot, join(home, 'node_modules', 'ctxsrc'));
    const bin = join(home, 'bin');
    mkdirSync(bin);
    const program = join(packageRoot, 'bin', 'ctxsrc.js');
    writeFileSync(join(bin, 'ctxsrc'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
    this.env = {
      PATH: `${bin}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      LC_ALL: 'C.UTF-8',
      // What the page shows was made on this platform.
      DOCKER_DEFAULT_PLATFORM: 'linux/amd64',
      ...env,
    };
    // Pages show the keys of modes that the usual umask gives, whatever this checkout was made under.
    this.run('chmod -R u=rwX,go=rX fixtures');
  }

  /** Adds a program to the PATH. */
  addProgram(name: string, script: string): void {
    writeFileSync(join(this.env.HOME!, 'bin', name), script, { mode: 0o755 });
  }

  /** Adds a block of code to the file that it belongs to. */
  append({ file, text }: CodeBlock): void {
    if (file !== undefined) appendFileSync(join(this.cwd, file), text);
  }

  run(script: string): { readonly code: number | null; readonly output: string } {
    const { status, stdout } = spawnSync('bash', ['-c', `exec 2>&1\numask 022\n${script}`], {
      cwd: this.cwd,
      env: this.env,
      encoding: 'utf8',
    });
    return { code: status, output: stdout };
  }
}

/** A pattern for the output that a page shows: `…` stands for anything, on a line or as a line. */
export function shownPattern(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/^…\n/gm, '[\\s\\S]*?').replaceAll('…', '[^\\n]*')}$`);
}
