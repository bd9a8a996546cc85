/** Where an answer is read: colours, width, ASCII and bars, as flag, environment and terminal say. */
import { describe, expect, it } from 'vitest';
import { begun, fitted, messageLines, type Screen, screenOf, widthOf, wrapped } from '../../src/cli/screen.ts';
import { ctxsrc } from '../support/cli.ts';
import { directory } from '../support/cli-expect.ts';

const TERMINAL = { isTTY: true, columns: 100 };
const PIPE = {};
const [COLOR, NO_COLOR] = [true, false];

describe('colours', () => {
  // The flag, then NO_COLOR unless it is empty, then FORCE_COLOR, then TERM=dumb, then the terminal. Never a CI system,
  // where what is printed is as often captured by a script.
  it.each([
    [TERMINAL, undefined, {}, true],
    [PIPE, undefined, {}, false],
    [TERMINAL, undefined, { TERM: 'dumb' }, false],
    [PIPE, undefined, { TERM: 'xterm-256color' }, false],
    [TERMINAL, undefined, { NO_COLOR: '1' }, false],
    [TERMINAL, undefined, { NO_COLOR: '0' }, false],
    [TERMINAL, undefined, { NO_COLOR: '' }, true],
    [TERMINAL, undefined, { FORCE_COLOR: '0' }, false],
    [TERMINAL, undefined, { FORCE_COLOR: 'false' }, false],
    [TERMINAL, undefined, { FORCE_COLOR: '' }, true],
    [PIPE, undefined, { FORCE_COLOR: '' }, false],
    [PIPE, undefined, { FORCE_COLOR: '1' }, true],
    [PIPE, undefined, { FORCE_COLOR: '3' }, true],
    [PIPE, undefined, { FORCE_COLOR: 'true' }, true],
    [TERMINAL, undefined, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
    [TERMINAL, undefined, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [PIPE, undefined, { FORCE_COLOR: '1', NO_COLOR: '' }, true],
    [PIPE, COLOR, {}, true],
    [PIPE, COLOR, { NO_COLOR: '1', FORCE_COLOR: '0', TERM: 'dumb' }, true],
    [TERMINAL, NO_COLOR, {}, false],
    [TERMINAL, NO_COLOR, { FORCE_COLOR: '1' }, false],
    [PIPE, undefined, { GITHUB_ACTIONS: 'true', CI: 'true' }, false],
    [PIPE, undefined, { GITLAB_CI: 'true', FORCE_COLOR: '1' }, true],
    [TERMINAL, undefined, { CI: 'true' }, true],
  ])('%# of 24: %j, flag %j, %j (T5)', (stdout, flag, env, wanted) => {
    expect(screenOf(stdout, env, flag).color).toBe(wanted);
  });

  const COLOURED = /^\x1b\[[0-9;]*m/m;
  it.each([
    [[], {}, false],
    [['--color'], { NO_COLOR: '1' }, true],
    [['--no-color'], { FORCE_COLOR: '1' }, false],
    [[], { FORCE_COLOR: '1' }, true],
    [[], { GITHUB_ACTIONS: 'true' }, false],
  ])('of the program in a pipe, with %j and %j: %j (T5)', async (flags, env, wanted) => {
    const { code, stdout } = await ctxsrc(['inspect', directory('app'), ...flags], { env: { NO_COLOR: '', ...env } });
    expect([code, COLOURED.test(stdout)]).toEqual([0, wanted]);
    // Colours bring no move of the cursor.
    expect(stdout.replace(/\x1b\[[0-9;]*m/g, '')).not.toContain('\x1b');
  });
});

describe('the rest of the screen', () => {
  it.each([
    [TERMINAL, { LANG: 'de_DE.UTF-8' }, { width: 100, ascii: false, bars: true }],
    [TERMINAL, { LANG: 'C', COLUMNS: '40' }, { width: 40, ascii: true, bars: true }],
    [TERMINAL, { LANG: 'C.UTF-8', COLUMNS: 'wide' }, { width: 100, ascii: false, bars: true }],
    [{ isTTY: true }, { LANG: 'C.UTF-8' }, { width: 80, ascii: false, bars: true }],
    [TERMINAL, { LANG: 'en_US.UTF-8', LC_ALL: 'C' }, { width: 100, ascii: true, bars: true }],
    [TERMINAL, { LANG: 'C.UTF-8', LC_CTYPE: 'de_DE.ISO-8859-1' }, { width: 100, ascii: true, bars: true }],
    [TERMINAL, { LC_CTYPE: 'C.utf8', TERM: 'dumb' }, { width: 100, ascii: true, bars: true }],
    [PIPE, { LANG: 'C.UTF-8', COLUMNS: '40' }, { width: undefined, ascii: false, bars: true }],
    [PIPE, {}, { width: undefined, ascii: true, bars: true }],
    [TERMINAL, { LANG: 'C.UTF-8', ACCESSIBLE: '1' }, { width: 100, ascii: false, bars: false }],
    [TERMINAL, { LANG: 'C.UTF-8', ACCESSIBLE: '0' }, { width: 100, ascii: false, bars: true }],
  ])('%# %j, %j', (stdout, env, wanted) => {
    expect(screenOf(stdout, env, undefined)).toMatchObject(wanted);
  });
});

describe('names', () => {
  const names = [
    '漢字'.repeat(60),
    '👩‍👩‍👧‍👦'.repeat(40),
    'e\u0301'.repeat(120),
    '🇩🇪🇫🇷'.repeat(30),
    'a\x1b[2J\x9b31m\x07\u202e\n\u0000'.repeat(20),
    'long/'.repeat(100),
    '한글ｆｕｌｌ'.repeat(20),
  ];

  it.each([1, 2, 3, 20, 40, 80, 200])(
    'never take more than the %i columns that they get, and hold nothing raw (T1)',
    (width) => {
      for (const ascii of [false, true]) {
        const screen: Screen = { width, color: false, ascii, bars: true };
        for (const name of names) {
          for (const text of [fitted(screen, name, width), begun(screen, name, width)]) {
            expect(widthOf(text), text).toBeLessThanOrEqual(width);
            expect(text).not.toMatch(/\p{Cc}|\p{Cf}/u);
            if (ascii) expect(text).toMatch(/^[\x20-\x7e]*$/);
          }
        }
      }
    },
  );

  it('are cut in the middle with their end whole, sentences between words, and in a pipe nothing is', () => {
    const screen: Screen = { width: 40, color: false, ascii: false, bars: true };
    const path = 'usr/share/doc/a-package-of-some-length/changelog.Debian.gz';
    expect(fitted(screen, path, 40)).toBe('usr/share/doc…length/changelog.Debian.gz');
    expect(fitted({ ...screen, ascii: true }, path, 40)).toBe('usr/share/do...ength/changelog.Debian.gz');
    expect(fitted({ ...screen, width: undefined }, path, undefined)).toBe(path);
    expect(wrapped(screen, 'one command --with its/arguments stays whole', 20)).toEqual([
      '                    one command --with',
      '                    its/arguments stays',
      '                    whole',
    ]);
  });

  it('are whole in messages, which go on indented, and a command of ours is never broken', () => {
    const screen: Screen = { width: 30, color: false, ascii: false, bars: true };
    expect(
      messageLines(screen, 'ctxsrc: no place to push to, whatever it is\nhint: ctxsrc --help lists all the commands\n'),
    ).toBe('ctxsrc: no place to push to,\n  whatever it is\nhint: ctxsrc --help lists all the commands\n');
  });
});
