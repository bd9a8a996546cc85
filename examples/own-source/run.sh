#!/bin/sh
# A source from outside: its key, its files, and the conformance kit on it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ctxsrc() { node "$here/../../bin/ctxsrc.js" "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CTXSRC_CACHE_DIR="$work/cache"

printf 'a,b\n' > data.csv
ctxsrc key --source "$here/one-file.mjs" one-file://data.csv
ctxsrc snapshot --quiet --source "$here/one-file.mjs" --as table.csv one-file://data.csv out
cat out/table.csv
ctxsrc sources test "$here/one-file.mjs"
