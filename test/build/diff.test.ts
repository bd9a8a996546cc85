/** Why the key of a build changed: each kind of input, changed in a real project. */
import { chmodSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildComparison, compareBuilds } from '../../src/build/diff/compare.ts';
import { differenceText } from '../../src/build/diff/difference.ts';
import { type ComparedBuild, readSaved, savedText } from '../../src/build/diff/saved.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { Asker, type ProjectOptions, projectOf, put } from '../support/project.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

let registry: TestRegistry;
let ask: Asker;
let download = 'body';

beforeAll(async () => {
  registry = await TestRegistry.start({
    intercept: (request, response) => {
      if (request.url?.startsWith('/file.txt') !== true) return false;
      response.end(request.method === 'HEAD' ? '' : download);
      return true;
    },
  });
  ask = new Asker(registry.host);
});

afterAll(() => registry.stop());

function push(name: string, text: string, config: Readonly<Record<string, unknown>> = {}): string {
  const layout = new LayoutBuilder();
  const layers = [layout.layer(tar([{ name: 'f', content: text }]))];
  const image = (architecture: string) => layout.image({ layers, platform: { os: 'linux', architecture }, config });
  registry.push(layout, name, '1', layout.index([image('amd64'), image('arm64')]));
  return `${registry.host}/${name}:1`;
}

/** A build as the file of `--save` holds it. */
async function saved(dir: string | undefined, file: string, options?: ProjectOptions): Promise<ComparedBuild> {
  const { document, detail } = await ask.answer(dir, file, options);
  return readSaved(savedText(document, await detail()), 'the file');
}

/** The lines about differences, hosts of the test and digests shortened. */
function lines({ differences }: BuildComparison): string[] {
  return differences.map((one) => hidden(`${one.mark} ${differenceText(one)}`));
}

function hidden(text: string): string {
  return text
    .replaceAll(registry.host, 'HOST')
    .replace(/127\.0\.0\.1:\d+/g, 'GIT')
    .replace(/[0-9a-f]{12}…/g, 'D');
}

/** Changes something between two builds of the same project. */
async function changed(
  dir: string | undefined,
  [before, after]: readonly [string, string],
  change: () => unknown = () => undefined,
  [given, later]: readonly [ProjectOptions, ProjectOptions] = [{}, {}],
): Promise<BuildComparison> {
  const a = await saved(dir, before, given);
  await change();
  return compareBuilds(a, await saved(dir, after, later));
}

const twice = (file: string): readonly [string, string] => [file, file];

describe('files', () => {
  const project = () => projectOf({ 'src/main.go': 'main', 'src/util.go': 'util', README: 'r' });
  const file = 'FROM scratch\nCOPY src /src';

  it('are named with what differs of them', async () => {
    const dir = project();
    const { sentence, rebuilt, note } = await changed(dir, twice(file), () =>
      chmodSync(join(dir, 'src/main.go'), 0o664),
    );
    expect(sentence).toBe('the build differs: src/main.go mode 0644 → 0664');
    expect(rebuilt).toEqual({ steps: 1, of: 1, first: 'Dockerfile:2 COPY' });
    expect(note).toContain('--modes exec');
    const several = await changed(dir, twice(file), () => {
      put(dir, 'src/main.go', 'other', 0o755);
      put(dir, 'src/new.go', 'new');
      unlinkSync(join(dir, 'src/util.go'));
      put(dir, 'README', 'other');
    });
    expect(several.sentence).toBe('the build differs: 3 files');
    expect(lines(several)).toEqual([
      '~ src/main.go mode 0664 → 0755',
      '~ src/main.go, other content',
      '- src/util.go',
      '+ src/new.go',
    ]);
    expect(several.note).toBeUndefined();
  });

  it('may be links, and of another type', async () => {
    const dir = project();
    symlinkSync('main.go', join(dir, 'src/link'));
    const leads = await changed(dir, twice(file), () => {
      unlinkSync(join(dir, 'src/link'));
      symlinkSync('util.go', join(dir, 'src/link'));
    });
    expect(lines(leads)).toEqual(['~ src/link, it leads elsewhere']);
    const type = await changed(dir, twice(file), () => {
      unlinkSync(join(dir, 'src/link'));
      writeFileSync(join(dir, 'src/link'), '');
    });
    expect(lines(type)).toEqual(['~ src/link type symlink → file']);
  });

  it('are those of a named context, told with its name', async () => {
    const dir = project();
    const contexts = new Map([['lib', projectOf({ f: 'F' })]]);
    const change = () => put(contexts.get('lib')!, 'f', 'changed');
    const options = { contexts };
    const found = await changed(dir, twice('FROM scratch\nCOPY --from=lib f /'), change, [options, options]);
    expect(lines(found)).toEqual(['~ lib: f, other content']);
  });

  it('are left out by an ignore file that hits others; one that hits the same changes nothing', async () => {
    const dir = project();
    const ignore = (text: string) => put(dir, '.dockerignore', text);
    ignore('docs\n');
    const other = await changed(dir, twice(file), () => ignore('*/util.go\n'));
    expect(lines(other)).toEqual(['~ .dockerignore, which leaves out other files', '- src/util.go']);
    const same = await changed(dir, twice(file), () => ignore('*/util.*\n'));
    expect(same).toMatchObject({ same: true, sentence: 'the same: nothing that the build reaches differs' });
  });

  it('may all be the same where a pattern of --exclude is not', async () => {
    const after = file.replace('COPY', 'COPY --exclude=*.none');
    const { sentence } = await changed(project(), [file, after]);
    expect(sentence).toBe('the build differs: no file differs, and a pattern of --exclude does (Dockerfile:2 COPY)');
  });
});

