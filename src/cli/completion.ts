/**
 * Completion scripts, made from the same declarations as the help. Commands and flags are in the script; for references
 * the script asks `ctxsrc completion candidates -- WORD`, which looks at local things only.
 */
import type { Command, Option } from 'commander';
import { shellWord } from '../core/shell-word.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
}

/** The script for a shell, to be evaluated or put where the shell looks for completions. */
export function completionScript(shell: Shell, program: Command): string {
  const commands: CommandWords[] = program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: command.options.filter((option) => !option.hidden),
  }));
  if (shell === 'fish') return fishScript(commands);
  const script = bashScript(commands);
  // zsh runs the same function through its own emulation of bash completion.
  return shell === 'bash' ? script : `#compdef ctxsrc\nautoload -U +X bashcompinit && bashcompinit\n${script}`;
}

const wordsOf = (option: Option): string[] =>
  [option.short, option.long].filter((word) => word !== undefined && word !== null) as string[];
const takesFile = (option: Option): boolean => /<(file|dir|module)>/.test(option.flags);
const takesValue = (option: Option): boolean => option.required || option.optional;

function bashScript(commands: readonly CommandWords[]): string {
  const flagCases = commands.map(
    ({ name, options }) => `    ${name}) flags=${shellWord(options.flatMap(wordsOf).join(' '))} ;;`,
  );
  const every = [
    ...new Map(commands.flatMap(({ options }) => options).map((option) => [option.long, option])).values(),
  ];
  const choiceCases = every
    .filter((option) => option.argChoices !== undefined)
    .map(
      (option) =>
        `    ${wordsOf(option).join('|')}) COMPREPLY=($(compgen -W ${shellWord(option.argChoices!.join(' '))} -- "$cur")); return ;;`,
    );
  const files = every.filter(takesFile).flatMap(wordsOf).join('|');
  const values = every
    .filter((option) => takesValue(option) && !takesFile(option) && option.argChoices === undefined)
    .flatMap(wordsOf)
    .join('|');
  return `# completion of ctxsrc: eval "$(ctxsrc completion bash)"
_ctxsrc() {
  local cur prev command flags word line
  COMPREPLY=()
  # The words as typed: bash cuts them at : and =, references hold both.
  line=\${COMP_LINE:0:COMP_POINT}
  cur=\${line##*[[:space:]]}
  prev=\${line%"$cur"}
  prev=\${prev%"\${prev##*[![:space:]]}"}
  prev=\${prev##*[[:space:]]}
  command=
  for word in $line; do
    case $word in
    ${commands.map(({ name }) => name).join('|')}) command=$word; break ;;
    esac
  done
  case $prev in
${choiceCases.join('\n')}
    ${files}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    ${values}) return ;;
  esac
  if [[ -z $command || $command == "$cur" ]]; then
    COMPREPLY=($(compgen -W ${shellWord(commands.map(({ name }) => name).join(' '))} -- "$cur"))
    return
  fi
  flags=
  case $command in
${flagCases.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    return
  fi
  local IFS=$'\\n'
  COMPREPLY=($(ctxsrc completion candidates -- "$command" "$cur" 2>/dev/null))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "$cur")); fi
  # What bash keeps of the word lies behind its last : or =.
  if [[ $cur == *[:=]* && $COMP_WORDBREAKS == *:* ]]; then
    local kept=\${cur%"\${cur##*[:=]}"} i
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"$kept"}; done
  fi
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[/:] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _ctxsrc ctxsrc
`;
}

function fishScript(commands: readonly CommandWords[]): string {
  const lines = ['# completion of ctxsrc: ctxsrc completion fish | source', 'complete -c ctxsrc -f'];
  for (const { name, summary, options } of commands) {
    lines.push(`complete -c ctxsrc -n __fish_use_subcommand -a ${name} -d ${shellWord(summary)}`);
    const seen = `-n ${shellWord(`__fish_seen_subcommand_from ${name}`)}`;
    for (const option of options) {
      const long = option.long === null || option.long === undefined ? '' : ` -l ${option.long.slice(2)}`;
      const short = option.short === null || option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
      const value =
        option.argChoices !== undefined
          ? ` -x -a ${shellWord(option.argChoices.join(' '))}`
          : takesFile(option)
            ? ' -r -F'
            : takesValue(option)
              ? ' -x'
              : '';
      lines.push(`complete -c ctxsrc ${seen}${long}${short}${value} -d ${shellWord(option.description)}`);
    }
    lines.push(
      `complete -c ctxsrc ${seen} -a ${shellWord(`(ctxsrc completion candidates -- ${name} (commandline -ct) 2>/dev/null; __fish_complete_path)`)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
