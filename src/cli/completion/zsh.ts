/** Completion for zsh. It asks `ctxsrc` for candidates, and leaves paths to zsh, which quotes them. */
export const ZSH_SCRIPT = `#compdef ctxsrc
# completion of ctxsrc for zsh: eval "$(ctxsrc completion zsh)", or this text as the file _ctxsrc in a directory of $fpath
_ctxsrc() {
  local line="\${(j: :)\${(@)words[1,CURRENT-1]}} $PREFIX" paths word text found=1
  local -a answer whole whole_texts begun begun_texts
  # The first line says which paths fit, each other one is a word and, behind a tab, what it is.
  answer=("\${(@f)$(command ctxsrc completion candidates -- "$line" 2>/dev/null </dev/null)}")
  paths=$answer[1]
  for line in "\${(@)answer[2,-1]}"; do
    word=\${line%%$'\\t'*}
    text=\${line#*$'\\t'}
    text="$word\${text:+  -- $text}"
    text=$text[1,COLUMNS-2]
    if [[ $word == *[/:=] ]]; then
      begun+=("$word")
      begun_texts+=("$text")
    else
      whole+=("$word")
      whole_texts+=("$text")
    fi
  done
  (( $#whole )) && compadd -l -d whole_texts -a whole && found=0
  (( $#begun )) && compadd -S '' -l -d begun_texts -a begun && found=0
  case $paths in
  files*) compset -p \${paths#* } && _files && found=0 ;;
  # _files -/ would offer files where no directory fits.
  directories*) compset -p \${paths#* } && _path_files -/ && found=0 ;;
  esac
  return $found
}
if [[ $funcstack[1] == _ctxsrc ]]; then
  _ctxsrc "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef _ctxsrc ctxsrc
fi
`;
