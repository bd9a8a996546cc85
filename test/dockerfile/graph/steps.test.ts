import { describe, expect, it } from 'vitest';
import type { PlatformGraph } from '../../../src/dockerfile/graph/types.ts';
import { type BuildCaseInput, graphOfCase } from '../../support/build-case.ts';
import { buildImages } from '../../support/build-images.ts';
import { failure } from '../../support/failure-code.ts';

async function graphOf(lines: readonly string[], more: Partial<BuildCaseInput> = {}): Promise<PlatformGraph> {
  const images = buildImages({ 'docker.io/library/alpine:3.20': { Env: ['PATH=/bin'] } });
  const input = { dockerfile: `${lines.join('\n')}\n`, buildPlatform: 'linux/amd64', images, ...more };
  return (await graphOfCase(input)).results[0]!;
}

const from = (...lines: string[]) => ['FROM alpine:3.20', ...lines];

/** The actions of every file operation. */
function actions({ vertices }: PlatformGraph): unknown[][] {
  return vertices.filter(({ kind }) => kind === 'file').map(({ op }) => op.actions as unknown[]);
}

type Copy = Readonly<Record<string, unknown>>;

function copies(graph: PlatformGraph): Copy[] {
  const each = actions(graph).flat() as { Action: { copy?: Copy } }[];
  return each.flatMap(({ Action: { copy } }) => (copy === undefined ? [] : [copy]));
}

function lastExec({ vertices }: PlatformGraph) {
  return vertices.findLast(({ kind }) => kind === 'exec')!.op as {
    meta: { args: string[]; env?: string[] };
    mounts: unknown[];
  };
}

describe('RUN', () => {
  it('runs a single here-document in the shell, or as a program if it begins with #!', async () => {
    const plain = await graphOf(from('RUN <<E', 'echo a', 'E'));
    expect(lastExec(plain).meta.args).toEqual(['/bin/sh', '-c', 'echo a\n']);
    const program = await graphOf(from('RUN <<-E', '\t#!/bin/x', '\techo a', 'E'));
    expect(lastExec(program).meta.args).toEqual(['/bin/sh', '-c', '/dev/pipes/E']);
    expect(lastExec(program).mounts[1]).toEqual({
      input: 1,
      selector: '/',
      dest: '/dev/pipes/',
      output: -1,
      readonly: true,
    });
    const data = Buffer.from('#!/bin/x\necho a\n').toString('base64');
    expect(actions(program)[0]).toMatchObject([{ Action: { mkfile: { path: '/E', mode: 0o755, data } } }]);
  });

  it('leaves documents to the shell where more than one word is on the line', async () => {
    const graph = await graphOf(from('RUN cat <<A - <<B', 'a', 'A', 'b', 'B'));
    expect(lastExec(graph).meta.args[2]).toBe('cat <<A - <<B\na\nA\nb\nB');
  });

  it('uses the shell of SHELL, of the image, and of Windows', async () => {
    expect(lastExec(await graphOf(from('SHELL ["/bin/x", "-e"]', 'RUN a b'))).meta.args).toEqual([
      '/bin/x',
      '-e',
      'a b',
    ]);
    const windows = { 'docker.io/library/win:1': { digest: `sha256:${'1'.repeat(64)}`, configs: { '*': WINDOWS } } };
    const graph = await graphOf(['FROM win:1', 'WORKDIR c:\\a', 'WORKDIR b', 'RUN dir', 'COPY x yy/'], {
      images: windows,
      targetPlatform: 'windows/amd64',
    });
    expect(lastExec(graph).meta).toMatchObject({ args: ['cmd', '/S', '/C', 'dir'], cwd: '/a/b' });
    expect(lastExec(graph).meta.env).toBeUndefined();
    expect(graph.imageConfig).toMatchObject({ config: { WorkingDir: '\\a\\b' } });
    expect(copies(graph)).toMatchObject([{ dest: '/a/b/yy/' }]);
  });

  it('has the options that every RUN gets, and its own network before theirs', async () => {
    const options = {
      'add-hosts': 'DB=10.0.0.1,ip6=::1',
      ulimit: 'nofile=1024:2048,core=0',
      'force-network-mode': 'host',
      'cgroup-parent': 'build',
      'shm-size': '1048576',
      hostname: 'h',
    };
    const graph = await graphOf(from('RUN a', 'RUN --network=none b'), { options });
    const [first, second] = graph.vertices.filter(({ kind }) => kind === 'exec').map(({ op }) => op);
    expect(first).toMatchObject({
      meta: {
        hostname: 'h',
        cgroupParent: 'build',
        extraHosts: [
          { Host: 'db', IP: '10.0.0.1' },
          { Host: 'ip6', IP: '::1' },
        ],
        ulimit: [{ Name: 'nofile', Soft: 1024, Hard: 2048 }, { Name: 'core' }],
      },
      network: 1,
      mounts: [{ dest: '/' }, { dest: '/dev/shm', mountType: 4, TmpfsOpt: { size: 1048576 } }],
    });
    expect(second?.network).toBe(2);
    expect(graph.unkeyed).toMatchObject([{ kind: 'network', places: [{ line: 2 }] }]);
  });

  it.each([
    ['force-network-mode', 'bridge', '--network bridge'],
    ['add-hosts', 'db', '--add-host db'],
    ['ulimit', 'nofile', '--ulimit nofile'],
    ['shm-size', 'big', '--shm-size big'],
  ])('refuses the option %s=%s', async (name, value, shown) => {
    const failed = await failure(graphOf(from(), { options: { [name]: value } }));
    expect(failed).toMatchObject({ code: 'E_USAGE' });
    expect(failed.message).toContain(shown);
  });

  it('names what no key can hold', async () => {
    const mounts =
      '--mount=type=secret,id=s --mount=type=ssh --mount=type=cache,target=/c/ --mount=type=secret,target=/t/k';
    const graph = await graphOf(from(`RUN --network=none ${mounts} x`, 'RUN --mount=type=secret,id=s y'));
    expect(graph.unkeyed.map(({ kind, id, places }) => [kind, id, places.map(({ line }) => line)])).toEqual([
      ['secret', 's', [2, 3]],
      ['ssh', 'default', [2]],
      ['cache', '/c', [2]],
      ['secret', 'k', [2]],
      ['network', undefined, [3]],
    ]);
  });

  it('refuses a mount without a target, and modes that are none', async () => {
    const bad = async (line: string) => (await failure(graphOf(from(line)))).message;
    expect(await bad('RUN --mount=type=bind,source=a x')).toBe('Dockerfile:2: RUN: a mount has no target');
    expect(await bad('RUN []')).toBe('Dockerfile:2: RUN: there is nothing to run');
    expect(await bad('RUN --network=bridge x')).toMatch(/^Dockerfile:2: RUN: --network/);
    expect(await bad('RUN --security=some x')).toMatch(/^Dockerfile:2: RUN: --security/);
    expect(await bad('RUN --device=gpu x')).toMatch(/^Dockerfile:2: RUN: --device/);
    expect(await bad('RUN --mount=type=ssh,source=a x')).toMatch(/^Dockerfile:2: RUN: .*ssh has no source/);
  });
});

