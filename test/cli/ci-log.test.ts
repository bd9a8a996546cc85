/** What a run says in the logs of GitHub Actions and GitLab: annotations, groups, sections. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { annotation, defused } from '../../src/cli/ci/workflow-commands.ts';
import { ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

/** A command as the runner reads it: what follows `::NAME PROPERTIES::`, unescaped. */
function readCommand(line: string): { name: string; properties: Record<string, string>; data: string } | undefined {
  const [, name, given = '', data] = /^\s*::([^ :]+)(?: ([^:]*))?::(.*)$/s.exec(line) ?? [];
  if (name === undefined) return undefined;
  const unescaped = (text: string): string => text.replaceAll('%0D', '\r').replaceAll('%0A', '\n');
  const properties = given.split(',').map((pair) => {
    const at = pair.indexOf('=');
    const value = unescaped(pair.slice(at + 1)).replaceAll('%3A', ':');
    return [pair.slice(0, at), value.replaceAll('%2C', ',').replaceAll('%25', '%')];
  });
  return {
    name,
    properties: given === '' ? {} : Object.fromEntries(properties),
    data: unescaped(data!).replaceAll('%25', '%'),
  };
}

const commandsIn = (text: string) => text.split('\n').flatMap((line) => readCommand(line) ?? []);

describe('an annotation', () => {
  it('comes back as what was said, whatever it is', () => {
    const at = { path: '/w/a%,b:c/Dockerfile', line: 3, lastLine: 4 };
    const line = annotation('warning', ['100%0A ::error::x', 'b'], { env: { GITHUB_WORKSPACE: '/w' }, at });
    expect(line).not.toContain('\n');
    expect(readCommand(line)).toEqual({
      name: 'warning',
      properties: { file: 'a%,b:c/Dockerfile', line: '3', endLine: '4' },
      data: '100%0A ::error::x\nb',
    });
  });

  it.each(['/elsewhere/Dockerfile', '/w/../x', '/w', '/workspace/x'])('has no place for %s', (path) => {
    expect(annotation('notice', ['x'], { env: { GITHUB_WORKSPACE: '/w' }, at: { path } })).toBe('::notice::x');
    expect(annotation('notice', ['x'], { env: {}, at: { path } })).toBe('::notice::x');
  });

  it.each(['::add-mask::a', ' ::error::b', 'x ##[add-mask]a', 'a\n::error::b'])(
    '%j is no command once defused',
    (text) => {
      expect(commandsIn(defused(text))).toEqual([]);
      expect(defused(text)).not.toContain('##[');
    },
  );
});

describe('under GitHub Actions', () => {
  const workspace = tempDir('workspace');
  const dir = join(workspace, 'app');
  mkdirSync(dir);
  const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: workspace, CI: 'true' };
  /** A Dockerfile with doubtful lines. */
  function doubtful(count: number): void {
    const lines = Array.from({ length: count }, (_, index) => `COPY a$NONE${index} /`);
    writeFileSync(join(dir, 'a'), '');
    writeFileSync(join(dir, 'Dockerfile'), `FROM scratch\n${lines.join('\n')}\n`);
  }

  it('findings of inputs stand at their lines', async () => {
    doubtful(2);
    const result = await ctxsrc(['inputs', 'app'], { cwd: workspace, env });
    expect(result.code, result.stderr).toBe(0);
    expect(commandsIn(result.stdout)).toEqual([]);
    expect(commandsIn(result.stderr)).toEqual(
      [2, 3].map((line) => ({
        name: 'warning',
        properties: { file: 'app/Dockerfile', line: String(line), endLine: String(line) },
        data: `app/Dockerfile:${line}: UndefinedVar: nothing sets the variable $NONE${line - 2}`,
      })),
    );
    const piped = await ctxsrc(['inputs', '-f', '-', '.'], { cwd: dir, env, stdin: 'FROM scratch\nCOPY a$NO /\n' });
    expect(commandsIn(piped.stderr)).toMatchObject([{ name: 'warning', properties: {} }]);
  });

  it.each([9, 10, 40])('of %i findings the annotations are at most ten, and the log has all (C3)', async (count) => {
    doubtful(count);
    const { stderr } = await ctxsrc(['inputs', 'app'], { cwd: workspace, env });
    const annotations = commandsIn(stderr);
    expect(annotations.length).toBe(Math.min(count, 10));
    for (let index = 0; index < count; index += 1) expect(stderr).toMatch(new RegExp(`\\$NONE${index}$`, 'm'));
    if (count <= 9) return;
    const more = count === 10 ? '1 more warning' : `${count - 9} more warnings`;
    expect(annotations.at(-1)!.data).toBe(`ctxsrc: and ${more}: the log of the step has them all`);
  });

  it('the error is one with its hint, nothing is on stdout, and names are no commands', async () => {
    const name = './x\n::set-output name=key::evil\n##[add-mask]a%0A';
    const { code, stdout, stderr } = await ctxsrc(['key', name], { cwd: dir, env });
    expect([code, stdout]).toEqual([3, '']);
    const commands = commandsIn(stderr);
    expect(commands.map((command) => command.name)).toEqual(['error']);
    expect(commands[0]!.data).toMatch(/^ctxsrc: .*\nhint: /);
    expect(commands[0]!.data).toContain('%0A');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    ['FROM scratch\nCOYP a /\n', 'COYP'],
    ['FROM scratch\nCOPY $(a /\n', 'COPY'],
    ['FROM scratch\nCOPY nowhere /\n', 'COPY'],
    ['FROM scratch\nCOPY --from=Not:a:name / /\n', 'COPY'],
  ])('what is wrong in a Dockerfile stands at its line: %j', async (text, instruction) => {
    writeFileSync(join(dir, 'Dockerfile'), text);
    const { stderr } = await ctxsrc(['key', '--build', 'app'], { cwd: workspace, env });
    const data = expect.stringContaining(`ctxsrc: app/Dockerfile:2: ${instruction}: `);
    expect(commandsIn(stderr)).toMatchObject([
      { name: 'error', properties: { file: 'app/Dockerfile', line: '2' }, data },
    ]);
    const piped = await ctxsrc(['key', '--build', '-f', '-', 'app'], { cwd: workspace, env, stdin: text });
    expect(commandsIn(piped.stderr)).toMatchObject([{ name: 'error', properties: {} }]);
  });

  it('a program that reads errors as JSON gets nothing else', async () => {
    for (const flags of [['--json'], ['--progress=rawjson']]) {
      const { stderr } = await ctxsrc(['key', ...flags, './nowhere'], { cwd: dir, env });
      for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ schema: 'ctxsrc/v1' });
    }
  });

  it('notes are notices; --quiet has none', async () => {
    mkdirSync(join(dir, 'sub'));
    expect(await ctxsrc(['lock', 'sub=./sub'], { cwd: dir })).toMatchObject({ code: 0 });
    const check = (...flags: string[]) => ctxsrc(['lock', '--check', ...flags], { cwd: dir, env });
    const { stderr } = await check();
    expect(commandsIn(stderr)).toMatchObject([{ name: 'notice', data: expect.stringContaining('nothing has moved') }]);
    expect((await check('--quiet')).stderr).toBe('');
    expect((await check('--progress', 'none')).stderr).toBe('');
  });
});