describe('the Dockerfile', () => {
  it('is the same where only what nothing reaches differs', async () => {
    const after = '# comment\nFROM scratch AS unused\nRUN other\nFROM scratch\nLABEL a=b';
    const found = await changed(undefined, ['FROM scratch\nLABEL a=b', after]);
    expect(found).toMatchObject({ same: true, differences: [], rebuilt: { steps: 0 } });
    expect(found.sentence).toBe(
      'the same: nothing that the build reaches differs, although the text of Dockerfile does',
    );
  });

  it('has instructions that differ in blanks, in a part, or are there on one side alone', async () => {
    const base = push('plain', 'one');
    const file = (...rest: string[]) => [`FROM ${base}`, ...rest].join('\n');
    const blanks = await changed(undefined, [file('RUN make all'), file('RUN make  all')]);
    expect(blanks.sentence).toBe('the build differs: Dockerfile:2 RUN, only blanks differ');
    const mount = await changed(undefined, [file('RUN make'), file('RUN --mount=type=secret,id=s make')]);
    expect(lines(mount)).toEqual(['~ Dockerfile:2 RUN, changed in --mount']);
    const several = await changed(undefined, [
      file('ENV A=1 B=2', 'RUN make', 'CMD ["x"]'),
      file('ENV A=1 B=3', 'USER app', 'RUN make', 'LABEL l=1'),
    ]);
    expect(several.sentence).toBe('the build differs: 4 instructions');
    expect(lines(several)).toEqual([
      '~ Dockerfile:2 ENV, changed in B',
      '+ Dockerfile:3 USER',
      '- Dockerfile:4 CMD',
      '+ Dockerfile:5 LABEL, l',
    ]);
  });

  it('has instructions without effect, which are not told beside one that has some', async () => {
    const dir = projectOf({ f: 'F' });
    const file = (label: string, copy: string, run: string) =>
      `FROM scratch AS b\nLABEL ${label}\n${copy}\nFROM scratch\nCOPY --from=b f /\nCMD ["${run}"]`;
    const found = await changed(dir, [file('a=1', 'COPY f /', 'x'), file('a=2', 'COPY ./f /', 'y')]);
    expect(lines(found)).toEqual(['~ Dockerfile:6 CMD, changed in its text']);
    expect(found.rebuilt.steps).toBe(0);
  });

  it('has stages that are reached now, not any more, or are new', async () => {
    const dir = projectOf({ f: 'F' });
    const file = (from: string, more = '') =>
      `FROM scratch AS one\nCOPY f /1\nFROM scratch AS two\nCOPY f /2\n${more}FROM scratch\nCOPY --from=${from} / /`;
    expect(lines(await changed(dir, [file('one'), file('two')]))).toEqual([
      '- Dockerfile:1 stage one, which is not reached any more',
      '+ Dockerfile:3 stage two, which is reached now',
      '~ Dockerfile:6 COPY, changed in --from',
    ]);
    const added = file('one', 'FROM one AS three\nCOPY f /3\n').replace('--from=one', '--from=three');
    expect(lines(await changed(dir, [file('one'), added]))).toEqual([
      '+ Dockerfile:5 stage three, which is new',
      '~ Dockerfile:8 COPY, changed in --from',
    ]);
  });
});

