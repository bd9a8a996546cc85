/** A build whose context is a git repository or a file on the web. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildAnswer, BuildWork } from '../../src/build/answer.ts';
import { buildKey } from '../../src/build/build-key.ts';
import type { BuildLine } from '../../src/build/request/line.ts';
import { type ReadRequest, readRequest } from '../../src/build/request/read.ts';
import { openRemote, type RemoteContext } from '../../src/build/request/remote.ts';
import { SourceTable } from '../../src/source/table.ts';
import { failureCode } from '../support/failure-code.ts';
import { type GitServer, serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { needs } from '../support/needs.ts';
import { newEnv, newJob, newStore } from '../support/source-env.ts';
import { tempDir } from '../support/temp.ts';

const DOCKERFILE = 'FROM scratch\nCOPY a /\n';
const TIMED_BY_DEFAULT = 'ARG WHAT=context\nARG SOURCE_DATE_EPOCH=$WHAT\nFROM scratch\nWORKDIR /w\n';
const opened: RemoteContext[] = [];
let work: BuildWork;

async function read(line: Partial<BuildLine>): Promise<ReadRequest> {
  const lists = { buildArgs: [], platforms: [], buildContexts: [], labels: [], addHosts: [], ulimits: [], salts: [] };
  return readRequest(
    { context: '.', modes: 'exact', ...lists, ...line },
    {
      env: { HOME: '/nowhere' },
      cwd: '/',
      async fetch(ref, keepGitDir) {
        const remote = await openRemote(ref, keepGitDir, work);
        opened.push(remote);
        return remote;
      },
    },
  );
}

beforeAll(async () => {
  work = { table: new SourceTable(), env: newEnv(await newStore()), job: newJob() };
});
afterAll(async () => {
  for (const remote of opened) await remote.release();
});

describe.skipIf(!needs('git'))('a git repository', () => {
  let server: GitServer;
  let url: string;
  let head: string;
  const root = tempDir('git');
  beforeAll(async () => {
    initBare(join(root, 'r.git'));
    head = commit(join(root, 'r.git'), 'refs/heads/main', {
      Dockerfile: DOCKERFILE,
      '.dockerignore': '*',
      a: 'a',
      'sub/dockerfile': 'FROM scratch AS sub\n',
      'sub/outside': { mode: '120000', data: '/etc/passwd' },
    });
    server = await serveGit(root);
    url = `${server.origin}/r.git`;
  });
  afterAll(() => server.close());

  it('is fetched, and its Dockerfile read there; its ignore file is none (C13)', async () => {
    const { request, notes } = await read({ context: url });
    expect(Buffer.from(request.dockerfile.bytes).toString()).toBe(DOCKERFILE);
    expect(request.dockerfile).toMatchObject({ name: 'Dockerfile', path: undefined });
    expect(readFileSync(join(request.context!, 'a'), 'utf8')).toBe('a');
    expect(existsSync(join(request.context!, '.git'))).toBe(false);
    expect(request.remote).toMatchObject({ kind: 'git', ref: url, digest: head });
    expect(notes).toEqual([expect.stringContaining('no ignore file')]);
  });

  it('may be a directory of it, with a Dockerfile named otherwise', async () => {
    const { request } = await read({ context: `${url}#main:sub` });
    expect(Buffer.from(request.dockerfile.bytes).toString()).toBe('FROM scratch AS sub\n');
    expect(request.dockerfile.name).toBe('dockerfile');
    expect((await read({ context: url, file: 'sub/dockerfile' })).request.dockerfile.name).toBe('sub/dockerfile');
  });

  it('keeps .git where a build argument says so (C13)', async () => {
    const { request } = await read({ context: url, buildArgs: ['BUILDKIT_CONTEXT_KEEP_GIT_DIR=1'] });
    expect(existsSync(join(request.context!, '.git'))).toBe(true);
  });

  it('counts as a whole where its time is asked for', async () => {
    const files = { Dockerfile: DOCKERFILE, 'global/Dockerfile': TIMED_BY_DEFAULT, a: 'a' };
    const builds: Partial<BuildLine>[] = [
      { context: `${url}#time`, buildArgs: ['SOURCE_DATE_EPOCH=context'] },
      { context: `${url}#time`, file: 'global/Dockerfile' },
      { context: `${url}#time`, buildArgs: ['SOURCE_DATE_EPOCH=1'] },
      { context: `${url}#time`, file: 'global/Dockerfile', buildArgs: ['SOURCE_DATE_EPOCH=1'] },
    ];
    const answers = async (): Promise<BuildAnswer[]> =>
      Promise.all(builds.map(async (line) => buildKey((await read(line)).request, work)));
    commit(join(root, 'r.git'), 'refs/heads/time', files);
    const before = await answers();
    commit(join(root, 'r.git'), 'refs/heads/time', { ...files, other: 'b' });
    const after = await answers();
    expect(after.map(({ key }, index) => key !== before[index]!.key)).toEqual([true, true, false, false]);
    // Of the files nothing is taken: which commit it is counts nevertheless, and is told.
    expect(after[1]!.inputs).toEqual([expect.objectContaining({ kind: 'git', key: expect.any(String) })]);
    expect(after[1]!.inputs[0]).not.toHaveProperty('used');
  });

  it('leads to no file outside of it', async () => {
    expect(await failureCode(read({ context: url, file: 'sub/outside' }))).toBe('E_UNSAFE');
    expect(await failureCode(read({ context: url, file: '../../../../../etc/passwd' }))).toBe('E_PATH_NOT_FOUND');
    expect((await read({ context: url, file: '../../sub/dockerfile' })).request.dockerfile.name).toBe('sub/dockerfile');
    expect(await failureCode(read({ context: url, file: 'nowhere' }))).toBe('E_PATH_NOT_FOUND');
  });
});

describe('a file on the web', () => {
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    const dir = tempDir('web');
    mkdirSync(join(dir, 'context'));
    writeFileSync(join(dir, 'context', 'Dockerfile'), DOCKERFILE);
    writeFileSync(join(dir, 'context', 'a'), 'a');
    symlinkSync('/etc/passwd', join(dir, 'context', 'link'));
    execFileSync('tar', ['-C', join(dir, 'context'), '-czf', join(dir, 'context.tar.gz'), '.']);
    writeFileSync(join(dir, 'Dockerfile'), DOCKERFILE);
    server = createServer(({ url = '' }, response) => {
      const path = join(dir, url.slice(1));
      if (existsSync(path)) response.end(readFileSync(path));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('is unpacked if it is an archive', async () => {
    const { request } = await read({ context: `${origin}/context.tar.gz` });
    expect(Buffer.from(request.dockerfile.bytes).toString()).toBe(DOCKERFILE);
    expect(readFileSync(join(request.context!, 'a'), 'utf8')).toBe('a');
    expect(request.remote).toMatchObject({ kind: 'http', ref: `${origin}/context.tar.gz` });
    expect(await failureCode(read({ context: `${origin}/context.tar.gz`, file: 'link' }))).toBe('E_UNSAFE');
  });

  it('is the Dockerfile if it is none', async () => {
    const { request } = await read({ context: `${origin}/Dockerfile` });
    expect(Buffer.from(request.dockerfile.bytes).toString()).toBe(DOCKERFILE);
    expect(readFileSync(join(request.context!, 'context'), 'utf8')).toBe(DOCKERFILE);
  });

  it('that is not there is an error', async () => {
    expect(await failureCode(read({ context: `${origin}/nowhere` }))).toBe('E_NOT_FOUND');
  });
});
