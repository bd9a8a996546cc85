/** Why the key of a build changed: images, downloads, git sources and front ends, changed where they lie. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { savedText } from '../../src/build/diff/saved.ts';
import { BuildChanges, twice } from '../support/build-changes.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { projectOf } from '../support/project.ts';
import { tempDir } from '../support/temp.ts';

let builds: BuildChanges;
let download = 'body';

beforeAll(async () => {
  builds = await BuildChanges.start({
    intercept: (request, response) => {
      if (request.url?.startsWith('/file.txt') !== true) return false;
      response.end(request.method === 'HEAD' ? '' : download);
      return true;
    },
  });
});

afterAll(() => builds.stop());

describe('sources', () => {
  it('are base images, told with their digests, and by what they hand on (I1)', async () => {
    const file = `FROM ${builds.push('base', 'one', { Env: ['A=1'], Labels: { l: '1' } })} AS build\nRUN make\nFROM scratch\nCOPY --from=build / /`;
    const moved = await builds.changed(undefined, twice(file), () => builds.push('base', 'two', { Env: ['A=1'] }));
    expect(builds.hidden(moved.sentence)).toBe('the build differs: base image HOST/base:1 sha256:D → sha256:D');
    const env = await builds.changed(undefined, twice(file), () =>
      builds.push('base', 'two', { Env: ['A=2'], Labels: { l: '2' } }),
    );
    expect(builds.lines(env)).toEqual(['~ base image HOST/base:1, Env A of its configuration']);
    const other = builds.push('other', 'three');
    expect(builds.lines(await builds.changed(undefined, [file, file.replace(/FROM \S+/, `FROM ${other}`)]))).toEqual([
      '~ base image HOST/base:1 → HOST/other:1',
      '~ Dockerfile:1 FROM, changed in its base',
    ]);
  });

  it('are images that files are only copied from', async () => {
    const file = `FROM scratch\nCOPY --from=${builds.push('tools', 'one')} f /`;
    const moved = await builds.changed(undefined, twice(file), () => builds.push('tools', 'two', { Env: ['A=2'] }));
    expect(builds.lines(moved)).toEqual(['~ copied image HOST/tools:1 sha256:D → sha256:D']);
  });

  it.each([
    ['a query', '', 'ADD http://HOST/file.txt?x=$T /f', 'http://HOST/file.txt?…'],
    ['a path', '', 'ADD http://HOST/file.txt/$T /f', 'http://HOST/file.txt/$T'],
    ['a fragment', '', 'ADD http://HOST/file.txt#$T /f', 'http://HOST/file.txt#$T'],
    ['one of two', '', 'ADD http://HOST/file.txt/$T http://HOST/file.txt#$T /f/', 'http://127.0.0.1/D'],
    ['a trigger', 'ARG T\nADD http://HOST/file.txt/$T /f', 'RUN true', 'http://127.0.0.1/D'],
  ])('are downloads, of which a saved build holds no argument: %s', async (_, triggers, add, name) => {
    const here = (text: string): string => text.replaceAll('HOST', builds.registry.host);
    const base = builds.push('triggers', 'one', { OnBuild: here(triggers).split('\n').filter(Boolean) });
    const file = `FROM ${base}\nARG T\n${here(add)}`;
    const a = await builds.ask.answer(undefined, file, { buildArgs: new Map([['T', 'hunter2']]) });
    const detail = await a.detail();
    expect(savedText(a.document, detail)).not.toContain('hunter2');
    const downloads = detail.inputs.filter(({ kind }) => kind === 'http').map((one) => builds.hidden(one.name));
    expect(new Set(downloads)).toEqual(new Set([name]));
  });

  it('are downloads that change where they lie', async () => {
    const file = `FROM scratch\nARG T\nADD http://${builds.registry.host}/file.txt?x=$T /f`;
    const given = { buildArgs: new Map([['T', 'hunter2']]) };
    const change = () => {
      download = 'other';
    };
    const found = await builds.changed(undefined, twice(file), change, [given, given]);
    expect(builds.lines(found)).toEqual(['~ download http://HOST/file.txt?… sha256:D → sha256:D']);
  });

  it('are git repositories', async () => {
    const root = tempDir('git');
    const repository = join(root, 'r.git');
    initBare(repository);
    commit(repository, 'refs/heads/main', { 'hunter2/f': '1' });
    const server = await serveGit(root);
    try {
      const file = `FROM scratch\nARG T\nADD ${server.origin}/r.git#main:$T /`;
      const given = { buildArgs: new Map([['T', 'hunter2']]) };
      const a = await builds.ask.answer(undefined, file, given);
      expect(savedText(a.document, await a.detail())).not.toContain('hunter2');
      const change = (): unknown => commit(repository, 'refs/heads/main', { 'hunter2/f': '2' });
      const found = await builds.changed(undefined, twice(file), change, [given, given]);
      expect(builds.lines(found)).toEqual(['~ git source http://GIT/r.git#main:$T D → D']);
    } finally {
      await server.close();
    }
  });

  it('are front ends of strangers, for which everything counts', async () => {
    const file = `# syntax=${builds.push('frontend', 'one')}\nFROM scratch`;
    const moved = await builds.changed(projectOf({ a: 'A' }), twice(file), () => builds.push('frontend', 'two'));
    expect(builds.lines(moved)).toEqual([expect.stringMatching(/^~ front end \S+ sha256:D → sha256:D$/)]);
    const text = await builds.changed(undefined, [file, `${file}\n# comment`]);
    expect(builds.lines(text)).toEqual([expect.stringContaining(', which is given another Dockerfile')]);
    const fetched = (key: string) => ({ remote: { kind: 'git', ref: 'git://h/r.git', digest: key, key } });
    const commits = await builds.changed(projectOf({ a: 'A' }), twice(file), () => {}, [fetched('1'), fetched('2')]);
    expect(builds.lines(commits)).toContainEqual(expect.stringContaining('another commit or download as its context'));
  });
});
