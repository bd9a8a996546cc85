// Draws docs/terminal.svg, the picture in README.md: commands that the built program is given on the fixtures, and what
// it prints. With --print it goes to standard output instead. test/docs/picture.test.ts asks that it is current.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const COMMANDS = [
  'ctxsrc key --build --save was.json --build-context alpine:3.20=oci-layout://hello app',
  "echo 'echo more' >> app/bin/start.sh",
  'ctxsrc diff was.json --build-context alpine:3.20=oci-layout://hello app',
  'ctxsrc inspect --files oci-layout://hello',
  'ctxsrc snapshot --quiet oci-layout://hello ./rootfs',
  'echo changed > rootfs/etc/motd',
  'ctxsrc verify ./rootfs',
];

/** What a terminal shows of the commands: both streams. */
function session() {
  const home = mkdtempSync(join(tmpdir(), 'ctxsrc-picture-'));
  try {
    const [bin, work] = [join(home, 'bin'), join(home, 'work')];
    mkdirSync(bin);
    cpSync(join(root, 'fixtures', 'layouts', 'hello'), join(work, 'hello'), { recursive: true });
    cpSync(join(root, 'fixtures', 'dirs', 'app'), join(work, 'app'), { recursive: true, verbatimSymlinks: true });
    const program = `exec '${process.execPath}' '${join(root, 'bin', 'ctxsrc.js')}' "$@"`;
    writeFileSync(join(bin, 'ctxsrc'), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
    const env = {
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      LC_ALL: 'C.UTF-8',
      TZ: 'UTC',
      COLUMNS: '88',
      DOCKER_DEFAULT_PLATFORM: 'linux/amd64',
    };
    const run = (script) =>
      spawnSync('sh', ['-c', `exec 2>&1\numask 022\n${script}`], { cwd: work, env, encoding: 'utf8' }).stdout;
    // A checkout has the modes of the umask that it was made under.
    run('chmod -R u=rwX,go=rX .');
    return COMMANDS.map((command) => ({ command, output: run(command).trimEnd() }));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const [CHARACTER, LINE, MARGIN] = [8.4, 20, 20];

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Text alone, in the colours that the page has; each line as wide as its characters, whatever font is there. */
function drawn(commands) {
  const lines = commands.flatMap(({ command, output }) => [
    { text: `$ ${command}`, kind: 'command' },
    ...(output === '' ? [] : output.split('\n').map((text) => ({ text, kind: 'output' }))),
  ]);
  const columns = Math.max(...lines.map(({ text }) => [...text].length));
  const width = Math.ceil(columns * CHARACTER + 2 * MARGIN);
  const height = lines.length * LINE + 2 * MARGIN;
  const texts = lines.map(({ text, kind }, index) => {
    if (text === '') return '';
    const y = MARGIN + index * LINE + 14;
    const length = ([...text].length * CHARACTER).toFixed(1);
    return `<text class="${kind}" x="${MARGIN}" y="${y}" textLength="${length}" xml:space="preserve">${escaped(text)}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
<title id="title">ctxsrc in a terminal: a build whose key changed, and why; layers and files of an image; a snapshot that was changed</title>
<style>
rect { fill: #f6f8fa; stroke: #d1d9e0; }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
.command { font-weight: bold; fill: #0550ae; }
@media (prefers-color-scheme: dark) {
  rect { fill: #151b23; stroke: #3d444d; }
  text { fill: #f0f6fc; }
  .command { fill: #79c0ff; }
}
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
${texts.join('')}</svg>
`;
}

const picture = drawn(session());
if (process.argv.includes('--print')) process.stdout.write(picture);
else writeFileSync(join(root, 'docs', 'terminal.svg'), picture);
