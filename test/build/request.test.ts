/** A `docker buildx build` line and its environment, read as buildx reads them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildLine } from '../../src/build/request/line.ts';
import { type ReadRequest, readRequest } from '../../src/build/request/read.ts';
import type { CtxsrcError } from '../../src/core/errors.ts';
import { HOST } from '../../src/core/platform.ts';
import { printable } from '../../src/core/printable.ts';
import { failureCode } from '../support/failure-code.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const here = realpathSync(tempDir('request'));
const NOTHING: BuildLine = {
  context: '.',
  buildArgs: [],
  platforms: [],
  buildContexts: [],
  labels: [],
  addHosts: [],
  ulimits: [],
  salts: [],
  modes: 'exact',
};

const notFetched = (ref: string) => Promise.reject(new Error(`${ref} was fetched`));

type Environment = Readonly<Record<string, string | undefined>>;
/** Without a home, so that no configuration of the tester counts. */
const NO_HOME = { HOME: join(here, 'nobody') };

function read(line: Partial<BuildLine>, env: Environment = {}): Promise<ReadRequest> {
  return readRequest({ ...NOTHING, ...line }, { env: { ...NO_HOME, ...env }, cwd: here, fetch: notFetched });
}

const option = async (line: Partial<BuildLine>, name: string): Promise<string | undefined> =>
  (await read(line)).request.frontendOptions.get(name);

