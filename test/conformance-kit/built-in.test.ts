/** The built-in sources keep the ten rules: each is run through the kit, against real files and servers on loopback. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Prepared, runConformance } from '../../src/conformance/kit.ts';
import { SourceTable } from '../../src/source/table.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';

interface BuiltIn {
  readonly scheme: string;
  readonly prepare: (dir: string) => Promise<Prepared>;
  /** Rules that cannot be tried on this source; every other one has to be. */
  readonly untried: readonly number[];
}

const platform = { os: 'linux', architecture: 'amd64' };
const attributes = { platform: 'linux/amd64' };
/** What changes an image, and a single file. */
const imageVariants = [{ platform: 'linux/arm64' }, { 'layer-limit': 1 }];
const fileVariants = [{ filename: 'other' }, { perm: '0640' }, { uid: '1000' }, { gid: '1000' }];
const nowhere = digestOf('nowhere');

/** Two layers, and an image without any. */
function images(text: string): LayoutBuilder & { readonly layer0: string } {
  const builder = new LayoutBuilder();
  const layers = [
    builder.layer(
      tar([
        { name: 'etc/', type: 'dir' },
        { name: 'etc/motd', content: text },
        { name: 'gone', content: 'x' },
      ]),
    ),
    builder.layer(tar([{ name: '.wh.gone' }, { name: 'bin', type: 'symlink', linkname: 'usr/bin' }]), 'none'),
  ];
  builder
    .tag(
      builder.index([
        builder.image({ layers, platform }),
        builder.image({ layers: layers.slice(1), platform: { ...platform, architecture: 'arm64' } }),
      ]),
      'latest',
    )
    .tag(builder.image({ layers: [], platform }), 'empty');
  return Object.assign(builder, { layer0: layers[0]!.descriptor.digest });
}

interface FilledRegistry {
  readonly server: TestRegistry;
  readonly fill: (text: string) => void;
}

async function filledRegistry(): Promise<FilledRegistry> {
  const server = await TestRegistry.start();
  const fill = (text: string): void => {
    const made = images(text);
    server.manifests.clear();
    for (const root of made.manifests) {
      server.push(made, 'team/app', root.annotations!['org.opencontainers.image.ref.name']!, root);
    }
  };
  fill('hello\n');
  return { server, fill };
}

