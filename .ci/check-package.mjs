// Packs the package, installs the tarball into an empty folder as a user would, with and without the optional native
// package, and runs it there: the command, the library, its types.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const { version } = require('../package.json');
const work = mkdtempSync(join(tmpdir(), 'ctxsrc-package-'));

const run = (file, args, cwd) =>
  execFileSync(file, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
function check(condition, message) {
  if (!condition) throw new Error(message);
  console.log(`ok: ${message}`);
}

try {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', work, '--loglevel=error'], root).replace(/^[^[]*/, ''),
  );
  const tarball = join(work, packed.filename);
  const files = packed.files.map((file) => file.path);
  check(
    ['bin/ctxsrc.js', 'bin/package.json', 'dist/cli.cjs', 'dist/ctxsrc.mjs'].every((path) => files.includes(path)) &&
      files.includes('dist/types/index.d.ts'),
    'the tarball has the program, the library and its types',
  );
  check(!files.some((path) => /^(src|test|fixtures|\.ci)\//.test(path)), 'the tarball has neither sources nor tests');
  const broken = files
    .filter((path) => path.endsWith('.md'))
    .flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, to]) =>
        join(dirname(page), to),
      ),
    )
    .filter((path) => !files.includes(path));
  check(broken.length === 0, `every link of a packed page leads to a packed file${broken.map((path) => ` ${path}`)}`);
  check(packed.unpackedSize < 7_000_000, `the tarball unpacks to ${(packed.unpackedSize / 1e6).toFixed(1)} MB`);
  console.log(run(join(root, 'node_modules', '.bin', 'publint'), [tarball, '--strict'], root));
  // The package has ECMAScript modules only: require() and the resolution of TypeScript before 4.7 are not for it.
  const { types, problems } = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  const real = problems.filter(({ resolutionKind }) => !['node10', 'node16-cjs'].includes(resolutionKind));
  check(
    types !== false && real.length === 0,
    `attw finds its types for every import${real.map((problem) => `\n${JSON.stringify(problem)}`).join('')}`,
  );

  for (const omit of [[], ['--omit=optional']]) {
    const folder = join(work, omit.length === 0 ? 'full' : 'bare');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{"name":"user","private":true,"type":"module"}\n');
    run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...omit, tarball],
      folder,
    );
    const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
    check(
      JSON.stringify(installed) === JSON.stringify(omit.length === 0 ? ['@koromix', 'ctxsrc', 'koffi'] : ['ctxsrc']),
      `it brings nothing but ${installed.join(', ')}`,
    );
    const ctxsrc = (...args) => run(join(folder, 'node_modules', '.bin', 'ctxsrc'), args, folder);
    const which = omit.length === 0 ? 'installed' : 'installed without optional packages';
    check(ctxsrc('--version').trim() === version, `${which}: --version says ${version}`);
    for (const name of ['layouts/hello', 'dirs/app'])
      cpSync(join(root, 'fixtures', name), join(folder, name), { recursive: true });
    check(/^sha256:[0-9a-f]{64}\n$/.test(ctxsrc('key', 'oci-layout://./layouts/hello')), `${which}: key of an image`);
    check(/^sha256:[0-9a-f]{64}\n$/.test(ctxsrc('key', './dirs/app')), `${which}: key of a directory`);
    ctxsrc('snapshot', 'oci-layout://./layouts/hello', 'out', '--cache-dir', join(folder, 'cache'));
    check(run('cat', ['out/app/index.txt'], folder) === 'Hello from the layer above.\n', `${which}: snapshot`);
    writeFileSync(
      join(folder, 'library.mjs'),
      "import * as library from 'ctxsrc';\nconsole.log(Object.keys(library).length > 0);\n",
    );
    check(run(process.execPath, ['library.mjs'], folder).trim() === 'true', `${which}: the library loads`);
  }

  const clone = join(work, 'clone');
  const [, install] = /^```sh\n# install\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  run('git', ['clone', '-q', root, clone], work);
  const prefix = join(work, 'prefix');
  const printed = execFileSync('bash', ['-ec', install], {
    cwd: clone,
    encoding: 'utf8',
    env: { ...process.env, npm_config_prefix: prefix, PATH: `${join(prefix, 'bin')}:${process.env.PATH}` },
  });
  check(printed.trimEnd().endsWith(`\n${version}`), 'the README installs it as printed');
  check(readdirSync(join(prefix, 'share', 'man', 'man1')).includes('ctxsrc.1'), 'with its manual page');
  const npx = ['--yes', '--package', tarball, 'ctxsrc', '--version'];
  check(run('npx', npx, work).trim() === version, 'npx runs the tarball');

  const user = join(work, 'full');
  writeFileSync(
    join(user, 'types.ts'),
    "import * as library from 'ctxsrc';\nimport { runConformance } from 'ctxsrc/conformance';\nimport type { Source } from 'ctxsrc';\nexport const kit: unknown = runConformance;\nexport const names: string[] = Object.keys(library);\nexport type Schemes = Source['schemes'];\n",
  );
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const options = [
      '--strict',
      '--noEmit',
      '--target',
      'es2022',
      '--module',
      module,
      '--moduleResolution',
      resolution,
    ];
    run(
      process.execPath,
      [tsc, ...options, '--types', 'node', '--typeRoots', join(root, 'node_modules', '@types'), 'types.ts'],
      user,
    );
    check(true, `its types are found and check (${resolution})`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
