/** Completion for fish. It asks `ctxsrc` for candidates, and leaves paths to fish, which quotes them. */
export const FISH_SCRIPT = `# completion of ctxsrc for fish: ctxsrc completion fish | source
function __ctxsrc_complete
    # The first line says which paths fit, each other one is a word and, behind a tab, what it is.
    set -l answer (command ctxsrc completion candidates -- (commandline -cp | string join ' ') 2>/dev/null </dev/null)
    set -q answer[1]; or return
    set -l paths (string split ' ' -- $answer[1])
    set -e answer[1]
    printf '%s\\n' $answer
    test $paths[1] = none; and return
    set -l token (commandline -ct)
    set -l start (string sub -l $paths[2] -- $token)
    set -l rest (string sub -s (math $paths[2] + 1) -- $token)
    # Fish offers paths to a command that it knows nothing of.
    for path in (complete -C "__ctxsrc_unknown_command $rest")
        if test $paths[1] = files; or string match -q '*/' -- $path
            printf '%s%s\\n' $start $path
        end
    end
end
complete -c ctxsrc -e
complete -c ctxsrc -f -a '(__ctxsrc_complete)'
`;
