/**
 * What people met with tools that decide whether to build (`docs/field.md`): one change to a small project each, and
 * whether the key has to change. Names in brackets as (C4) are those of the list of such needs that other tests go by, too.
 */
import { chmodSync, cpSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { Asker, type ProjectOptions, projectOf, put } from '../support/project.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

let registry: TestRegistry;
let ask: Asker;

beforeAll(async () => {
  registry = await TestRegistry.start();
  ask = new Asker(registry.host);
  for (const name of ['base', 'tools']) {
    const layout = new LayoutBuilder();
    const images = ['amd64', 'arm64'].map((architecture) =>
      layout.image({
        layers: [layout.layer(tar([{ name, content: architecture }]))],
        platform: { os: 'linux', architecture },
        config: { Env: ['PATH=/bin'] },
      }),
    );
    registry.push(layout, name, '1', layout.index(images));
  }
});

afterAll(() => registry.stop());

const FILES = {
  'src/a.go': 'a',
  'src/x/y/z.go': 'z',
  'src/n.1': 'n',
  'src/s/n.1': 's',
  'out/keep/k': 'k',
  'out/o': 'o',
  'other/a.go': 'a',
  'README.md': 'r',
  '.dockerignore': 'out\n!out/keep/*\n',
};

/** `HOST` stands for the registry. */
const dockerfileOf = (text: string): string => text.replaceAll('HOST', registry.host);
const args = (...pairs: [string, string][]): ProjectOptions => ({ buildArgs: new Map(pairs) });

describe('the key changes exactly when BuildKit would do something else, where the Dockerfile changes', () => {
  it.each<[need: string, a: string, b: string, same: boolean]>([
    ['a comment', 'FROM HOST/base:1\nRUN a', 'FROM HOST/base:1\n# why\nRUN a', true],
    [
      'a comment within a continued line (R4)',
      'FROM HOST/base:1\nRUN a \\\n  # note\n  && b',
      'FROM HOST/base:1\nRUN a \\\n  && b',
      true,
    ],
    ['a comment at the end of a line', 'FROM HOST/base:1\nRUN a', 'FROM HOST/base:1\nRUN a # note', false],
    [
      'blank lines, case and the name of a stage (D4)',
      'FROM HOST/base:1 AS x\nRUN a\nFROM scratch\nCOPY --from=x /a /',
      'from HOST/base:1 AS y\n\n\nrun a\nFROM scratch\ncopy --from=y /a /',
      true,
    ],
    ['blanks within a command', 'FROM HOST/base:1\nRUN a  b', 'FROM HOST/base:1\nRUN a b', false],
    [
      'a file of the same content elsewhere (C10)',
      'FROM scratch\nCOPY src/a.go /',
      'FROM scratch\nCOPY other/a.go /',
      true,
    ],
    ['a mount of the context (C1)', 'FROM HOST/base:1\nRUN a', 'FROM HOST/base:1\nRUN --mount=target=/src a', false],
    [
      'an excluded pattern that hits nothing (C3)',
      'FROM scratch\nCOPY src /',
      'FROM scratch\nCOPY --exclude=*.none src /',
      false,
    ],
    [
      'another image in the second mount (G4)',
      'FROM HOST/base:1\nRUN --mount=type=cache,target=/c --mount=from=HOST/tools:1,target=/t x',
      'FROM HOST/base:1\nRUN --mount=type=cache,target=/c --mount=from=HOST/base:1,target=/t x',
      false,
    ],
    [
      'the ID of a cache (D9)',
      'FROM HOST/base:1\nRUN --mount=type=cache,id=a,target=/c x',
      'FROM HOST/base:1\nRUN --mount=type=cache,id=b,target=/c x',
      true,
    ],
    ['a tag beside the digest it has', 'FROM HOST/base:1\nRUN a', 'FROM HOST/base:1@DIGEST\nRUN a', true],
    ['a label', 'FROM scratch\nLABEL time=1', 'FROM scratch\nLABEL time=2', false],
    [
      'a label of a stage that is copied from',
      'FROM HOST/base:1 AS b\nLABEL v=1\nFROM scratch\nCOPY --from=b /base /',
      'FROM HOST/base:1 AS b\nLABEL v=2\nFROM scratch\nCOPY --from=b /base /',
      true,
    ],
    ['the text of a here-document', 'FROM scratch\nCOPY <<E /f\none\nE', 'FROM scratch\nCOPY <<E /f\ntwo\nE', false],
    ['a health check', 'FROM scratch\nHEALTHCHECK CMD a', 'FROM scratch\nHEALTHCHECK --interval=1s CMD a', false],
  ])('%s', async (_, a, b, same) => {
    const dir = projectOf(FILES);
    const digest = registry.manifests.get('base')!;
    const pinned = [...digest.keys()].find(
      (name) => digest.get(name)?.bytes === digest.get('1')?.bytes && name !== '1',
    )!;
    const key = (text: string) => ask.key(dir, dockerfileOf(text).replace('DIGEST', pinned));
    expect((await key(a)) === (await key(b))).toBe(same);
  });
});

describe('the key changes exactly when BuildKit would do something else, where the options change', () => {
  const file = 'ARG V=1\nFROM HOST/base:1\nARG V\nARG LATE\nCOPY src/a.go /$LATE/\nRUN make\nARG AFTER\nCMD x';
  it.each<[need: string, a: ProjectOptions, b: ProjectOptions, same: boolean]>([
    ['an argument that no instruction uses, above a command (A1)', {}, args(['V', '2']), false],
    ['an argument given as it is by default', {}, args(['V', '1']), true],
    ['an argument below the last command (A1)', {}, args(['AFTER', '1']), true],
    ['an argument that nobody declares (A1)', {}, args(['NOBODY', '1']), true],
    ['a proxy', {}, args(['HTTP_PROXY', 'http://p:1']), true],
    ['an argument in a path', args(['LATE', 'x']), args(['LATE', 'y']), false],
    ['a time for what is made', {}, args(['SOURCE_DATE_EPOCH', '1']), true],
    ['a salt (D4)', {}, { salts: [['cache-version', '2']] }, false],
    [
      'the platform (I5)',
      { targetPlatforms: ['linux/amd64'], platformAsked: true },
      { targetPlatforms: ['linux/arm64'], platformAsked: true },
      false,
    ],
    [
      'the machine that builds, where the platform is given',
      { targetPlatforms: ['linux/amd64'], platformAsked: true },
      { targetPlatforms: ['linux/amd64'], platformAsked: true, buildPlatform: 'linux/arm64' },
      true,
    ],
    ['a label from outside', {}, { labels: new Map([['a', 'b']]) }, false],
    ['a context that nobody looks up', {}, { contexts: new Map([['nobody', '/nowhere']]) }, true],
  ])('%s', async (_, a, b, same) => {
    const dir = projectOf(FILES);
    expect((await ask.key(dir, dockerfileOf(file), a)) === (await ask.key(dir, dockerfileOf(file), b))).toBe(same);
  });

  it('the builder of a cross build (I6)', async () => {
    const cross =
      'FROM --platform=$BUILDPLATFORM HOST/tools:1 AS b\nARG TARGETARCH\nRUN make\nFROM HOST/base:1\nCOPY --from=b /o /';
    const on = (buildPlatform: string) =>
      ask.answer(undefined, dockerfileOf(cross), {
        buildPlatform,
        targetPlatforms: ['linux/arm64'],
        platformAsked: true,
      });
    const [amd64, arm64] = [await on('linux/amd64'), await on('linux/arm64')];
    expect(amd64.inputs.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    expect(amd64.key).not.toBe(arm64.key);
  });
});

describe('the key changes exactly when BuildKit would do something else, where a file changes', () => {
  it.each<[need: string, file: string, change: (dir: string) => void, same: boolean]>([
    ['a file that no instruction takes (C12)', 'COPY src /', (dir) => put(dir, 'README.md', 'changed'), true],
    ['a new file beside what is taken (C12)', 'COPY src /', (dir) => put(dir, '.github/w.yaml', 'new'), true],
    ['a file that is taken', 'COPY src /', (dir) => put(dir, 'src/a.go', 'changed'), false],
    [
      'a new file that a pattern matches (C2)',
      'COPY --parents ./**/*.go /d/',
      (dir) => put(dir, 'new/q.go', 'q'),
      false,
    ],
    ['a new file that it does not match', 'COPY --parents ./**/*.go /d/', (dir) => put(dir, 'new/q.txt', 'q'), true],
    [
      'a file behind a pivot (C2)',
      'COPY --parents ./src/./x/y /d/',
      (dir) => put(dir, 'src/x/y/z.go', 'changed'),
      false,
    ],
    [
      'the mode of a folder behind a pivot (C2)',
      'COPY --parents ./src/./x/y /d/',
      (dir) => chmodSync(join(dir, 'src/x'), 0o700),
      false,
    ],
    [
      'the mode of the folder that is the pivot (C2)',
      'COPY --parents ./src/./x/y /d/',
      (dir) => chmodSync(join(dir, 'src'), 0o700),
      false,
    ],
    ['an excluded file at the top (C3)', 'COPY --exclude=*.1 src /', (dir) => put(dir, 'src/n.1', 'changed'), true],
    [
      'a file further down that the pattern does not mean (C3)',
      'COPY --exclude=*.1 src /',
      (dir) => put(dir, 'src/s/n.1', 'changed'),
      false,
    ],
    ['an exception below an ignored folder (C4)', 'COPY . /', (dir) => put(dir, 'out/keep/k', 'changed'), false],
    ['an ignored file (C4)', 'COPY . /', (dir) => put(dir, 'out/o', 'changed'), true],
    [
      'the ignore file, where it is not copied and leaves the same out',
      'COPY src /',
      (dir) => put(dir, '.dockerignore', 'out\n'),
      true,
    ],
    [
      'a line of the ignore file that hits nothing (D6)',
      'COPY src /',
      (dir) => put(dir, '.dockerignore', 'out\n!out/keep/*\n*.none\n'),
      true,
    ],
    ['the second of two files (C10)', 'COPY src/a.go src/n.1 /d/', (dir) => put(dir, 'src/n.1', 'changed'), false],
    [
      'a renamed file that a wildcard takes (C10)',
      'COPY src/* /',
      (dir) => {
        put(dir, 'src/b.go', 'a');
        rmSync(join(dir, 'src/a.go'));
      },
      false,
    ],
    ['the time of a file (C9)', 'COPY src /', (dir) => utimesSync(join(dir, 'src/a.go'), 1, 1), true],
    ['the mode of a file (C8)', 'COPY src /', (dir) => put(dir, 'src/a.go', 'a', 0o755), false],
    [
      'the mode of a file, also where another is set (C8)',
      'COPY --chmod=644 src/a.go /',
      (dir) => put(dir, 'src/a.go', 'a', 0o755),
      false,
    ],
    [
      'what a mount without source takes (C1)',
      'RUN --mount=target=/src x',
      (dir) => put(dir, 'README.md', 'changed'),
      false,
    ],
    [
      'what a mount with a source does not take (C1)',
      'RUN --mount=source=src,target=/src x',
      (dir) => put(dir, 'README.md', 'changed'),
      true,
    ],
  ])('%s', async (_, instruction, change, same) => {
    const dir = projectOf(FILES);
    const file = dockerfileOf(`FROM HOST/base:1\n${instruction}`);
    const before = await ask.key(dir, file);
    change(dir);
    expect((await ask.key(dir, file)) === before).toBe(same);
  });

  it('a link that is copied stands for its target, one in a folder for its text (C11)', async () => {
    const dir = projectOf({ ...FILES, t: '1', u: '1' });
    symlinkSync('t', join(dir, 'l'));
    symlinkSync('../t', join(dir, 'src/l'));
    const [named, inside] = ['FROM scratch\nCOPY l /f', 'FROM scratch\nCOPY src /d'];
    const before = [await ask.key(dir, named), await ask.key(dir, inside)];
    put(dir, 't', '2');
    expect(await ask.key(dir, named)).not.toBe(before[0]);
    expect(await ask.key(dir, inside)).toBe(before[1]);
    rmSync(join(dir, 'src/l'));
    symlinkSync('../u', join(dir, 'src/l'));
    expect(await ask.key(dir, inside)).not.toBe(before[1]);
    const edited = await ask.key(dir, named);
    rmSync(join(dir, 'l'));
    symlinkSync('u', join(dir, 'l'));
    put(dir, 'u', '3');
    expect(await ask.key(dir, named)).not.toBe(edited);
  });

  it('a directory by name has its own ignore file, whatever the main one leaves out (C6)', async () => {
    const dir = projectOf({ '.dockerignore': '*', 'Dockerfile.dockerignore': '*' });
    const other = projectOf({ f: '1', g: '1', '.dockerignore': 'g\n', 'Dockerfile.dockerignore': '*' });
    const key = () => ask.key(dir, 'FROM scratch\nCOPY --from=n . /', { contexts: new Map([['n', other]]) });
    const before = await key();
    put(other, 'g', '2');
    expect(await key()).toBe(before);
    put(other, 'f', '2');
    expect(await key()).not.toBe(before);
  });

  it('a Dockerfile that lies elsewhere counts by its instructions alone (C13)', async () => {
    const dir = projectOf(FILES);
    const path = join(projectOf({ Dockerfile: '' }), 'Dockerfile');
    const key = (text: string) =>
      ask.key(dir, '', { dockerfile: { bytes: Buffer.from(text), name: '../Dockerfile', path } });
    const before = await key('FROM scratch\nCOPY src /s');
    expect(await key('# why\nFROM scratch\nCOPY src /s')).toBe(before);
    expect(await key('FROM scratch\nCOPY src /t')).not.toBe(before);
  });

  it('the folder of git counts like any other where it is copied, and is told (C13)', async () => {
    const dir = projectOf({ ...FILES, '.git/HEAD': '1' });
    const answer = async (text: string) => {
      const { key, findings } = await ask.answer(dir, text);
      return { key, rules: findings.map(({ rule }) => rule) };
    };
    const [whole, part] = ['FROM scratch\nCOPY . /', 'FROM scratch\nCOPY src /'];
    // The Dockerfile is among the files: it has to be the same.
    const before = { part: await answer(part), whole: await answer(whole) };
    put(dir, '.git/HEAD', '2');
    const after = { part: await answer(part), whole: await answer(whole) };
    expect(after.part).toEqual(before.part);
    expect(after.whole.key).not.toBe(before.whole.key);
    expect([before.whole.rules.includes('GitDirectoryCopied'), before.part.rules]).toEqual([true, []]);
  });

  it('nothing depends on where the project lies (C9, D6)', async () => {
    const dir = projectOf(FILES);
    const copy = join(tempDir('elsewhere'), 'of', 'another', 'name');
    cpSync(dir, copy, { recursive: true });
    const file = dockerfileOf('FROM HOST/base:1\nCOPY src /s\nRUN --mount=target=/x make');
    // The whole context is taken, and with it the Dockerfile.
    expect(await ask.key(copy, file)).toBe(await ask.key(dir, file));
  });
});

describe('a Dockerfile that is wrong is told with its line and what to write', () => {
  it.each<[need: string, file: string, message: RegExp]>([
    ['a tag that an argument leaves empty (A2)', 'ARG T\nFROM alpine:$T', /^Dockerfile:2: FROM/],
    ['an argument between two stages (A3)', 'FROM scratch AS a\nARG U\nFROM $U', /^Dockerfile:3: FROM/],
    ['a here-document of CMD (R5)', 'FROM scratch\nCMD <<E\nenv\nE', /^Dockerfile:[23]: /],
  ])('%s', async (_, file, message) => {
    await expect(ask.key(undefined, file)).rejects.toMatchObject({
      code: 'E_DOCKERFILE',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
  });
});
