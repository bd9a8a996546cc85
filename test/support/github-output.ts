/**
 * Reads the file of `$GITHUB_OUTPUT` as the runner does: of each line whichever of `=` and `<<` comes first decides, and
 * after `<<` all lines up to the delimiter are the value.
 */
export function readGithubOutput(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  let rest = text;
  const line = (): { text: string; end: string } => {
    const match = /^(.*?)(\r?\n|$)/s.exec(rest)!;
    rest = rest.slice(match[0].length);
    return { text: match[1]!, end: match[2]! };
  };
  while (rest !== '') {
    const { text: first } = line();
    if (first === '') continue;
    const equals = first.indexOf('=');
    const heredoc = first.indexOf('<<');
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      outputs[first.slice(0, equals)] = first.slice(equals + 1);
      continue;
    }
    if (heredoc < 0) throw new Error(`invalid format ${JSON.stringify(first)}`);
    const delimiter = first.slice(heredoc + 2);
    let value = '';
    for (let before = ''; ; ) {
      if (rest === '') throw new Error(`the delimiter ${delimiter} does not come`);
      const next = line();
      if (next.text === delimiter) break;
      value += before + next.text;
      before = next.end;
    }
    outputs[first.slice(0, heredoc)] = value;
  }
  return outputs;
}
