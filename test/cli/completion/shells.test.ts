/** Tab, pressed in real shells. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompletionHome, completionHome, HOSTILE_NAMES } from '../../support/completion-home.ts';
import { needs } from '../../support/needs.ts';
import { Terminal } from '../../support/terminal.ts';

const PROMPT = '@ ';

/** How each shell is started without its user's own settings, and told of the completion. */
const SHELLS = [
  {
    name: 'bash',
    start: 'bash --norc --noprofile -i',
    setUp: `PS1='${PROMPT}'; eval "$(ctxsrc completion bash)"`,
  },
  {
    name: 'zsh',
    start: 'zsh -f -i',
    setUp: `PS1='${PROMPT}'; eval "$(ctxsrc completion zsh)"`,
  },
  {
    name: 'fish',
    start: 'fish --no-config --private -i',
    setUp: `function fish_prompt; echo -n '${PROMPT}'; end; set -g fish_autosuggestion_enabled 0; ctxsrc completion fish | source`,
  },
];

for (const { name, start, setUp } of SHELLS) {
  describe.skipIf(!needs('tmux', name))(`completion in ${name}`, { timeout: 120_000 }, () => {
    let terminal: Terminal;
    let home: CompletionHome;

    beforeAll(async () => {
      home = completionHome();
      const variables = Object.entries(home.env).map(([variable, value]) => `${variable}='${value}'`);
      terminal = new Terminal(150, 40, {});
      terminal.type(`cd '${home.cwd}' && exec env -i TERM=screen ${variables.join(' ')} ${start}`);
      terminal.type(`${setUp}; echo is''ready`);
      await terminal.until((lines) => lines.includes('isready'), 'that the shell is ready');
    }, 120_000);

    afterAll(() => terminal?.close());

    async function freshPrompt(): Promise<void> {
      terminal.press('C-u', 'C-l');
      await terminal.until((lines) => lines.length === 1 && lines[0]!.trimEnd() === PROMPT.trimEnd(), 'a new prompt');
    }

    /** Types the text at a new prompt, presses Tab, and waits for the line that is to stand there then. */
    async function tab(text: string, expected: string): Promise<void> {
      await freshPrompt();
      terminal.write(`ctxsrc ${text}`);
      terminal.press('Tab');
      // Typed behind what Tab has put there, so that a blank at its end is seen.
      terminal.write('X');
      await terminal.until((lines) => lines[0] === `${PROMPT}ctxsrc ${expected}X`, expected, 15_000);
    }

    it.each([
      ['sna', 'snapshot '],
      ['--progress plain ke', 'key '],
      ['key --defin', '--definition '],
      ['snapshot --owner pre', 'preserve '],
      ['key --platform=linux/arm6', '--platform=linux/arm64 '],
      ['lock --update ba', 'base '],
      ['lock ba', 'base='],
      ['lock app=./fin', 'app=./finder/'],
      ['key docker-ar', 'docker-archive://'],
      ['key base=docker-ar', 'base=docker-archive://'],
      ['key oci-layout://fi', 'oci-layout://finder/'],
      ['key oci-layout://./image:v', 'oci-layout://./image:v1.0 '],
      ['key base=oci-layout://./image:v', 'base=oci-layout://./image:v1.0 '],
      ['key ./fin', './finder/'],
      ['key base=./fin', 'base=./finder/'],
      ['snapshot x ./fin', './finder/'],
      ['key --lock=./fir', '--lock=./first.txt '],
      ['export . -o type=tar,dest=./fir', 'type=tar,dest=./first.txt '],
      // Where no file can stand none is offered.
      ['key ./fir', './fir'],
      ['cache fir', 'fir'],
      ['auth fir', 'fir'],
    ])('%s', async (text, expected) => {
      await tab(text, `${text.slice(0, text.lastIndexOf(' ') + 1)}${expected}`);
    });

    it('puts names of directories into quotes where they need them', async () => {
      // Fish offers no name with a line break in it.
      const names = HOSTILE_NAMES.filter((hostile) => !hostile.includes('\n'));
      await freshPrompt();
      complete('ctxsrc key', names, 'hostile/');
      const screen = await runLine();
      expect(screen.filter((line) => line.startsWith('sha256:'))).toHaveLength(names.length);
      expect(existsSync(join(home.cwd, 'x'))).toBe(false);
    });

    it('runs nothing of what strangers have named', async () => {
      await freshPrompt();
      complete('ctxsrc key', ['5'], 'hostile/');
      complete('', HOSTILE_NAMES, 'oci-layout://./hostile/', 'oci-layout://./tagged:');
      complete('; ctxsrc lock --update', HOSTILE_NAMES, '');
      await runLine();
      expect(existsSync(join(home.cwd, 'x'))).toBe(false);
    });

    /** Types the words up to the first letter of each name and presses Tab at each. */
    function complete(command: string, names: readonly string[], ...starts: readonly string[]): void {
      terminal.write(command);
      for (const start of starts) {
        for (const hostile of names) {
          terminal.write(` ${start}${hostile[0]}`);
          terminal.press('Tab');
        }
      }
    }

    /** Presses Enter and waits for the end. */
    async function runLine(): Promise<string[]> {
      terminal.type('; echo is""over');
      return terminal.until((lines) => lines.includes('isover'), 'that the line has run');
    }
  });
}