describe('sources', () => {
  it('are base images, told with their digests, and by what they hand on', async () => {
    const file = `FROM ${push('base', 'one', { Env: ['A=1'], Labels: { l: '1' } })} AS build\nRUN make\nFROM scratch\nCOPY --from=build / /`;
    const moved = await changed(undefined, twice(file), () => push('base', 'two', { Env: ['A=1'] }));
    expect(hidden(moved.sentence)).toBe('the build differs: base image HOST/base:1 sha256:D → sha256:D');
    const env = await changed(undefined, twice(file), () => push('base', 'two', { Env: ['A=2'], Labels: { l: '2' } }));
    expect(lines(env)).toEqual(['~ base image HOST/base:1, Env A of its configuration']);
    const other = push('other', 'three');
    expect(lines(await changed(undefined, [file, file.replace(/FROM \S+/, `FROM ${other}`)]))).toEqual([
      '~ base image HOST/base:1 → HOST/other:1',
      '~ Dockerfile:1 FROM, changed in its base',
    ]);
  });

  it('are images that files are only copied from', async () => {
    const file = `FROM scratch\nCOPY --from=${push('tools', 'one')} f /`;
    const moved = await changed(undefined, twice(file), () => push('tools', 'two', { Env: ['A=2'] }));
    expect(lines(moved)).toEqual(['~ copied image HOST/tools:1 sha256:D → sha256:D']);
  });

  it('are downloads, whose queries are not kept', async () => {
    const file = `FROM scratch\nARG T\nADD http://${registry.host}/file.txt?x=$T /f`;
    const given = { buildArgs: new Map([['T', 'hunter2']]) };
    const a = await ask.answer(undefined, file, given);
    expect(savedText(a.document, await a.detail())).not.toContain('hunter2');
    const change = () => {
      download = 'other';
    };
    const found = await changed(undefined, twice(file), change, [given, given]);
    expect(lines(found)).toEqual(['~ download http://HOST/file.txt?… sha256:D → sha256:D']);
  });

  it('are git repositories', async () => {
    const root = tempDir('git');
    const repository = join(root, 'r.git');
    initBare(repository);
    commit(repository, 'refs/heads/main', { f: '1' });
    const server = await serveGit(root);
    try {
      const file = `FROM scratch\nADD ${server.origin}/r.git#main /`;
      const found = await changed(undefined, twice(file), () => commit(repository, 'refs/heads/main', { f: '2' }));
      expect(lines(found)).toEqual([expect.stringMatching(/^~ git source \S+ D → D$/)]);
    } finally {
      await server.close();
    }
  });

  it('are front ends of strangers, for which everything counts', async () => {
    const file = `# syntax=${push('frontend', 'one')}\nFROM scratch`;
    const moved = await changed(projectOf({ a: 'A' }), twice(file), () => push('frontend', 'two'));
    expect(lines(moved)).toEqual([expect.stringMatching(/^~ front end \S+ sha256:D → sha256:D$/)]);
    const text = await changed(undefined, [file, `${file}\n# comment`]);
    expect(lines(text)).toEqual([expect.stringContaining(', which is given another Dockerfile')]);
  });
});

