#!/usr/bin/env node
// CommonJS, for it starts in less time than an ECMAScript module. Node 22.8 and newer keep compiled code between runs: in
// the user's own cache directory, for Node's usual place is one where others may have put something first.
const { HOME, XDG_CACHE_HOME = HOME && `${HOME}/.cache` } = process.env;
const keeps = Number.parseInt(process.versions.node, 10) >= 22;
if (keeps && XDG_CACHE_HOME && require('node:fs').existsSync(XDG_CACHE_HOME)) {
  require('node:module').enableCompileCache?.(`${XDG_CACHE_HOME}/ctxsrc-code`);
}
require('../dist/cli.cjs').main(process.argv.slice(2));
