#!/usr/bin/env node
// CommonJS, for it starts in less time than an ECMAScript module. Node 22.8 and newer keep compiled code between runs.
if (Number.parseInt(process.versions.node, 10) >= 22) require('node:module').enableCompileCache?.();
require('../dist/cli.cjs').main(process.argv.slice(2));
