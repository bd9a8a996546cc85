#!/usr/bin/env node
// CommonJS, for it starts in less time than an ECMAScript module, and without newer syntax, so that an old Node gets to say
// that it is too old.
const tooOld = require('./node-version.js')(process.versions, process.getBuiltinModule);
if (tooOld !== undefined) {
  process.stderr.write(`${tooOld}\n`);
  process.exit(74);
}
// Node 22.8 and newer keep compiled code between runs: in the user's own cache directory, for elsewhere (Node's usual place;
// under sudo, another user's home) others may have put something first.
const HOME = process.env.HOME;
const cacheHome = process.env.XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
const enableCompileCache = require('node:module').enableCompileCache;
if (enableCompileCache !== undefined && cacheHome && isOwn(cacheHome)) enableCompileCache(`${cacheHome}/ctxsrc-code`);
require('../dist/cli.cjs').main(process.argv.slice(2));

function isOwn(dir) {
  try {
    const found = require('node:fs').statSync(dir);
    return found.uid === process.geteuid() && (found.mode & 0o002) === 0;
  } catch (_error) {
    return false;
  }
}
