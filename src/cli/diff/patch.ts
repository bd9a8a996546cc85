/** Patches of text files, as `git apply` and `patch -p1` take them. */
import { formatChange } from '../../core/format.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, bytesOfText } from '../../fs/byte-string.ts';
import type { FilePatch } from '../../snapshot/diff/patch.ts';
import { looksLikeCommand, quotedName } from '../quoted-name.ts';
import { type Screen, styled } from '../screen.ts';

/**
 * The text of all patches. On a terminal it is made harmless; a pipe gets the bytes of the files, so that it applies.
 * @param inActions a log of GitHub Actions may read it, which takes some lines for commands
 */
export function patchText(patches: readonly FilePatch[], screen: Screen, inActions: boolean): string {
  const shown = patches.filter(({ left }) => left !== 'too much');
  const rest = patches.length - shown.length;
  const more = rest === 0 ? '' : `${rest.toLocaleString('en')} more files: the patch has reached its limit\n`;
  return shown.map((patch) => fileText(patch, screen, inActions)).join('') + more;
}

function fileText(patch: FilePatch, screen: Screen, inActions: boolean): string {
  const { from, to, left, hunks = '' } = patch;
  const path = patch.pathBytes === true ? patch.path : bytesOfText(patch.path);
  if (left === 'binary') return `Binary files ${sideName('a', path, from)} and ${sideName('b', path, to)} differ\n`;
  const named = quotedName(path);
  if (left === 'too large') {
    return `${named}: too large for a patch: ${formatChange(from?.size ?? 0, to?.size ?? 0)}\n`;
  }
  if (left === 'another type') return `${named}: it became something else, which is in no patch\n`;
  if (
    inActions &&
    hunks.split(/\r\n|\r|\n/).some((line) => looksLikeCommand(line.slice(1)) || looksLikeCommand(line))
  ) {
    return `${named}: not shown: a line in it looks like a command of GitHub Actions\n`;
  }
  const modes = modeLines(from, to);
  if (hunks === '' && modes.length === 0) return '';
  const names = [`a/${path}`, `b/${path}`].map(headName).join(' ');
  const head = [`diff --git ${names}`, ...modes, ...(hunks === '' ? emptyFile(from, to) : [])];
  const files = hunks === '' ? [] : [`--- ${fileName('a', path, from)}`, `+++ ${fileName('b', path, to)}`];
  const lines = [...head, ...files].map((line) => styled(screen, 'bold', line));
  return `${lines.join('\n')}\n${screen.width === undefined ? hunks : hunksOnTerminal(hunks, screen)}`;
}

type Side = FilePatch['from'];

function modeLines(from: Side, to: Side): string[] {
  if (from === undefined) return [`new file mode ${gitMode(to)}`];
  if (to === undefined) return [`deleted file mode ${gitMode(from)}`];
  return gitMode(from) === gitMode(to) ? [] : [`old mode ${gitMode(from)}`, `new mode ${gitMode(to)}`];
}

/** Without lines of content, `patch` takes an empty file for one that came or went only by git's line of their digests. */
function emptyFile(from: Side, to: Side): string[] {
  if (from !== undefined && to !== undefined) return [];
  return [from === undefined ? 'index 0000000..e69de29' : 'index e69de29..0000000'];
}

/** A name in the first line, where `patch` cannot tell a blank in it from the one behind it. */
function headName(name: ByteString): string {
  const quoted = quotedName(name);
  return quoted.includes(' ') && !quoted.startsWith('"') ? `"${quoted}"` : quoted;
}

const gitMode = (side: Side): string => (((side?.mode ?? 0) & 0o100) === 0 ? '100644' : '100755');

function sideName(letter: string, path: ByteString, side: Side): string {
  return side === undefined ? '/dev/null' : quotedName(`${letter}/${path}`);
}

/** A name with a space ends in a tab, as git writes it. */
function fileName(letter: string, path: ByteString, side: Side): string {
  const name = sideName(letter, path, side);
  return name.includes(' ') && !name.startsWith('"') ? `${name}\t` : name;
}

const COLORS: Readonly<Record<string, 'green' | 'red' | 'cyan'>> = { '+': 'green', '-': 'red', '@': 'cyan' };

function hunksOnTerminal(hunks: string, screen: Screen): string {
  return hunks
    .split('\n')
    .map((line) => {
      const safe = line.split('\t').map(printable).join('\t');
      const color = COLORS[line.slice(0, 1)];
      return color === undefined ? safe : styled(screen, color, safe);
    })
    .join('\n');
}
