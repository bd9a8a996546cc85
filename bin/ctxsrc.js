#!/usr/bin/env node
// CommonJS, for it starts in less time than an ECMAScript module. Node 22.8 and newer keep compiled code between runs: in
// the user's own cache directory, for elsewhere (Node's usual place; under sudo, another user's home) others may have put
// something first.
const { HOME, XDG_CACHE_HOME = HOME && `${HOME}/.cache` } = process.env;
if (Number.parseInt(process.versions.node, 10) >= 22 && XDG_CACHE_HOME && isOwn(XDG_CACHE_HOME)) {
  require('node:module').enableCompileCache?.(`${XDG_CACHE_HOME}/ctxsrc-code`);
}
require('../dist/cli.cjs').main(process.argv.slice(2));

function isOwn(dir) {
  try {
    const { uid, mode } = require('node:fs').statSync(dir);
    return uid === process.geteuid?.() && (mode & 0o002) === 0;
  } catch {
    return false;
  }
}