describe('--code-quality', () => {
  const top = tempDir('gitlab');
  const dir = join(top, 'app');
  mkdirSync(dir);
  writeFileSync(join(dir, 'a'), '');
  const report = async (dockerfile: string, ...flags: string[]) => {
    writeFileSync(join(dir, 'Dockerfile'), dockerfile);
    const env = { GITLAB_CI: 'true', CI_PROJECT_DIR: top };
    const ran = await ctxsrc(['inputs', '--code-quality', 'report.json', ...flags, '.'], { cwd: dir, env });
    expect(ran.code, ran.stderr).toBe(0);
    return JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as { fingerprint: string }[];
  };

  it('holds the warnings, each with a fingerprint of its own that a moved line keeps', async () => {
    const lines = ['FROM scratch', 'COPY a$NO /', 'COPY a$NO /b'];
    const found = await report(`${lines.join('\n')}\n`);
    const entry = (begin: number) => ({
      description: 'nothing sets the variable $NO',
      check_name: 'UndefinedVar',
      severity: 'minor',
      location: { path: 'app/Dockerfile', lines: { begin } },
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(found).toEqual([entry(2), entry(3)]);
    expect(found[0]!.fingerprint).not.toBe(found[1]!.fingerprint);
    const moved = await report(`# a comment\n\n${lines.join('\n')}\n`);
    expect(moved).toEqual([entry(4), entry(5)]);
    expect(moved.map(({ fingerprint }) => fingerprint)).toEqual(found.map(({ fingerprint }) => fingerprint));
  });

  it('is an empty list where there is nothing to say, and has style with -v', async () => {
    expect(await report('FROM scratch\nCOPY a /\n')).toEqual([]);
    expect(await report('FROM scratch\ncopy a /\n')).toEqual([]);
    expect(await report('FROM scratch\ncopy a /\n', '-v')).toMatchObject([{ severity: 'info' }]);
  });

  it('means nothing beside --names', async () => {
    expect(await ctxsrc(['inputs', '--names', '--code-quality', 'x', '.'], { cwd: dir })).toMatchObject({ code: 2 });
  });
});

describe('progress', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await TestRegistry.start();
    const layout = new LayoutBuilder();
    const layers = ['a', 'b', 'c'].map((name) => layout.layer(tar([{ name, content: name }])));
    registry.push(layout, 'some/image', 'tag', layout.image({ layers }));
  });
  afterAll(() => registry.stop());

  const pull = (env: Record<string, string>) =>
    ctxsrc(['pull', '--plain-http', registry.host, `docker-image://${registry.host}/some/image:tag`], {
      env: { ...env, CTXSRC_CACHE_DIR: tempDir('store') },
    });

  it('is one group of GitHub, which ends before the answer', async () => {
    const { code, stdout, stderr } = await pull({ GITHUB_ACTIONS: 'true' });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/)]);
    const lines = stderr.trim().split('\n');
    expect([lines[0], lines.at(-1)]).toEqual(['::group::ctxsrc: progress', '::endgroup::']);
    expect(lines.filter((line) => line.startsWith('::'))).toHaveLength(2);
    expect(lines.length).toBeGreaterThan(4);
  });

  it('is one section of GitLab, which is closed', async () => {
    const { stdout, stderr } = await pull({ GITLAB_CI: 'true' });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const start = /^\x1b\[0Ksection_start:\d{10}:(\w+)\[collapsed=true\]\r\x1b\[0Kctxsrc: progress\n/.exec(stderr);
    expect(start, stderr).not.toBeNull();
    expect(stderr).toMatch(new RegExp(`\\n\\x1b\\[0Ksection_end:\\d{10}:${start![1]}\\r\\x1b\\[0K\\n$`));
    expect(stderr.match(/section_/g)).toHaveLength(2);
  });

  it('is plain lines elsewhere', async () => {
    const { stderr } = await pull({ CI: 'true' });
    expect(stderr).not.toMatch(/::|\x1b/);
    expect(stderr.split('\n').length).toBeGreaterThan(2);
  });
});
