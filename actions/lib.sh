# shellcheck shell=bash
# What the steps of the actions have in common. Inputs come as environment variables and are taken line by line, never
# evaluated.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  echo "::error::ctxsrc: $1"
  exit 2
}

trim() { # trim TEXT: leaves it in $trimmed without the white space around it
  trimmed=${1#"${1%%[![:space:]]*}"}
  trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}

read_lines() { # read_lines TEXT: the lines that are not empty, in $lines
  local line
  lines=()
  while IFS= read -r line; do
    trim "$line"
    if [ -n "$trimmed" ]; then lines+=("$trimmed"); fi
  done <<< "$1"
}

read_flags() { # read_flags TEXT: a flag and its value from each line, in $flags
  local line flag
  flags=()
  read_lines "$1"
  for line in "${lines[@]}"; do
    flag=${line%%[[:space:]]*}
    case $flag in -*) ;; *) fail "a line of args is a flag and its value" ;; esac
    flags+=("$flag")
    trim "${line#"$flag"}"
    if [ -n "$trimmed" ]; then flags+=("$trimmed"); fi
  done
}

is_true() { # is_true NAME VALUE: of an input that is true or false
  case $2 in true) return 0 ;; false | '') return 1 ;; *) fail "$1 is true or false" ;; esac
}

ctxsrc() { node "$root/bin/ctxsrc.js" "$@"; }

# The program is that of this very revision of the action, built once in a job.
build_program() {
  [ -e "$root/dist/ctxsrc.mjs" ] || (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund && npm run build)
}

# store_outputs WHAT: where the store is, and under which name it is kept between jobs. A cache of GitHub is never
# written twice, so what the store is wanted for is in the name, and at least once a week there is a new one.
store_outputs() {
  local hash
  hash=$(printf %s "$1" | node -e 'process.stdin.pipe(require("node:crypto").createHash("sha256")).setEncoding("hex").pipe(process.stdout)')
  {
    echo "path=$(ctxsrc cache path)"
    echo "prefix=ctxsrc-${RUNNER_OS:-}-"
    echo "key=ctxsrc-${RUNNER_OS:-}-$hash"
  } >> "$GITHUB_OUTPUT"
}
