import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/oci/types.ts';
import { type BuiltLayer, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { GithubCaches, jenkinsScript, runPipeline, runTask, runWorkflow } from './ci-systems.ts';
import { Machine } from './machine.ts';
import { codeBlocks } from './pages.ts';

const page = codeBlocks('docs/ci.md');
const recipes = page.filter(({ language }) => language === 'sh');
const KEY = /^sha256-[0-9a-f]{64}$/;

/** The recipe of the page whose first line is `# NAME`, whole and as it stands. */
function recipe(name: string): string {
  const block = recipes.find(({ text }) => text.startsWith(`# ${name}\n`));
  if (block === undefined) throw new Error(`docs/ci.md has no recipe ${name}`);
  return block.text;
}

/** The block that belongs to a file, or to a CI system. */
const shown = (file: string): string => page.find((block) => block.file === file)!.text;

describe.skipIf(!needs('git'))('docs/ci.md', () => {
  let registry: TestRegistry;
  const layout = new LayoutBuilder();
  let layer: BuiltLayer;
  let image: Descriptor;
  /** The repository that is checked out: what a project has, and the ignore file of the page. */
  let origin: string;

  beforeAll(async () => {
    registry = await TestRegistry.start();
    layer = layout.layer(tar([{ name: 'etc/motd', content: 'welcome\n' }]));
    image = layout.image({ layers: [layer] });
    registry.push(layout, 'library/debian', '12', image);
    const machine = new Machine(registry.host);
    origin = join(tempDir('origin'), 'project');
    mkdirSync(join(origin, 'src'), { recursive: true });
    writeFileSync(join(origin, 'Dockerfile'), 'FROM debian:12 AS release\nCOPY src/ /app/\n');
    writeFileSync(join(origin, 'src', 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(origin, '.dockerignore'), shown('.dockerignore'));
    const made = await machine.bash(
      origin,
      ['-e'],
      'git init -q -b main .\nctxsrc lock -q base="$BASE_IMAGE"\ngit add .\ngit -c user.name=t -c user.email=t@t commit -qm first\n',
    );
    expect(made).toMatchObject({ code: 0, stderr: '' });
  });
  afterAll(() => registry.stop());

  const machineHere = () => new Machine(registry.host);

  /** A recipe in a fresh checkout. A shell of a CI system ends at the first failure, as this one. */
  async function runIn(
    machine: Machine,
    checkout: string,
    name: string,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await machine.bash(checkout, ['-eu'], recipe(name));
    return { code, stdout, stderr };
  }

  describe('the recipes of docs/ci.md, as they are printed', () => {
    it('are all run by a test', () => {
      expect(recipes.map(({ text }) => text.split('\n')[0])).toEqual([
        '# skip-build',
        '# skip-build-list',
        '# changed-targets',
        '# github-output',
        '# cache-snapshot',
        '# pin',
        '# lock-from',
        '# drift',
      ]);
      expect(page.filter(({ language }) => language !== 'sh').map(({ file }) => file)).toEqual([
        '.dockerignore',
        'github',
        'github-files',
        'github-page',
        'gitlab',
        'jenkins',
        'tekton',
        'Makefile',
      ]);
    });

    /** What the fake docker was told to push. */
    function pushed(line = ''): string {
      const form = /^docker buildx build --target release --push -t (\S+)\/team\/app:(ctxsrc-[0-9a-f]{64}) \.$/;
      const [, host, tag] = form.exec(line) ?? [];
      expect(host).toBe(registry.host);
      if (tag === undefined) throw new Error(`nothing was pushed: ${line}`);
      return tag;
    }

    it('skip-build builds once for two checkouts, and again when something changes or the image is gone', async () => {
      const machine = machineHere();
      const [first, second] = [await machine.checkout(origin, '022'), await machine.checkout(origin, '077')];
      const build = async (checkout: string) => {
        const before = machine.dockerLog().length;
        const ran = await runIn(machine, checkout, 'skip-build');
        expect(ran.code, ran.stderr).toBe(0);
        return machine.dockerLog()[before];
      };
      const tag = pushed(await build(first));
      registry.push(layout, 'team/app', tag, image);
      for (const checkout of [second, first]) expect(await build(checkout)).toBeUndefined();
      expect(await runIn(machine, first, 'skip-build')).toMatchObject({
        stdout: `nothing changed: ${tag.replace('ctxsrc-', 'sha256:')}\n`,
        stderr: expect.stringContaining('known: '),
      });
      appendFileSync(join(second, 'Dockerfile'), '# a comment\n');
      writeFileSync(join(second, 'ctxsrc.lock'), '');
      expect(await build(second)).toBeUndefined();
      appendFileSync(join(second, 'Dockerfile'), 'LABEL a=b\n');
      expect(pushed(await build(second))).not.toBe(tag);
      appendFileSync(join(first, 'src', 'run.sh'), '# other\n');
      expect(pushed(await build(first))).not.toBe(tag);
      registry.manifests.delete('team/app');
      expect(pushed(await build(await machine.checkout(origin, '022')))).toBe(tag);
    });

    it('skip-build fails where nothing can be decided', async () => {
      const machine = machineHere();
      const checkout = await machine.checkout(origin, '022');
      registry.intercept = ({ url }, response) => {
        if (!url?.includes('/team/app/')) return false;
        response.writeHead(403).end();
        return true;
      };
      try {
        expect(await runIn(machine, checkout, 'skip-build')).toMatchObject({ code: 4, stdout: '' });
        expect(machine.dockerLog()).toEqual([]);
      } finally {
        registry.intercept = undefined;
      }
    });

    it('changed-targets builds the targets of a bake file whose tag is not there', async () => {
      const machine = machineHere();
      const checkout = await machine.checkout(origin, '022');
      const other = { 'dockerfile-inline': 'FROM scratch\nCOPY Dockerfile /\n' };
      const bake = { group: { default: { targets: ['app', 'other'] } }, target: { app: {}, other } };
      writeFileSync(join(checkout, 'docker-bake.json'), JSON.stringify(bake));
      const built = async (): Promise<{ target: string | undefined; tag: string }[]> => {
        const before = machine.dockerLog().length;
        const ran = await runIn(machine, checkout, 'changed-targets');
        expect(ran.code, ran.stderr).toBe(0);
        return machine
          .dockerLog()
          .slice(before)
          .map((line) => {
            const form =
              /^docker buildx bake -f docker-bake.json --push --set (\w+)\.tags=\S+:(ctxsrc-[0-9a-f]{64}) (\w+)$/;
            const [, set, tag = '', target] = form.exec(line) ?? [];
            expect(set, line).toBe(target);
            return { target, tag };
          });
      };
      const first = await built();
      expect(first.map(({ target }) => target)).toEqual(['app', 'other']);
      for (const { tag } of first) registry.push(layout, 'team/app', tag, image);
      expect(await built()).toEqual([]);
      appendFileSync(join(checkout, 'src', 'run.sh'), '# other\n');
      expect((await built()).map(({ target }) => target)).toEqual(['app']);
      registry.manifests.delete('team/app');
    });

    it('changed-targets fails where nothing can be decided', async () => {
      const machine = machineHere();
      const checkout = await machine.checkout(origin, '022');
      writeFileSync(
        join(checkout, 'docker-bake.json'),
        JSON.stringify({ target: { default: { dockerfile: 'none' } } }),
      );
      expect(await runIn(machine, checkout, 'changed-targets')).toMatchObject({ code: 3, stdout: '' });
      expect(machine.dockerLog()).toEqual([]);
    });

    it('skip-build-list does the same with a list', async () => {
      const machine = machineHere();
      mkdirSync(join(machine.home, '.cache'));
      for (const umask of ['022', '077']) {
        expect(await runIn(machine, await machine.checkout(origin, umask), 'skip-build-list')).toMatchObject({
          code: 0,
        });
      }
      expect(machine.dockerLog()).toEqual(['docker buildx build --target release .']);
    });

    it('github-output appends the key, the same in two checkouts', async () => {
      const keys = [];
      for (const umask of ['022', '077']) {
        const machine = machineHere();
        const { code, stdout } = await runIn(machine, await machine.checkout(origin, umask), 'github-output');
        const [printed, appended] = stdout.split('\n');
        expect([code, appended]).toEqual([0, `key=${printed}`]);
        expect(printed).toMatch(KEY);
        keys.push(printed);
      }
      expect(keys[0]).toBe(keys[1]);
    });

    it('the GitHub workflow builds once on two machines', async () => {
      const machines = [];
      for (const umask of ['022', '027']) {
        machines.push(machineHere());
        const { failure } = await runWorkflow(machines.at(-1)!, shown('github'), origin, umask);
        expect(failure).toBeUndefined();
        const [line] = machines.at(-1)!.dockerLog();
        if (line !== undefined) registry.push(layout, 'team/app', pushed(line), image);
      }
      expect(machines.map((machine) => machine.dockerLog().length)).toEqual([1, 0]);
      registry.manifests.delete('team/app');
    });

    it('the GitHub workflow with files checks the lock, and downloads once', async () => {
      const caches = new GithubCaches();
      const blobs = [];
      for (const umask of ['022', '027']) {
        const before = registry.log.length;
        const { log, failure } = await runWorkflow(machineHere(), shown('github-files'), origin, umask, caches);
        expect(failure).toBeUndefined();
        expect(log).toContain('nothing has moved');
        blobs.push(registry.log.slice(before).filter(({ url }) => url.includes('/blobs/')).length);
      }
      expect(blobs).toEqual([expect.any(Number), 0]);
      expect(blobs[0]).toBeGreaterThan(0);
    });

    it('the GitHub workflow with a page uploads it as it is, also when the image has grown too much (P1)', async () => {
      registry.push(layout, 'team/app', 'main', image);
      const compare = async (entries: Parameters<typeof tar>[0], layers: readonly BuiltLayer[]) => {
        const next = layout.image({ layers: [...layers, layout.layer(tar(entries))] });
        registry.push(layout, 'team/app', 'next', next);
        const machine = machineHere();
        machine.env.GITHUB_STEP_SUMMARY = join(machine.home, 'summary');
        const ran = await runWorkflow(machine, shown('github-page'), origin, '022');
        return { ...ran, summary: readFileSync(machine.env.GITHUB_STEP_SUMMARY, 'utf8') };
      };
      const replaced = await compare([{ name: 'etc/motd', content: 'Welcome\n' }], []);
      expect(replaced.failure).toBeUndefined();
      expect(replaced.summary).toMatch(/1 of 1 layer, 1 file[\s\S]*\| `M` \| `etc\/motd` \|/);
      const grown = await compare([{ name: 'new', content: 'x' }], [layer]);
      expect(grown.failure).toMatch(/^exit 8: /);
      for (const { artifacts } of [replaced, grown])
        expect(artifacts['image-diff.html']).toContain('<section id="files"><h2>Paths that differ</h2>');
      registry.manifests.delete('team/app');
    });

    it('the Jenkins stage builds once for two checkouts, and fails where nothing can be decided', async () => {
      const machine = machineHere();
      const script = jenkinsScript(shown('jenkins'));
      for (const umask of ['022', '077']) {
        const ran = await machine.bash(await machine.checkout(origin, umask), ['-xe'], script);
        expect(ran.code, ran.stderr).toBe(0);
        if (umask === '022') registry.push(layout, 'team/app', pushed(machine.dockerLog()[0]), image);
        else expect(ran.stdout).toMatch(/^nothing changed: sha256:/);
      }
      expect(machine.dockerLog()).toHaveLength(1);
      registry.manifests.delete('team/app');
      expect(await machine.bash(machine.home, ['-xe'], script)).toMatchObject({ code: 3, stdout: '' });
    });

    it('the Tekton task builds once for two checkouts', async () => {
      const machine = machineHere();
      const ran = [];
      for (const umask of ['022', '077']) {
        const params = { image: `${registry.host}/team/app` };
        ran.push(await runTask(machine, shown('tekton'), await machine.checkout(origin, umask), params));
        if (umask === '022') registry.push(layout, 'team/app', pushed(machine.dockerLog()[0]), image);
      }
      const { key } = ran[0]!;
      expect(ran).toEqual([{ key }, { key, known: 'true' }]);
      expect(machine.dockerLog()).toHaveLength(1);
      registry.manifests.delete('team/app');
    });

    it('make builds once for two checkouts, and again when a file changes', async (context) => {
      if (!needs('make')) context.skip();
      const machine = machineHere();
      const make = (cwd: string) => machine.bash(cwd, ['-e'], 'make -f ../Makefile image');
      for (const umask of ['022', '077', '022']) {
        const checkout = await machine.checkout(origin, umask);
        writeFileSync(join(checkout, '..', 'Makefile'), shown('Makefile'));
        const ran = await make(checkout);
        expect(ran.code, ran.stderr).toBe(0);
      }
      expect(machine.dockerLog()).toEqual(['docker buildx build --target release .']);
      const changed = await machine.checkout(origin, '022');
      writeFileSync(join(changed, '..', 'Makefile'), shown('Makefile'));
      appendFileSync(join(changed, 'src', 'run.sh'), '# other\n');
      await make(changed);
      expect(machine.dockerLog()).toHaveLength(2);
      writeFileSync(join(changed, 'Dockerfile'), 'NONSENSE\n');
      const failed = await make(changed);
      expect([failed.code, failed.stdout]).toEqual([2, '']);
      expect(failed.stderr).toContain('the key of the build is not known');
    });

    it('the GitLab jobs have the same key twice, and write the snapshot once', async () => {
      const caches = tempDir('caches');
      const ran = [];
      for (const umask of ['022', '077'])
        ran.push(await runPipeline(machineHere(), shown('gitlab'), origin, umask, caches));
      const [first, second] = ran;
      expect(first!.variables.CONTEXT_KEY).toMatch(KEY);
      expect(second!.variables).toEqual(first!.variables);
      expect(readFileSync(join(caches, 'rootfs', 'rootfs', 'etc', 'motd'), 'utf8')).toBe('welcome\n');
      expect(first!.logs.rootfs).toContain('ctxsrc.json');
      expect(first!.quality).toEqual([
        expect.objectContaining({ location: { path: 'Dockerfile', lines: { begin: 1 } } }),
      ]);
      expect(second!.quality).toEqual(first!.quality);
      // Nothing is written again; times of folders are what caches lose.
      expect(second!.logs.rootfs).toMatch(/^sha256:[0-9a-f]{64}\n(?:note: only the mtime of .*\n)?$/);
    });

    it('cache-snapshot writes, then verifies, and mends what a cache broke', async () => {
      const machine = machineHere();
      const [first, second] = [await machine.checkout(origin, '022'), await machine.checkout(origin, '077')];
      expect(await runIn(machine, first, 'cache-snapshot')).toMatchObject({ code: 0 });
      const asked = registry.log.length;
      const again = await runIn(machine, second, 'cache-snapshot');
      expect(again).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/) });
      expect(registry.log.slice(asked).filter(({ url }) => url.includes('/blobs/'))).toEqual([]);
      const rootfs = join(machine.home, '.cache', `rootfs-${again.stdout.trim().replace(':', '-')}`);
      appendFileSync(join(rootfs, 'etc', 'motd'), 'x');
      expect(await runIn(machine, second, 'cache-snapshot')).toMatchObject({ code: 0 });
      expect(readFileSync(join(rootfs, 'etc', 'motd'), 'utf8')).toBe('welcome\n');
    });

    it('pin locks and hands the pinned contexts to buildx, twice the same; drift finds what moved', async () => {
      const machine = machineHere();
      for (const umask of ['022', '077']) {
        const checkout = await machine.checkout(origin, umask);
        expect(await runIn(machine, checkout, 'pin')).toMatchObject({ code: 0 });
        expect((await machine.bash(checkout, ['-e'], 'git status --porcelain')).stdout).toBe('');
        expect((await runIn(machine, checkout, 'drift')).stderr).toContain('nothing has moved');
      }
      const [first, second] = machine.dockerLog();
      expect(first).toMatch(
        /^docker buildx build --build-context base=docker-image:\/\/docker\.io\/library\/debian:12@sha256:[0-9a-f]{64} \.$/,
      );
      expect(second).toBe(first);
      const checkout = await machine.checkout(origin, '022');
      const path = join(checkout, 'ctxsrc.lock');
      const text = readFileSync(path, 'utf8');
      const digest = /"digest": "sha256:([0-9a-f]{64})"/.exec(text)![1]!;
      writeFileSync(path, text.replaceAll(digest, `00${digest.slice(2)}`));
      const moved = await runIn(machine, checkout, 'drift');
      expect(moved).toMatchObject({ code: 6, stdout: expect.stringContaining('base digest sha256:00') });
    });

    it('lock-from locks what bake prints, the same in two checkouts', async () => {
      const machine = machineHere();
      const contexts = { src: 'src', base: 'docker-image://docker.io/library/debian:12' };
      writeFileSync(join(machine.home, 'docker.out'), JSON.stringify({ target: { default: { contexts } } }));
      const locks = [];
      for (const umask of ['022', '077']) {
        const checkout = await machine.checkout(origin, umask);
        expect(await runIn(machine, checkout, 'lock-from')).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/^base .*\nsrc .*\n$/),
        });
        locks.push(readFileSync(join(checkout, 'ctxsrc.lock'), 'utf8'));
      }
      expect(locks[1]).toBe(locks[0]);
      expect(machine.dockerLog()).toEqual(Array(2).fill('docker buildx bake -f docker-bake.hcl --print'));
    });
  });
});