describe('what a build is given', () => {
  const file = 'FROM scratch\nARG A=0\nLABEL a=$A';
  const given = (...pairs: [string, string][]): ProjectOptions => ({ buildArgs: new Map(pairs) });

  it('is told by name, and an argument that nothing declares is not told', async () => {
    const other = await changed(undefined, twice(file), undefined, [given(['A', '1'], ['B', '1']), given(['A', '2'])]);
    expect(other.sentence).toBe('the build differs: --build-arg A, another value');
    const missing = await changed(undefined, twice(file), undefined, [given(['A', '1']), {}]);
    expect(missing.sentence).toBe('the build differs only by flags that are not given any more: --build-arg A');
    const salts: ProjectOptions = { salts: [['cache', '2']], labels: new Map([['l', 'v']]) };
    expect(lines(await changed(undefined, twice(file), undefined, [{}, salts]))).toEqual([
      '+ --label l, which is given now',
      '+ --with cache, which is given now',
    ]);
  });

  it('is an argument that a trigger of the base may declare', async () => {
    const base = push('trigger', 'one', { OnBuild: ['ARG T', 'RUN make $T'] });
    const dir = projectOf({ f: 'F' });
    const change = () => put(dir, 'f', 'changed');
    const both = [given(['T', '1']), given(['T', '2'])] as const;
    const found = await changed(dir, twice(`FROM ${base}\nCOPY f /`), change, both);
    expect(lines(found)).toEqual(['~ --build-arg T, another value', '~ f, other content']);
    expect(found.rebuilt.first).toBe(`Dockerfile:1 ONBUILD RUN of ${base}`);
    const without = twice('FROM scratch\nCOPY f /');
    expect(lines(await changed(dir, without, () => put(dir, 'f', 'F'), both))).toEqual(['~ f, other content']);
  });

  it('is the machine that builds, where something is made of it', async () => {
    const base = push('base', 'one');
    const on = (buildPlatform: string): ProjectOptions => {
      return { buildPlatform, targetPlatforms: ['linux/amd64'], platformAsked: true };
    };
    const machines = [on('linux/amd64'), on('linux/arm64')] as const;
    const file = `FROM ${base}\nARG BUILDPLATFORM\nRUN make`;
    const found = await changed(undefined, twice(file), undefined, machines);
    expect(found.sentence).toBe('the build differs: --build-platform linux/amd64 → linux/arm64');
    expect((await changed(undefined, twice(`FROM ${base}\nRUN make`), undefined, machines)).same).toBe(true);
  });

  it('is an image of one of several platforms, told with it', async () => {
    const pushed = (arm: string) => {
      const layout = new LayoutBuilder();
      const image = (architecture: string, content: string) => {
        const layers = [layout.layer(tar([{ name: 'f', content }]))];
        return layout.image({ layers, platform: { os: 'linux', architecture } });
      };
      registry.push(layout, 'several', '1', layout.index([image('amd64', 'same'), image('arm64', arm)]));
    };
    const options = { targetPlatforms: ['linux/amd64', 'linux/arm64'], platformAsked: true };
    pushed('one');
    const file = `FROM ${registry.host}/several:1\nRUN make`;
    const found = await changed(undefined, twice(file), () => pushed('two'), [options, options]);
    expect(lines(found)).toEqual(['~ base image HOST/several:1 (linux/arm64) sha256:D → sha256:D']);
    expect(found.rebuilt).toMatchObject({ steps: 1, of: 2 });
  });

  it('is the platform, told once', async () => {
    const base = push('base', 'one');
    const asked = (platform: string): ProjectOptions => ({ targetPlatforms: [platform], platformAsked: true });
    const found = await changed(undefined, twice(`FROM ${base}\nRUN make`), undefined, [
      asked('linux/amd64'),
      asked('linux/arm64'),
    ]);
    expect(lines(found)).toContain('~ platform linux/amd64 → linux/arm64');
  });

  it('is the target, with the stages that it reaches', async () => {
    const stages = 'FROM scratch AS one\nLABEL s=1\nFROM scratch AS two\nLABEL s=2';
    const found = await changed(undefined, twice(stages), undefined, [{ target: 'one' }, { target: 'two' }]);
    expect(lines(found)).toEqual([
      '~ --target one → two',
      '- Dockerfile:1 stage one, which is not reached any more',
      '+ Dockerfile:3 stage two, which is reached now',
    ]);
  });
});

describe('a file that was not kept like this', () => {
  it('is told from a damaged one, with the place', async () => {
    const { document, detail } = await ask.answer(undefined, 'FROM scratch\nLABEL a=b');
    const text = savedText(document, await detail());
    expect(readSaved(text, 'f').detail.file).toBe('Dockerfile');
    const code = (changedText: string) => {
      try {
        readSaved(changedText, 'f');
        return 'none';
      } catch (error) {
        return `${(error as { code: string }).code} ${(error as Error).message}`;
      }
    };
    expect(code('{"schema":"ctxsrc/v1","inputs":[]}')).toMatch(/^E_USAGE .*--save/);
    expect(code('[]')).toMatch(/^E_USAGE/);
    expect(code('')).toMatch(/^E_USAGE/);
    expect(code(text.slice(0, -20))).toMatch(/^E_CONTENT_INVALID/);
    expect(code(text.replace('ctxsrc/v1', 'ctxsrc/v2'))).toMatch(/^E_USAGE .*form/);
    expect(code(text.replace('"line":2', '"line":"2"'))).toContain('detail.instructions[1].line');
    expect(code(text.replace(/"document":"[^,]*,/, '"document":"{}",'))).toMatch(/^E_CONTENT_INVALID/);
  });

  it('of another form of document is told as that', async () => {
    const build = await saved(undefined, 'FROM scratch\nLABEL a=b');
    const later = { ...build, key: 'sha256:0' as const, document: { ...build.document, version: 2 } };
    expect(compareBuilds(build, later).sentence).toBe('the build differs: the form of the document 1 → 2');
  });
});
