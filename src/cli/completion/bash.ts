/** Completion for bash. It asks `ctxsrc` for candidates, and leaves paths to bash, which quotes them. */
export const BASH_SCRIPT = `# completion of ctxsrc for bash 4 or newer: eval "$(ctxsrc completion bash)"
_ctxsrc() {
  local line=\${COMP_LINE:0:COMP_POINT} paths word character breaks= kept= i
  COMPREPLY=()
  # The first line says which paths fit, each other one begins with a word that needs no quotes.
  {
    IFS= read -r paths
    while IFS=$'\\t' read -r word _; do COMPREPLY+=("$word"); done
  } <<< "$(command ctxsrc completion candidates -- "$line" 2>/dev/null </dev/null)"
  # Bash cuts words at some characters that references hold, and replaces only what is behind the last of them.
  for character in : = @; do
    if [[ $COMP_WORDBREAKS == *"$character"* ]]; then breaks+=$character; fi
  done
  word=\${line##*[[:space:]]}
  if [[ $breaks && $word == *[$breaks]* ]]; then kept=\${word%"\${word##*[$breaks]}"}; fi
  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"$kept"}; done
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then
    case $paths in
    files*) compopt -o default 2>/dev/null ;;
    directories*) compopt -o plusdirs 2>/dev/null ;;
    esac
  elif [[ $paths == directories* ]]; then
    # Beside other words bash would show the last part of each as if all were paths: here only plain names.
    while IFS= read -r word; do
      if [[ $word =~ ^[A-Za-z0-9_.][A-Za-z0-9_.-]*$ ]]; then COMPREPLY+=("$word/"); fi
    done <<< "$(compgen -d -- "\${word#"$kept"}")"
  fi
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[/:=] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _ctxsrc ctxsrc
`;
