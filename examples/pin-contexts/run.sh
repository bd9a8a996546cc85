#!/bin/sh
# Pins the contexts of a bake file by a lock file, and notices when one has moved.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
layouts=$here/../../fixtures/layouts
ctxsrc() { node "$here/../../bin/ctxsrc.js" "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/docker-bake.json" "$work"
cp -R "$layouts/hello" "$work/base"
cd "$work"
export CTXSRC_CACHE_DIR="$work/cache"

ctxsrc lock --platform linux/amd64 --from docker-bake.json
ctxsrc lock --format bake > pinned.hcl # docker buildx bake -f docker-bake.json -f pinned.hcl
sed -n 's/.*"\(oci-layout:.*\)".*/pinned: \1/p' pinned.hcl
ctxsrc lock --check

echo "the base image is built anew"
rm -r base && cp -R "$layouts/everything" base
ctxsrc lock --check || echo "exit $?"