const docker = (text: string): Buffer => {
  const layer = tar([
    { name: 'etc/', type: 'dir' },
    { name: 'etc/motd', content: text },
  ]);
  const config = JSON.stringify({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } });
  const name = `${digestOf(config).slice(7)}.json`;
  const manifest = [{ Config: name, RepoTags: ['team/app:latest'], Layers: ['layer.tar'] }];
  return tar([
    { name, content: config },
    { name: 'layer.tar', content: layer },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
};

const BUILT_IN: readonly BuiltIn[] = [
  {
    scheme: 'local',
    untried: [5],
    prepare: async (dir) => {
      const [path, empty] = [join(dir, 'app'), join(dir, 'empty')];
      mkdirSync(join(path, 'src'), { recursive: true });
      mkdirSync(empty);
      writeFileSync(join(path, '.dockerignore'), '*.log\n');
      writeFileSync(join(path, 'today.log'), dir);
      writeFileSync(join(path, 'src', 'main.js'), 'a');
      chmodSync(join(path, 'src', 'main.js'), 0o600);
      writeFileSync(join(dir, 'other.ignore'), 'src\n');
      writeFileSync(join(dir, 'app.Dockerfile'), 'FROM scratch\n');
      writeFileSync(join(dir, 'app.Dockerfile.dockerignore'), 'src\n');
      return {
        reference: path,
        variants: [
          { include: ['src/**'] },
          { exclude: ['src'] },
          { 'follow-path': ['src'] },
          { 'ignore-file': join(dir, 'other.ignore') },
          { 'no-ignore-file': true },
          { file: join(dir, 'app.Dockerfile') },
          { modes: 'exec' },
          { 'session-id': 'conformance' },
        ],
        empty,
        change: async () => writeFileSync(join(path, 'src', 'main.js'), 'b'),
        malformed: ['local://'],
        watched: [path],
      };
    },
  },
  {
    scheme: 'oci-layout',
    untried: [],
    prepare: async (dir) => {
      const path = images('hello\n').write(join(dir, 'layout'));
      return {
        reference: `oci-layout://${path}:latest`,
        empty: `oci-layout://${path}:empty`,
        attributes,
        variants: imageVariants,
        change: async () => void images('hullo\n').write(path),
        malformed: ['oci-layout://', `oci-layout://${path}@sha256:12`],
        watched: [path],
      };
    },
  },
  {
    scheme: 'docker-image',
    untried: [10],
    prepare: async () => {
      const { server, fill } = await filledRegistry();
      return {
        reference: `docker-image://${server.host}/team/app:latest`,
        empty: `docker-image://${server.host}/team/app:empty`,
        attributes,
        variants: [...imageVariants, { checksum: nowhere }],
        change: async () => fill('hullo\n'),
        malformed: ['docker-image://', 'docker-image://UPPER', `docker-image://${server.host}/team/app@sha256:12`],
        remote: true,
        close: () => server.stop(),
      };
    },
  },
  {
    scheme: 'git',
    untried: [6, 10],
    prepare: async (dir) => {
      const repository = join(dir, 'app.git');
      initBare(repository);
      const earlier = commit(repository, 'refs/heads/main', { 'README.md': 'zero\n' });
      commit(repository, 'refs/heads/main', {
        'README.md': 'one\n',
        'bin/run': { mode: '100755', data: '#!/bin/sh\n' },
      });
      writeFileSync(join(dir, 'token'), 'conformance-token');
      writeFileSync(join(dir, 'known_hosts'), '');
      const server = await serveGit(dir);
      return {
        reference: `${server.origin}/app.git#main`,
        // As in BuildKit the files of a checkout have its time, unless the commit's is asked for.
        attributes: { mtime: 'commit' },
        variants: [
          { mtime: 'checkout' },
          { 'keep-git-dir': true },
          { 'skip-submodules': true },
          { checksum: '0'.repeat(40) },
          { 'fetch-by-commit': true, checksum: earlier },
          { 'auth-token-file': join(dir, 'token') },
          { 'known-hosts': join(dir, 'known_hosts') },
        ],
        change: async () => void commit(repository, 'refs/heads/main', { 'README.md': 'two\n' }),
        malformed: [`${server.origin.replace('//', '//user:password@')}/app.git`],
        remote: true,
        close: () => server.close(),
      };
    },
  },
  {
    scheme: 'http',
    untried: [5, 6, 10],
    prepare: async (dir) => {
      const archive = (text: string) => tar([{ name: 'a/data.txt', content: text }]);
      let body = archive('hello\n');
      writeFileSync(join(dir, 'token'), 'conformance-token');
      const server = createServer((_request, response) => {
        response.writeHead(200, { etag: `"${digestOf(body)}"`, 'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT' });
        response.end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return {
        reference: `${origin}/data.tar`,
        variants: [
          ...fileVariants,
          { checksum: nowhere },
          { header: ['X-Token: conformance-header'] },
          { 'auth-token-file': join(dir, 'token') },
          { unpack: true, 'strip-components': 1 },
        ],
        change: async () => {
          body = archive('hullo\n');
        },
        malformed: ['http://', `${origin.replace('//', '//user:password@')}/data.tar`],
        remote: true,
        close: () =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      };
    },
  },
  {
    scheme: 'docker-image+blob',
    untried: [6, 10],
    prepare: async () => {
      const { server } = await filledRegistry();
      const reference = `docker-image+blob://${server.host}/team/app`;
      return {
        reference: `${reference}@${images('hello\n').layer0}`,
        variants: fileVariants,
        malformed: [reference, `${reference}@sha256:12`],
        remote: true,
        close: () => server.stop(),
      };
    },
  },
  {
    scheme: 'oci-layout+blob',
    untried: [6],
    prepare: async (dir) => {
      const layout = images('hello\n');
      const path = layout.write(join(dir, 'layout'));
      const reference = `oci-layout+blob://${path}`;
      return {
        reference: `${reference}@${layout.layer0}`,
        variants: fileVariants,
        malformed: [reference, `${reference}@sha256:12`],
        watched: [path],
      };
    },
  },
  {
    scheme: 'oci-archive',
    untried: [],
    prepare: async (dir) => {
      const path = join(dir, 'image.tar');
      const write = async (text: string) =>
        writeFileSync(path, tar([...images(text).files()].map(([name, content]) => ({ name, content }))));
      await write('hello\n');
      return {
        reference: `oci-archive://${path}:latest`,
        empty: `oci-archive://${path}:empty`,
        attributes,
        variants: imageVariants,
        change: () => write('hullo\n'),
        malformed: ['oci-archive://', `oci-archive://${path}@sha256:12`],
        watched: [path],
      };
    },
  },
  {
    scheme: 'docker-archive',
    untried: [5, 6],
    prepare: async (dir) => {
      const path = join(dir, 'image.tar');
      writeFileSync(path, docker('hello\n'));
      return {
        reference: `docker-archive://${path}`,
        attributes,
        variants: imageVariants,
        change: async () => writeFileSync(path, docker('hullo\n')),
        malformed: ['docker-archive://'],
        watched: [path],
      };
    },
  },
];

const table = new SourceTable();

describe('the built-in sources pass the conformance kit', () => {
  it.each(BUILT_IN)('$scheme', { timeout: 300_000 }, async ({ scheme, prepare, untried }) => {
    if (scheme === 'git' && !needs('git')) return;
    const source = await table.load(scheme);
    const report = await runConformance({ source, prepare, origin: { scheme }, aborts: 4 });
    expect(report.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    const tried = new Set(report.checks.filter(({ status }) => status === 'passed').map(({ rule }) => rule));
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((rule) => !tried.has(rule) && !untried.includes(rule))).toEqual([]);
    expect(report.passed).toBe(true);
  });

  it('all of them', () => {
    const tried = BUILT_IN.map(({ scheme }) => scheme);
    expect(table.schemes().filter((scheme) => scheme !== 'https' && !tried.includes(scheme))).toEqual([]);
  });
});
