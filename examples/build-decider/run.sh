#!/bin/sh
# The decider is asked before each of three builds: the first, one with nothing new, one with a changed file.
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CTXSRC_CACHE_DIR="$work/cache"
mkdir "$work/app"
printf 'FROM scratch\nCOPY src /\nRUN --mount=type=secret,id=token build\n' >"$work/app/Dockerfile"
cp -r "$here/../../fixtures/dirs/app/src" "$work/app/src"

decide() { node "$here/main.mjs" "$work/app" "$work/keys"; }
decide
decide
echo '// changed' >>"$work/app/src/main.js"
decide
