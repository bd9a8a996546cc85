/** The actions of the repository, run as GitHub runs them. */
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { actions, GithubCaches, useAction } from './ci-systems.ts';
import { Machine } from './machine.ts';

const base = 'base=docker-image://docker.io/library/debian:12';
const image = 'docker-image://docker.io/library/debian:12';

describe.skipIf(!needs('bash'))('the actions', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await TestRegistry.start();
    const layout = new LayoutBuilder();
    const layer = layout.layer(tar([{ name: 'etc/motd', content: 'welcome\n' }]));
    registry.push(layout, 'library/debian', '12', layout.image({ layers: [layer] }));
  });
  afterAll(() => registry.stop());

  /** A machine, and a checkout with odd names in it. */
  function here(): [Machine, string] {
    const machine = new Machine(registry.host);
    const cwd = tempDir('checkout');
    for (const name of ['src', 'my app', `it's "a"`, '$(touch evil)']) {
      mkdirSync(join(cwd, name));
      writeFileSync(join(cwd, name, 'run.sh'), '#!/bin/sh\n');
    }
    writeFileSync(join(cwd, 'Dockerfile'), 'FROM debian:12 AS release\nCOPY src/ /app/\n');
    return [machine, cwd];
  }

  const keyOf = async (machine: Machine, cwd: string, ...args: string[]): Promise<string> => {
    const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
    const { code, stdout, stderr } = await machine.bash(cwd, ['-e'], `ctxsrc key --safe ${quoted}`);
    expect(code, stderr).toBe(0);
    return stdout.trim();
  };

  describe('for a key', () => {
    it('takes a reference and a flag from each line, blanks and quotes included', async () => {
      const [machine, cwd] = here();
      const references = `\n  .\n${base}\n\n  it=./it's "a"\nbl=./my app  \nev=./$(touch evil)\n`;
      const args =
        '--modes exec\n-f Dockerfile\n--with A=b c\n  --with   B="q" $(touch evil)\n--with=C=`d`\n--platform=linux/amd64\n';
      const { outputs } = await useAction(machine, cwd, { references, args, combined: true });
      const expected = await keyOf(
        machine,
        cwd,
        ...['--combined', '--modes', 'exec', '-f', 'Dockerfile', '--with', 'A=b c', '--with', 'B="q" $(touch evil)'],
        ...['--with', 'C=`d`', '--platform', 'linux/amd64', '--', '.', base],
        ...[`it=./it's "a"`, 'bl=./my app', 'ev=./$(touch evil)'],
      );
      expect(outputs).toEqual({ key: expected, known: '', digest: '', pinned: '', json: '' });
      expect(existsSync(join(cwd, 'evil'))).toBe(false);
    });

    it('has the key of a build, and whether it is known', async () => {
      const [machine, cwd] = here();
      writeFileSync(join(machine.home, 'keys'), '');
      const args = `--modes exec\n--target release\n--build-arg A=b c\n--known-file ${join(machine.home, 'keys')}`;
      const { outputs } = await useAction(machine, cwd, { build: '.', args });
      const key = await keyOf(machine, cwd, '--build', '--modes', 'exec', '--target', 'release', '.');
      expect(outputs).toMatchObject({ key, known: 'false', digest: '', pinned: '' });
      writeFileSync(join(machine.home, 'keys'), key);
      expect((await useAction(machine, cwd, { build: '.', args })).outputs.known).toBe('true');
    });

    it('has all outputs of a single reference, and of several a list', async () => {
      const [machine, cwd] = here();
      const { outputs } = await useAction(machine, cwd, { references: image });
      expect(outputs.key).toBe(await keyOf(machine, cwd, image));
      expect(outputs.pinned).toBe(`${image}@${outputs.digest}`);
      const { key, digest, pinned } = outputs;
      expect(JSON.parse(outputs.json!)).toEqual([{ ref: image, key, digest, pinned }]);
      const several = await useAction(machine, cwd, { references: `${base}\napp=./my app`, combined: 'false' });
      expect(several.outputs).toMatchObject({ key: '', digest: '' });
      expect(JSON.parse(several.outputs.json!)).toEqual([
        { ref: base, name: 'base', key, digest, pinned },
        expect.objectContaining({ name: 'app', key: await keyOf(machine, cwd, './my app') }),
      ]);
    });

    it.each([
      ['no reference', { references: ' \n' }, 'references is empty'],
      ['a build beside references', { build: '.', references: '.' }, 'exclude each other'],
      ['another word than true', { references: '.', combined: 'yes' }, 'combined is true or false'],
      ['a line that is no flag', { references: '.', args: 'exec' }, 'a flag and its value'],
      ['two flags on a line', { references: '.', args: '--modes exec -f Dockerfile' }, "'exec -f Dockerfile'"],
      ['a reference that is nowhere', { references: './nowhere' }, '::error::ctxsrc: '],
    ])('fails for %s', async (_, inputs, message) => {
      const [machine, cwd] = here();
      await expect(useAction(machine, cwd, inputs)).rejects.toThrow(message);
    });

    it('builds the program of its own revision, once', async () => {
      const machine = new Machine(registry.host);
      const root = tempDir('action');
      mkdirSync(join(root, 'bin'));
      cpSync(join(packageRoot, 'actions'), join(root, 'actions'), { recursive: true });
      writeFileSync(join(root, 'bin', 'ctxsrc.js'), 'console.log(process.argv.slice(2).join(" "))');
      machine.addProgram('npm', 'echo "npm $*"; [ "$1" != run ] || { mkdir -p dist; touch dist/ctxsrc.mjs; }');
      const given = { references: '.', cache: false };
      const first = await useAction(machine, machine.home, given, { root });
      expect(first.log.split('\n')).toEqual([
        'npm ci --ignore-scripts --no-audit --no-fund',
        'npm run build',
        'key --safe --github-output -- .',
        '',
      ]);
      const second = await useAction(machine, machine.home, given, { root });
      expect(second.log).toBe('key --safe --github-output -- .\n');
    });

    it('asks for nothing of an image again that an earlier job asked for', async () => {
      const caches = new GithubCaches();
      const asked = async (cache: boolean): Promise<number> => {
        const [machine, cwd] = here();
        const before = registry.log.length;
        await useAction(machine, cwd, { references: image, cache }, { caches });
        caches.endJob();
        return registry.log.slice(before).filter(({ method }) => method === 'GET').length;
      };
      expect(await asked(true)).toBeGreaterThan(0);
      expect(await asked(true)).toBe(0);
      expect(await asked(false)).toBeGreaterThan(0);
      // Twice the same name: there was nothing to save again.
      expect(caches.keys).toHaveLength(1);
      expect(caches.keys[0]).toMatch(/^ctxsrc-Linux-[0-9a-f]{64}$/);
    });
  });

  describe('for a snapshot', () => {
    const name = '/actions/snapshot';

    it('writes one into the directory, and a second job downloads nothing', async () => {
      const caches = new GithubCaches();
      const blobs = async (): Promise<number> => {
        const [machine, cwd] = here();
        const before = registry.log.length;
        const { outputs } = await useAction(
          machine,
          cwd,
          { references: image, directory: 'root fs' },
          { name, caches },
        );
        caches.endJob();
        expect(readFileSync(join(cwd, 'root fs', 'etc', 'motd'), 'utf8')).toBe('welcome\n');
        expect(outputs.key).toBe(await keyOf(machine, cwd, image));
        const { key, digest, pinned } = outputs;
        expect(JSON.parse(outputs.json!)).toEqual([{ ref: image, key, digest, pinned }]);
        return registry.log.slice(before).filter(({ url }) => url.includes('/blobs/')).length;
      };
      expect(await blobs()).toBeGreaterThan(0);
      expect(await blobs()).toBe(0);
    });

    it('writes several by their names', async () => {
      const [machine, cwd] = here();
      const references = `${base}\napp=./my app\n`;
      const { outputs } = await useAction(machine, cwd, { references, directory: 'out', args: '--force' }, { name });
      expect(existsSync(join(cwd, 'out', 'base', 'etc', 'motd'))).toBe(true);
      expect(existsSync(join(cwd, 'out', 'app', 'run.sh'))).toBe(true);
      expect(outputs.key).toBe('');
      expect(JSON.parse(outputs.json!)).toMatchObject([{ name: 'base' }, { name: 'app' }]);
    });

    it.each([
      ['no reference', { references: '', directory: 'out' }, 'references is empty'],
      ['several without names', { references: `${image}\n./src`, directory: 'out' }, 'each is NAME=REF'],
      ['a name that leads out', { references: `${base}\n../x=./src`, directory: 'out' }, 'each is NAME=REF'],
      ['no directory', { references: image }, 'directory is empty'],
    ])('fails for %s', async (_, inputs, message) => {
      const [machine, cwd] = here();
      await expect(useAction(machine, cwd, inputs, { name })).rejects.toThrow(message);
    });
  });

  describe('for a lock file', () => {
    const name = '/actions/lock';

    it('says that nothing moved, fails when something did, and lists it where it may not fail (C2)', async () => {
      const [machine, cwd] = here();
      const summary = join(machine.home, 'summary');
      machine.env.GITHUB_STEP_SUMMARY = summary;
      await machine.bash(cwd, ['-e'], `ctxsrc lock ${base} app=./src`);
      expect((await useAction(machine, cwd, {}, { name })).outputs).toEqual({ moved: 'false', drift: '[]' });
      expect(existsSync(summary)).toBe(false);
      appendFileSync(join(cwd, 'src', 'run.sh'), 'x');
      const failed = useAction(machine, cwd, { summary: 'never' }, { name });
      await expect(failed).rejects.toThrow('::error::ctxsrc: what the lock file names has moved');
      expect(existsSync(summary)).toBe(false);
      const { outputs } = await useAction(machine, cwd, { fail: false }, { name });
      expect(outputs.moved).toBe('true');
      expect(JSON.parse(outputs.drift!)).toEqual([
        { name: 'app', what: 'key', from: expect.any(String), to: expect.any(String) },
      ]);
      expect(readFileSync(summary, 'utf8').match(/^### .*$/gm)).toEqual(['### ctxsrc lock: 1 of 2 contexts moved']);
    });

    it('fails where nothing can be decided', async () => {
      const [machine, cwd] = here();
      await expect(useAction(machine, cwd, {}, { name })).rejects.toThrow('exit 3');
    });
  });

  it.each(Object.entries(actions))(
    '"%s" has no input or output without a description, and uses every input',
    (_, action) => {
      const text = JSON.stringify(action.runs);
      for (const input of Object.keys(action.inputs)) expect(text).toMatch(new RegExp(`inputs\\.${input}\\b`));
      for (const part of [...Object.values(action.inputs), ...Object.values(action.outputs)])
        expect(part).toHaveProperty('description');
    },
  );
});
