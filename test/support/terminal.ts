/** A terminal of a chosen size, by tmux: what a person would see of a program, its cursor, and keys to press. */
import { execFileSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';

export class Terminal {
  readonly #server = `ctxsrc-${process.pid}-${Math.random().toString(36).slice(2)}`;

  /** Opens it with a plain shell whose prompt is `$ `. */
  constructor(columns: number, rows: number, env: Readonly<Record<string, string>>) {
    const variables = Object.entries({ ...env, PS1: '$ ', ENV: '' }).flatMap(([name, value]) => [
      '-e',
      `${name}=${value}`,
    ]);
    const size = ['-x', String(columns), '-y', String(rows)];
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, ...variables, 'exec env -u CI -u NO_COLOR sh');
  }

  /** Types a line and presses Enter. */
  type(text: string): void {
    this.write(text);
    this.press('Enter');
  }

  /** Types the text and nothing more. */
  write(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  /** Presses keys by the names that tmux has for them: `Tab`, `C-c`. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  interrupt(): void {
    this.#tmux('send-keys', 'C-c');
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The lines on the screen, without the empty ones at its end. `history`: also what has scrolled away. */
  screen(history = false): string[] {
    const text = this.#tmux('capture-pane', '-p', ...(history ? ['-S', '-'] : []));
    return text.trimEnd().split('\n');
  }

  get cursorVisible(): boolean {
    return this.#tmux('display-message', '-p', '#{cursor_flag}').trim() === '1';
  }

  /** Waits until the screen is as wanted and returns it. */
  async until(wanted: (lines: string[]) => boolean, what: string, timeout = 60_000): Promise<string[]> {
    for (const end = Date.now() + timeout; ; await setTimeout(40)) {
      const lines = this.screen();
      if (wanted(lines)) return lines;
      if (Date.now() > end) throw new Error(`the terminal never showed ${what}:\n${lines.join('\n')}`);
    }
  }

  close(): void {
    this.#tmux('kill-server');
  }

  #tmux(...args: string[]): string {
    // Without it tmux starts the shell of the password file, which for many a user of CI is one that ends at once.
    const env = { ...process.env, SHELL: '/bin/sh' };
    return execFileSync('tmux', ['-L', this.#server, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
  }
}