beforeAll(() => {
  for (const name of ['app', 'lower', 'app/docs']) mkdirSync(join(here, name));
  writeFileSync(join(here, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(here, 'app', 'Dockerfile'), 'FROM scratch AS app\n');
  writeFileSync(join(here, 'lower', 'dockerfile'), 'FROM scratch AS lower\n');
});

describe('context and Dockerfile', () => {
  it.each([
    [{}, 'Dockerfile', ''],
    [{ context: 'app' }, 'app/Dockerfile', 'app'],
    [{ context: './app/' }, 'app/Dockerfile', 'app'],
    [{ context: 'lower' }, 'lower/dockerfile', 'lower'],
    [{ context: 'lower', file: 'lower/Dockerfile' }, 'lower/dockerfile', 'lower'],
    // -f is relative to the current directory, whatever the context.
    [{ context: 'app', file: 'Dockerfile' }, 'Dockerfile', 'app'],
    [{ context: 'app/docs', file: 'app/Dockerfile' }, 'app/Dockerfile', 'app/docs'],
  ])('%j', async (line, name, context) => {
    const { request } = await read(line);
    expect(request.context).toBe(join(here, context));
    expect(request.dockerfile).toMatchObject({ name, path: join(here, name) });
  });

  it('names a Dockerfile in a way that a clone elsewhere has too', async () => {
    const named = async (file: string, cwd: string) =>
      (await readRequest({ ...NOTHING, context: here, file }, { env: NO_HOME, cwd, fetch: notFetched })).request
        .dockerfile.name;
    expect(await named(join(here, 'app', 'Dockerfile'), here)).toBe('app/Dockerfile');
    expect(await named(join(here, 'app', 'Dockerfile'), join(here, 'lower'))).toBe('Dockerfile');
  });

  it.each([
    [{ context: 'nowhere' }, 'E_PATH_NOT_FOUND'],
    [{ context: '' }, 'E_PATH_NOT_FOUND'],
    [{ context: 'app/Dockerfile' }, 'E_USAGE'],
    [{ context: 'app/docs' }, 'E_PATH_NOT_FOUND'],
    [{ file: 'other' }, 'E_PATH_NOT_FOUND'],
    [{ file: 'app' }, 'E_USAGE'],
    [{ file: 'https://example.com/Dockerfile' }, 'E_USAGE'],
  ])('refuses %j', async (line, code) => {
    expect(await failureCode(read(line))).toBe(code);
  });
});

describe('flags', () => {
  it.each([
    [['db:10.0.0.1'], 'db=10.0.0.1'],
    [['db=10.0.0.1'], 'db=10.0.0.1'],
    [['db:::1'], 'db=::1'],
    [['db=[fe80::1]'], 'db=fe80::1'],
    [['a:1.1.1.1,b:2.2.2.2', 'c:3.3.3.3'], 'a=1.1.1.1,b=2.2.2.2,c=3.3.3.3'],
    // The builder knows that address, which is in no key.
    [['host.docker.internal:host-gateway'], 'host.docker.internal=0.0.0.0'],
  ])('--add-host %j', async (addHosts, expected) => {
    expect(await option({ addHosts }, 'add-hosts')).toBe(expected);
  });

  it.each([
    ['128m', '134217728'],
    ['1G', '1073741824'],
    ['64 kb', '65536'],
    ['1.5KiB', '1536'],
    ['512', '512'],
    ['512b', '512'],
    ['0', undefined],
  ])('--shm-size %s', async (shmSize, expected) => {
    expect(await option({ shmSize }, 'shm-size')).toBe(expected);
  });

  it('--ulimit: the last of a name counts, sorted by name, the soft limit is the hard one too', async () => {
    const ulimits = ['nofile=1024', 'core=0:-1', 'nofile=10:20'];
    expect(await option({ ulimits }, 'ulimit')).toBe('core=0:-1,nofile=10:20');
  });

  it.each([
    [{ network: 'host' }, 'force-network-mode', 'host'],
    [{ network: 'default' }, 'force-network-mode', undefined],
    [{ cgroupParent: 'x' }, 'cgroup-parent', 'x'],
    [{ buildArgs: ['BUILDKIT_SANDBOX_HOSTNAME=box'] }, 'hostname', 'box'],
  ])('%j', async (line, name, expected) => {
    expect(await option(line, name)).toBe(expected);
  });

  it.each([
    { addHosts: ['db'] },
    { addHosts: ['db:nowhere'] },
    { addHosts: [':1.1.1.1'] },
    { shmSize: '1x' },
    { shmSize: '1kbb' },
    { ulimits: ['files=1'] },
    { ulimits: ['nofile=2:1'] },
    { ulimits: ['nofile=-1:5'] },
    { ulimits: ['nofile=1:2:3'] },
    { network: 'bridge' },
    { salts: ['x'] },
    { salts: ['x=1', 'x=2'] },
    { buildArgs: ['BUILDKIT_SYNTAX= '] },
    { buildContexts: ['x'] },
    { buildContexts: ['UPPER=./app'] },
    { buildContexts: ['base=target:x'] },
    { buildContexts: ['base=app/Dockerfile'] },
  ])('refuses %j', async (line) => {
    expect(await failureCode(read(line))).toBe('E_USAGE');
  });

  it.each([
    { buildContexts: ['https://example.com/a?sig=hunter2'] },
    { buildContexts: ['UPPER=https://example.com/a?sig=hunter2'] },
    { file: 'https://example.com/Dockerfile?sig=hunter2' },
  ])('refuses %j without showing what signs the address', async (line) => {
    const refused: unknown = await read(line).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('sig=***') });
    expect((refused as CtxsrcError).hint).not.toContain('hunter2');
  });

  it.each([
    [{ buildArgs: ['=hunter2'] }, '--build-arg'],
    [{ labels: ['=hunter2'] }, '--label'],
    [{ salts: ['=hunter2'] }, '--with'],
  ])('refuses %j without showing the value', async (line, flag) => {
    await expect(read(line)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: `${flag} has an argument without a name`,
    });
  });

  it('--platform: several, by commas or one by one, normalised and each once; local is this machine', async () => {
    const { request } = await read({ platforms: ['linux/arm64/v8,amd64', 'linux/arm', 'linux/arm64', 'local'] });
    expect(request.targetPlatforms.slice(0, 3)).toEqual(['linux/arm64', 'linux/amd64', 'linux/arm/v7']);
    expect(request.targetPlatforms).toContain(`linux/${HOST.architecture}`);
    expect(request.platformAsked).toBe(true);
    expect((await read({ buildPlatform: 'arm64' })).request.buildPlatform).toBe('linux/arm64');
    expect(await failureCode(read({ platforms: ['linux/amd64,'] }))).toBe('E_PLATFORM_INVALID');
  });

  it('--label: a name alone is empty, the last of a name counts', async () => {
    expect([...(await read({ labels: ['a', 'b=1', 'b=2=3'] })).request.labels]).toEqual([
      ['a', ''],
      ['b', '2=3'],
    ]);
  });

  it('--build-context: names as BuildKit looks them up, paths found from anywhere (B5)', async () => {
    symlinkSync('app', join(here, 'a:b'));
    const { contexts } = (
      await read({
        buildContexts: [
          'docker.io/library/alpine:latest=docker-image://alpine:3.19',
          'library/golang:1.22=docker-image://golang:1.23',
          'index.docker.io/library/busybox=app',
          'alpine:3.20::linux/arm64=docker-image://alpine:arm',
          'src=git@github.com:o/r.git',
          'file=https://example.com/x.tar',
          'base=oci-layout://app:tag',
          'colon=oci-layout://a:b:tag',
          '',
        ],
      })
    ).request;
    expect(Object.fromEntries(contexts)).toEqual({
      alpine: 'docker-image://alpine:3.19',
      'golang:1.22': 'docker-image://golang:1.23',
      busybox: join(here, 'app'),
      'alpine:3.20::linux/arm64': 'docker-image://alpine:arm',
      src: 'git@github.com:o/r.git',
      file: 'https://example.com/x.tar',
      base: `oci-layout://${relative('', join(here, 'app'))}:tag`,
      colon: `oci-layout://${relative('', join(here, 'a:b'))}:tag`,
    });
  });
});

