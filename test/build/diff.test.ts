/** Why the key of a build changed: files, instructions and flags, changed in a real project. */
import { chmodSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareBuilds } from '../../src/build/diff/compare.ts';
import { readSaved, savedText } from '../../src/build/diff/saved.ts';
import { BuildChanges, twice } from '../support/build-changes.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { type ProjectOptions, projectOf, put } from '../support/project.ts';
import { tar } from '../support/tar-builder.ts';

let builds: BuildChanges;

beforeAll(async () => {
  builds = await BuildChanges.start();
});

afterAll(() => builds.stop());

describe('files', () => {
  const project = () => projectOf({ 'src/main.go': 'main', 'src/util.go': 'util', README: 'r' });
  const file = 'FROM scratch\nCOPY src /src';

  it('are named with what differs of them (C8, D5)', async () => {
    const dir = project();
    const { sentence, rebuilt, note } = await builds.changed(dir, twice(file), () =>
      chmodSync(join(dir, 'src/main.go'), 0o664),
    );
    expect(sentence).toBe('the build differs: src/main.go mode 0644 → 0664');
    expect(rebuilt).toEqual({ steps: 1, of: 1, first: 'Dockerfile:2 COPY' });
    expect(note).toContain('--modes exec');
    const several = await builds.changed(dir, twice(file), () => {
      put(dir, 'src/main.go', 'other', 0o755);
      put(dir, 'src/new.go', 'new');
      unlinkSync(join(dir, 'src/util.go'));
      put(dir, 'README', 'other');
    });
    expect(several.sentence).toBe('the build differs: 3 files');
    expect(builds.lines(several)).toEqual([
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
    const leads = await builds.changed(dir, twice(file), () => {
      unlinkSync(join(dir, 'src/link'));
      symlinkSync('util.go', join(dir, 'src/link'));
    });
    expect(builds.lines(leads)).toEqual(['~ src/link, it leads elsewhere']);
    const type = await builds.changed(dir, twice(file), () => {
      unlinkSync(join(dir, 'src/link'));
      writeFileSync(join(dir, 'src/link'), '');
    });
    expect(builds.lines(type)).toEqual(['~ src/link type symlink → file']);
  });

  it('are those of a named context, told with its name', async () => {
    const dir = project();
    const contexts = new Map([['lib', projectOf({ f: 'F' })]]);
    const change = () => put(contexts.get('lib')!, 'f', 'changed');
    const options = { contexts };
    const found = await builds.changed(dir, twice('FROM scratch\nCOPY --from=lib f /'), change, [options, options]);
    expect(builds.lines(found)).toEqual(['~ lib: f, other content']);
  });

  it('are left out by an ignore file that hits others; one that hits the same changes nothing', async () => {
    const dir = project();
    const ignore = (text: string) => put(dir, '.dockerignore', text);
    ignore('docs\n');
    const other = await builds.changed(dir, twice(file), () => ignore('*/util.go\n'));
    expect(builds.lines(other)).toEqual(['~ .dockerignore, which leaves out other files', '- src/util.go']);
    const same = await builds.changed(dir, twice(file), () => ignore('*/util.*\n'));
    expect(same).toMatchObject({ same: true, sentence: 'the same: nothing that the build reaches differs' });
    const beside = await builds.changed(dir, twice(file), () => {
      ignore('src/util.*\n');
      put(dir, 'src/main.go', 'changed');
    });
    expect(builds.lines(beside)).toEqual(['~ src/main.go, other content']);
  });

  it('may all be the same where a pattern of --exclude is not (C3)', async () => {
    const after = file.replace('COPY', 'COPY --exclude=*.none');
    const { sentence } = await builds.changed(project(), [file, after]);
    expect(sentence).toBe('the build differs: no file differs, and a pattern of --exclude does (Dockerfile:2 COPY)');
  });
});

describe('the Dockerfile', () => {
  it('is the same where only what nothing reaches differs', async () => {
    const after = '# comment\nFROM scratch AS unused\nRUN other\nFROM scratch\nLABEL a=b';
    const found = await builds.changed(undefined, ['FROM scratch\nLABEL a=b', after]);
    expect(found).toMatchObject({ same: true, differences: [], rebuilt: { steps: 0 } });
    expect(found.sentence).toBe(
      'the same: nothing that the build reaches differs, although the text of Dockerfile does',
    );
  });

  it('has instructions that differ in blanks, in a part, or are there on one side alone', async () => {
    const base = builds.push('plain', 'one');
    const file = (...rest: string[]) => [`FROM ${base}`, ...rest].join('\n');
    const blanks = await builds.changed(undefined, [file('RUN make all'), file('RUN make  all')]);
    expect(blanks.sentence).toBe('the build differs: Dockerfile:2 RUN, only blanks differ');
    const mount = await builds.changed(undefined, [file('RUN make'), file('RUN --mount=type=secret,id=s make')]);
    expect(builds.lines(mount)).toEqual(['~ Dockerfile:2 RUN, changed in --mount']);
    const several = await builds.changed(undefined, [
      file('ENV A=1 B=2', 'RUN make', 'CMD ["x"]'),
      file('ENV A=1 B=3', 'USER app', 'RUN make', 'LABEL l=1'),
    ]);
    expect(several.sentence).toBe('the build differs: 4 instructions');
    expect(builds.lines(several)).toEqual([
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
    const found = await builds.changed(dir, [file('a=1', 'COPY f /', 'x'), file('a=2', 'COPY ./f /', 'y')]);
    expect(builds.lines(found)).toEqual(['~ Dockerfile:6 CMD, changed in its text']);
    expect(found.rebuilt.steps).toBe(0);
  });

  it('has stages that are reached now, not any more, or are new', async () => {
    const dir = projectOf({ f: 'F' });
    const file = (from: string, more = '') =>
      `FROM scratch AS one\nCOPY f /1\nFROM scratch AS two\nCOPY f /2\n${more}FROM scratch\nCOPY --from=${from} / /`;
    expect(builds.lines(await builds.changed(dir, [file('one'), file('two')]))).toEqual([
      '- Dockerfile:1 stage one, which is not reached any more',
      '+ Dockerfile:3 stage two, which is reached now',
      '~ Dockerfile:6 COPY, changed in --from',
    ]);
    const added = file('one', 'FROM one AS three\nCOPY f /3\n').replace('--from=one', '--from=three');
    expect(builds.lines(await builds.changed(dir, [file('one'), added]))).toEqual([
      '+ Dockerfile:5 stage three, which is new',
      '~ Dockerfile:8 COPY, changed in --from',
    ]);
  });
});

describe('what a build is given', () => {
  const file = 'FROM scratch\nARG A=0\nLABEL a=$A';
  const given = (...pairs: [string, string][]): ProjectOptions => ({ buildArgs: new Map(pairs) });

  it('is told by name, and an argument that nothing declares is not told (A1, D5)', async () => {
    const other = await builds.changed(undefined, twice(file), undefined, [
      given(['A', '1'], ['B', '1']),
      given(['A', '2']),
    ]);
    expect(other.sentence).toBe('the build differs: --build-arg A, another value');
    const missing = await builds.changed(undefined, twice(file), undefined, [given(['A', '1']), {}]);
    expect(missing.sentence).toBe('the build differs only by flags that are not given any more: --build-arg A');
    const salts: ProjectOptions = { salts: [['cache', '2']], labels: new Map([['l', 'v']]) };
    expect(builds.lines(await builds.changed(undefined, twice(file), undefined, [{}, salts]))).toEqual([
      '+ --label l, which is given now',
      '+ --with cache, which is given now',
    ]);
  });

  it('is an argument that a trigger of the base may declare', async () => {
    const base = builds.push('trigger', 'one', { OnBuild: ['ARG T', 'RUN make $T'] });
    const dir = projectOf({ f: 'F' });
    const change = () => put(dir, 'f', 'changed');
    const both = [given(['T', '1']), given(['T', '2'])] as const;
    const found = await builds.changed(dir, twice(`FROM ${base}\nCOPY f /`), change, both);
    expect(builds.lines(found)).toEqual(['~ --build-arg T, another value', '~ f, other content']);
    expect(found.rebuilt.first).toBe(`Dockerfile:1 ONBUILD RUN of ${base}`);
    const without = twice('FROM scratch\nCOPY f /');
    expect(builds.lines(await builds.changed(dir, without, () => put(dir, 'f', 'F'), both))).toEqual([
      '~ f, other content',
    ]);
  });

  it('is the machine that builds, where something is made of it', async () => {
    const base = builds.push('base', 'one');
    const on = (buildPlatform: string): ProjectOptions => {
      return { buildPlatform, targetPlatforms: ['linux/amd64'], platformAsked: true };
    };
    const machines = [on('linux/amd64'), on('linux/arm64')] as const;
    const file = `FROM ${base}\nARG BUILDPLATFORM\nRUN make`;
    const found = await builds.changed(undefined, twice(file), undefined, machines);
    expect(found.sentence).toBe('the build differs: --build-platform linux/amd64 → linux/arm64');
    expect((await builds.changed(undefined, twice(`FROM ${base}\nRUN make`), undefined, machines)).same).toBe(true);
  });

  it('is an image of one of several platforms, told with it', async () => {
    const pushed = (arm: string) => {
      const layout = new LayoutBuilder();
      const image = (architecture: string, content: string) => {
        const layers = [layout.layer(tar([{ name: 'f', content }]))];
        return layout.image({ layers, platform: { os: 'linux', architecture } });
      };
      builds.registry.push(layout, 'several', '1', layout.index([image('amd64', 'same'), image('arm64', arm)]));
    };
    const options = { targetPlatforms: ['linux/amd64', 'linux/arm64'], platformAsked: true };
    pushed('one');
    const file = `FROM ${builds.registry.host}/several:1\nRUN make`;
    const found = await builds.changed(undefined, twice(file), () => pushed('two'), [options, options]);
    expect(builds.lines(found)).toEqual(['~ base image HOST/several:1 (linux/arm64) sha256:D → sha256:D']);
    expect(found.rebuilt).toMatchObject({ steps: 1, of: 2 });
  });

  it('is the platform, told once', async () => {
    const base = builds.push('base', 'one');
    const asked = (platform: string): ProjectOptions => ({ targetPlatforms: [platform], platformAsked: true });
    const found = await builds.changed(undefined, twice(`FROM ${base}\nRUN make`), undefined, [
      asked('linux/amd64'),
      asked('linux/arm64'),
    ]);
    expect(builds.lines(found)).toContain('~ platform linux/amd64 → linux/arm64');
  });

  it('is the target, with the stages that it reaches', async () => {
    const stages = 'FROM scratch AS one\nLABEL s=1\nFROM scratch AS two\nLABEL s=2';
    const found = await builds.changed(undefined, twice(stages), undefined, [{ target: 'one' }, { target: 'two' }]);
    expect(builds.lines(found)).toEqual([
      '~ --target one → two',
      '- Dockerfile:1 stage one, which is not reached any more',
      '+ Dockerfile:3 stage two, which is reached now',
    ]);
  });
});

describe('a file that was not kept like this', () => {
  it('is told from a damaged one, with the place', async () => {
    const { document, detail } = await builds.ask.answer(undefined, 'FROM scratch\nLABEL a=b');
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
    const build = await builds.saved(undefined, 'FROM scratch\nLABEL a=b');
    const later = { ...build, key: 'sha256:0' as const, document: { ...build.document, version: 2 } };
    expect(compareBuilds(build, later).sentence).toBe('the build differs: the form of the document 1 → 2');
  });
});
