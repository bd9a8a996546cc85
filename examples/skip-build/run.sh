#!/bin/sh
# Builds only when something that goes into the build has changed.
set -eu
fixtures=$(cd "$(dirname "$0")/../../fixtures" && pwd)
ctxsrc() { node "$fixtures/../bin/ctxsrc.js" "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$fixtures/dirs/app" "$fixtures/layouts/hello" "$work"
cd "$work"
export CTXSRC_CACHE_DIR="$work/cache"

build_if_needed() {
  key=$(ctxsrc key --quiet --combined --safe --platform linux/amd64 --modes exec \
    -f app/Dockerfile --with TARGET=release app base=oci-layout://hello)
  if [ -e "built/$key" ]; then
    echo "nothing changed"
    return
  fi
  echo "building" # here stands: docker buildx build --target release --build-context base=oci-layout://hello app
  mkdir -p built && touch "built/$key"
}

printf 'first run:                ' && build_if_needed
printf 'again:                    ' && build_if_needed
echo "started" >> app/logs/today.log
printf 'a log was written:        ' && build_if_needed
echo "// changed" >> app/src/main.js
printf 'a source file changed:    ' && build_if_needed
printf 'and again:                ' && build_if_needed
