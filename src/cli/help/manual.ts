/** The manual page (roff), made from the same declarations as the help. */
import type { Command } from 'commander';
import { ERROR_EXITS, EXIT_MEANINGS } from '../../core/errors.ts';
import { VERSION } from '../../core/version.ts';

/** `ctxsrc(1)`: every command with its flags, and the exit codes. */
export function manualPage(program: Command): string {
  const help = program.createHelp();
  const lines = [
    `.TH CTXSRC 1 "" "ctxsrc ${VERSION}" "User Commands"`,
    '.SH NAME',
    `ctxsrc \\- ${roff(program.description())}`,
    '.SH SYNOPSIS',
    '.B ctxsrc',
    '.I command',
    '[flags] [arguments]',
    '.SH COMMANDS',
  ];
  for (const command of program.commands) {
    lines.push(
      `.SS ${roff(`ctxsrc ${command.name()} ${help.commandUsage(command).split(`${command.name()} `)[1] ?? ''}`.trim())}`,
      ...paragraphs(command.description()),
    );
    for (const option of help.visibleOptions(command))
      lines.push('.TP', `.B ${roff(option.flags)}`, roff(help.optionDescription(option)));
  }
  lines.push('.SH EXIT STATUS');
  for (const [code, meaning] of Object.entries(EXIT_MEANINGS)) {
    const codes = Object.entries(ERROR_EXITS)
      .filter(([, exit]) => exit === Number(code))
      .map(([name]) => name);
    lines.push('.TP', `.B ${code}`, roff(`${meaning}${codes.length === 0 ? '' : ` (${codes.join(', ')})`}`));
  }
  lines.push('.SH SEE ALSO', 'ctxsrc explain CODE explains an error code; ctxsrc sources lists the schemes.');
  return `${lines.join('\n')}\n`;
}

const paragraphs = (text: string): string[] =>
  text.split('\n\n').flatMap((paragraph, index) => (index === 0 ? [roff(paragraph)] : ['.PP', roff(paragraph)]));

/** Text for roff: backslashes and hyphens are escaped, and a leading dot is not a request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
    .replaceAll('\n', ' ');
}