describe('COPY and ADD', () => {
  it('EXPOSE counts the ports of the container', async () => {
    const graph = await graphOf(from('EXPOSE 1-3:90-92 [::1]:5:80/UDP'));
    expect(graph.imageConfig).toMatchObject({
      config: { ExposedPorts: { '80/udp': {}, '90/tcp': {}, '91/tcp': {}, '92/tcp': {} } },
    });
  });

  it('WORKDIR without a path stays where it is', async () => {
    const { imageConfig } = await graphOf(['FROM scratch', 'WORKDIR /w', 'WORKDIR $unset']);
    expect(imageConfig).toMatchObject({ config: { WorkingDir: '/w' } });
  });

  it('make the destination absolute by the working directory, and keep what says that it is a directory', async () => {
    const graph = await graphOf(
      from('WORKDIR /w', ...['x', 'x/', '.', './', 'x/.', '../y', '/z/../a', '/.'].map((dest) => `COPY f ${dest}`)),
    );
    expect(copies(graph).map(({ dest }) => dest)).toEqual([
      ...['/w/x', '/w/x/', '/w/', '/w/', '/w/x/.', '/y', '/a', '/.'],
    ]);
  });

  it('write owners as numbers and names, modes as numbers and text', async () => {
    const flags = [
      '--chown=root',
      '--chown=me:5',
      '--chown=-1:0',
      '--chown=:',
      '--chmod=0644',
      '--chmod=u=rwX,go=rX',
      '--chmod=0',
    ];
    const graph = await graphOf(from(...flags.map((flag) => `COPY ${flag} f /`)));
    expect(copies(graph).map(({ owner, mode, modeStr }) => ({ owner, mode, modeStr }))).toEqual([
      { owner: { user: { User: {} } }, mode: -1 },
      { owner: { user: { User: { byName: { name: 'me' } } }, group: { User: { byId: 5 } } }, mode: -1 },
      { owner: { user: { User: { byId: 4294967295 } }, group: { User: {} } }, mode: -1 },
      { owner: { user: { User: {} }, group: { User: {} } }, mode: -1 },
      { mode: 0o644 },
      { modeStr: 'u=rwX,go=rX' },
      {},
    ]);
    await expect(graphOf(from('COPY --chmod=u+x,- f /'))).resolves.toBeDefined();
    for (const mode of ['888', '17777', 'u', 'u+q', ',u+x', 'u+x,']) {
      const failed = await failure(graphOf(from(`COPY --chmod=${mode} f /`)));
      expect(failed.message).toBe(`Dockerfile:2: COPY: --chmod=${mode} is no mode`);
    }
  });

  it('take the part behind /./ of --parents as a pattern, and require it where nothing is a wildcard', async () => {
    const graph = await graphOf(from('COPY --parents a/./b/c a/*/./d ./e/f g/./h\\\\* /x/'));
    expect(
      copies(graph).map(({ src, include_patterns, required_paths }) => [src, include_patterns, required_paths]),
    ).toEqual([
      ['/a', ['b/c'], ['/a/b/c']],
      ['/a/*', ['d'], undefined],
      ['/', ['e/f'], ['/e/f']],
      ['/g', ['h\\*'], ['/g/h\\*']],
    ]);
  });

  it('with --link make a layer of their own, which a mode of the target prevents', async () => {
    const kinds = async (...lines: string[]) => (await graphOf(lines)).vertices.map(({ kind }) => kind);
    expect(await kinds(...from('COPY --link a /'))).toEqual(['source', 'source', 'file', 'merge']);
    expect(await kinds(...from('COPY --link --chmod=1 a /'))).toEqual(['source', 'source', 'file']);
    expect(await kinds('FROM scratch', 'COPY --link a /')).toEqual(['source', 'file']);
  });

  it('write documents as files, expanded unless their word is quoted', async () => {
    const graph = await graphOf(from('ENV v=1', "COPY <<A <<'B' /d/", '$v "q" \\n', 'A', '$v', 'B'));
    const data = actions(graph)
      .flat()
      .flatMap((action) => {
        const { mkfile } = (action as { Action: { mkfile?: { path: string; data: string } } }).Action;
        return mkfile === undefined ? [] : [`${mkfile.path}: ${Buffer.from(mkfile.data, 'base64')}`];
      });
    expect(data.sort()).toEqual(['/A: 1 "q" n\n', '/B: $v\n']);
    expect(copies(graph)).toMatchObject([
      { src: '/A', dest: '/d/' },
      { src: '/B', dest: '/d/' },
    ]);
  });

  it('name what they fetch', async () => {
    const graph = await graphOf(
      from('ADD https://u:p@h:1/a/b%20c?x=1#f https://h https://h/%zz https://h:a/x http://h/.. /d/'),
    );
    expect(graph.vertices.flatMap(({ attrs }) => attrs?.['http.filename'] ?? []).sort()).toEqual([
      '..',
      '__unnamed__',
      '__unnamed__',
      '__unnamed__',
      'b c',
    ]);
    expect(copies(graph).map(({ src }) => src)).toEqual(['/b c', '/__unnamed__', '/__unnamed__', '/__unnamed__', '/']);
  });

  it('unpack archives of the context unless told not to, and of a URL only when told', async () => {
    const graph = await graphOf(
      from('ADD a.tar /', 'ADD --unpack=false a.tar /', 'ADD https://h/a.tar /', 'ADD --unpack https://h/a.tar /'),
    );
    expect(copies(graph).map((copy) => copy.attemptUnpackDockerCompatibility ?? false)).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it.each([
    ['COPY https://bob:hunter2@h/f /', 'COPY takes no URL: https://***@h/f'],
    ['COPY git@h:o/r.git /', 'COPY takes no URL'],
    ['ADD --checksum=sha256:0 f /', '--checksum is for a URL'],
    ['ADD --checksum=sha256:0 https://h/f https://h/g /', '--checksum is for one source'],
    ['ADD --checksum=sha256:0 https://h/f /', 'invalid checksum digest length'],
    ['ADD --keep-git-dir=true https://h/r.git?keep-git-dir=false /', 'contradict each other'],
    ['ADD --checksum=1 https://h/r.git?checksum=2 /', 'differ'],
    ['ADD https://h/r.git?colour=red /', 'colour'],
    ['EXPOSE 80/icmp', 'icmp is no protocol'],
    ['EXPOSE 70000', '70000 is no port'],
    ['EXPOSE 90-80', 'end is below its start'],
    ['STOPSIGNAL SIGNONE', 'is no signal'],
    ['STOPSIGNAL 0', 'is no signal'],
    ['VOLUME $unset', 'a volume is empty'],
  ])('%s is refused', async (line, why) => {
    const failed = await failure(graphOf(from(line)));
    expect(failed).toMatchObject({ code: 'E_DOCKERFILE', details: { line: 2 } });
    expect(failed.message).toContain(why);
  });
});

const WINDOWS = {
  os: 'windows',
  architecture: 'amd64',
  config: {},
  rootfs: { type: 'layers', diff_ids: [`sha256:${'2'.repeat(64)}`] },
};