describe('environment', () => {
  it('--build-arg NAME takes its value there, and is not given without one', async () => {
    const { request, notes } = await read({ buildArgs: ['A', 'B', 'C=1', 'D='] }, { A: 'a=b', C: '2' });
    expect(Object.fromEntries(request.buildArgs)).toEqual({ A: 'a=b', C: '1', D: '' });
    expect(notes).toEqual([expect.stringMatching(/--build-arg B: /)]);
  });

  it('SOURCE_DATE_EPOCH is a build argument, unless one is given', async () => {
    const epoch = async (buildArgs: string[], SOURCE_DATE_EPOCH: string) =>
      (await read({ buildArgs }, { SOURCE_DATE_EPOCH })).request.buildArgs.get('SOURCE_DATE_EPOCH');
    expect(await epoch([], '1700000000')).toBe('1700000000');
    expect(await epoch(['SOURCE_DATE_EPOCH=1'], '1700000000')).toBe('1');
    expect(await epoch(['SOURCE_DATE_EPOCH='], '1700000000')).toBe('');
    expect(await epoch([], '')).toBeUndefined();
  });

  it('DOCKER_DEFAULT_PLATFORM is asked for, unless --platform is (I5)', async () => {
    const env = { DOCKER_DEFAULT_PLATFORM: 'arm64' };
    expect((await read({}, env)).request).toMatchObject({ targetPlatforms: ['linux/arm64'], platformAsked: true });
    expect((await read({ platforms: ['amd64'] }, env)).request.targetPlatforms).toEqual(['linux/amd64']);
    expect((await read({})).request).toMatchObject({ targetPlatforms: [], platformAsked: false });
  });

  describe("proxies of docker's configuration", () => {
    const folder = join(here, 'docker');
    const configured = async (text: string, line: Partial<BuildLine> = {}, env: Environment = {}) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'config.json'), text);
      return read(line, { DOCKER_CONFIG: folder, ...env });
    };
    const proxies = JSON.stringify({
      proxies: {
        default: { httpProxy: 'http://p:1', noProxy: 'x', allProxy: 'not read by buildx' },
        'tcp://other:2375': { ftpProxy: 'ftp://o' },
      },
    });

    it('are build arguments, unless one of that name in any case is given', async () => {
      const args = async (...given: Parameters<typeof configured>) =>
        Object.fromEntries((await configured(...given)).request.buildArgs);
      expect(await args(proxies)).toEqual({ HTTP_PROXY: 'http://p:1', NO_PROXY: 'x' });
      expect(await args(proxies, { buildArgs: ['http_proxy=y'] })).toEqual({ http_proxy: 'y', NO_PROXY: 'x' });
      expect(await args(proxies, {}, { DOCKER_HOST: 'tcp://other:2375' })).toEqual({ FTP_PROXY: 'ftp://o' });
      expect(await args('{"proxies":{"default":[]}}')).toEqual({});
    });

    it('of the daemon of a docker context are a doubt, where another daemon could have others', async () => {
      const byDaemon = JSON.parse(proxies) as { proxies: { default: object } };
      const current = JSON.stringify({ ...byDaemon, currentContext: 'far\u001b' });
      const told = async (...given: Parameters<typeof configured>) => (await configured(...given)).doubts;
      const doubt = (name: string) => ({
        text: `the proxies of the docker context ${name} are not read`,
        hint: 'set DOCKER_HOST, or give --build-arg HTTP_PROXY=…',
      });
      expect(await told(current)).toEqual([doubt(printable('far\u001b'))]);
      expect(await told(proxies, {}, { DOCKER_CONTEXT: 'near' })).toEqual([doubt('near')]);
      expect(await told(current, {}, { DOCKER_CONTEXT: 'default' })).toEqual([]);
      expect(await told(current, {}, { DOCKER_HOST: 'tcp://other:2375' })).toEqual([]);
      expect(await told(proxies)).toEqual([]);
      const forAll = { proxies: { default: byDaemon.proxies.default }, currentContext: 'far' };
      expect(await told(JSON.stringify(forAll))).toEqual([]);
      const buildArgs = ['http_proxy=a', 'NO_PROXY=b', 'FTP_PROXY=c'];
      expect(await told(current, { buildArgs })).toEqual([]);
    });

    it('that cannot be read are a doubt, which repeats nothing of the file', async () => {
      const { doubts } = await configured('{"auths": hunter2');
      expect(doubts).toEqual([
        { text: expect.stringMatching(/proxies.*config\.json.*no JSON/), hint: expect.any(String) },
      ]);
      expect(JSON.stringify(doubts)).not.toContain('hunter2');
    });
  });

  it.each([{ EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: 'policy.json' }, { DOCKER_BUILDKIT: '0' }])(
    '%j is named as not read',
    async (env) => {
      const told = { text: expect.stringContaining(Object.keys(env)[0]!), hint: expect.any(String) };
      expect((await read({}, env)).doubts).toEqual([told]);
      expect((await read({})).doubts).toEqual([]);
    },
  );

  it('a policy is named as not read, where buildx would evaluate one', async () => {
    const told = async (policies: string[], file?: string) =>
      (await read({ policies, file })).doubts.map(({ text }) => text);
    expect(await told([])).toEqual([]);
    expect(await told(['filename=p.rego,strict=true'])).toEqual([expect.stringMatching(/of --policy.* is not read/)]);
    expect(await told(['strict=true'])).toEqual([]);
    const dockerfile = join(tempDir('policy'), 'app.Dockerfile');
    writeFileSync(dockerfile, 'FROM scratch\n');
    writeFileSync(`${dockerfile}.rego`, 'package docker\n');
    expect(await told([], dockerfile)).toEqual([expect.stringContaining('app.Dockerfile.rego beside the Dockerfile')]);
    expect(await told(['Reset=1'], dockerfile)).toEqual([]);
    expect(await told(['disabled=true'], dockerfile)).toEqual([]);
  });

  describe.skipIf(!needs('git'))('BUILDX_GIT_LABELS', () => {
    const repository = join(here, 'checkout');
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', repository, '-c', 'user.name=n', '-c', 'user.email=e@x', ...args], {
        encoding: 'utf8',
      }).trim();
    beforeAll(() => {
      mkdirSync(join(repository, 'sub'), { recursive: true });
      writeFileSync(join(repository, 'sub', 'Dockerfile'), 'FROM scratch\n');
      git('init', '-q');
      git('add', '.');
      git('commit', '-q', '-m', 'first');
      git('remote', 'add', 'origin', 'https://bob:hunter2@example.com/r.git');
    });
    const labels = async (env: Environment, line: Partial<BuildLine> = {}) =>
      Object.fromEntries(
        (await read({ context: 'checkout/sub', ...line }, { PATH: process.env.PATH, ...env })).request.labels,
      );

    it('adds commit, remote and entrypoint, which --label may replace', async () => {
      const commit = git('rev-parse', 'HEAD');
      const expected = {
        'org.opencontainers.image.revision': commit,
        'org.opencontainers.image.source': 'https://***@example.com/r.git',
        'com.docker.image.source.entrypoint': 'sub/Dockerfile',
      };
      expect(await labels({ BUILDX_GIT_LABELS: '1' })).toEqual(expected);
      expect(await labels({ BUILDX_GIT_LABELS: 'full' })).toEqual(expected);
      const replaced = await labels({ BUILDX_GIT_LABELS: 'true' }, { labels: ['org.opencontainers.image.source=x'] });
      expect(replaced).toEqual({ ...expected, 'org.opencontainers.image.source': 'x' });
      writeFileSync(join(repository, 'new'), '');
      const dirty = await labels({ BUILDX_GIT_LABELS: '1', BUILDX_GIT_CHECK_DIRTY: '1' });
      expect(dirty['org.opencontainers.image.revision']).toBe(`${commit}-dirty`);
    });

    it('adds nothing where nobody asked, or there is no checkout', async () => {
      expect(await labels({})).toEqual({});
      expect(await labels({ BUILDX_GIT_LABELS: '0' })).toEqual({});
      expect(await labels({ BUILDX_GIT_LABELS: '1' }, { context: 'app' })).toEqual({});
    });
  });
});
