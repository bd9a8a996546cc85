#!/bin/sh
# The files of an image, kept from job to job: verified, written anew when damaged, compared with an earlier image.
set -eu
layouts=$(cd "$(dirname "$0")/../../fixtures/layouts" && pwd)
ctxsrc() { node "$layouts/../../bin/ctxsrc.js" "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CTXSRC_CACHE_DIR="$work/cache"
image=oci-layout://$layouts/hello:latest

files_are_right() { # what CI keeps between jobs: rootfs, and rootfs.ctxsrc.json beside it
  if [ -e rootfs ]; then ctxsrc verify rootfs; else false; fi
}
job() { files_are_right || ctxsrc snapshot --quiet --force "$image" rootfs; }

echo "first job"
job
echo "second job"
job
echo "third job, of a damaged cache"
echo "changed" > rootfs/etc/motd
job

echo "since the earlier image"
ctxsrc snapshot --quiet --layer-limit 1 "$image" earlier > earlier.key
ctxsrc diff earlier rootfs
