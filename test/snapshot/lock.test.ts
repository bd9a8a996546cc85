import { describe, expect, it } from 'vitest';
import { decodeLock, encodeLock, isContextName, type LockEntry } from '../../src/snapshot/lock.ts';
import { asBake, asBuildContexts, asBuildkitPolicy } from '../../src/snapshot/lock-formats.ts';

const image: LockEntry = {
  ref: 'docker-image://docker.io/library/alpine:3.20',
  attributes: { platform: 'linux/amd64' },
  digest: 'sha256:aa',
  manifest: 'sha256:bb',
  config: 'sha256:cc',
  key: 'sha256:dd',
  pinned: 'docker-image://docker.io/library/alpine:3.20@sha256:aa',
};
const directory: LockEntry = { ref: './app', digest: 'sha256:ee', key: 'sha256:ee' };

describe('the lock file', () => {
  it('has sorted names, fixed members, two spaces and a line break at the end', () => {
    const text = encodeLock(
      new Map([
        ['z', directory],
        ['10', directory],
        ['base', image],
      ]),
    );
    expect(text).toBe(`{
  "schema": "ctxsrc/v1",
  "lockfile": 1,
  "contexts": {
    "10": {
      "ref": "./app",
      "digest": "sha256:ee",
      "key": "sha256:ee"
    },
    "base": {
      "ref": "docker-image://docker.io/library/alpine:3.20",
      "attributes": {
        "platform": "linux/amd64"
      },
      "digest": "sha256:aa",
      "manifest": "sha256:bb",
      "config": "sha256:cc",
      "key": "sha256:dd",
      "pinned": "docker-image://docker.io/library/alpine:3.20@sha256:aa"
    },
    "z": {
      "ref": "./app",
      "digest": "sha256:ee",
      "key": "sha256:ee"
    }
  }
}
`);
    expect(encodeLock(decodeLock(text, 'x'))).toBe(text);
  });

  it('of nothing is valid', () => {
    expect(decodeLock(encodeLock(new Map()), 'x').size).toBe(0);
  });

  it.each([
    ['', 'JSON'],
    ['[]', 'no JSON object'],
    ['{"lockfile":2,"contexts":{}}', 'this version reads 1'],
    ['{"lockfile":1}', 'no contexts'],
    ['{"lockfile":1,"contexts":{"./x":{}}}', 'no name'],
    ['{"lockfile":1,"contexts":{"x":1}}', 'no object'],
    ['{"lockfile":1,"contexts":{"x":{"ref":1}}}', 'ref of'],
    ['{"lockfile":1,"contexts":{"x":{"ref":"./a","digest":"d"}}}', 'key of'],
    ['{"lockfile":1,"contexts":{"x":{"ref":"./a","digest":"d","key":"k","pinned":1}}}', 'pinned of'],
    ['{"lockfile":1,"contexts":{"x":{"ref":"./a","digest":"d","key":"k","attributes":{"a":{}}}}}', 'attributes of'],
    [
      '{"lockfile":1,"contexts":{"x":{"ref":"./a","digest":"d","key":"k","pinned":"./a@e"}}}',
      'does not name its digest',
    ],
  ])('refuses %s', (text, message) => {
    expect(() => decodeLock(text, 'ctxsrc.lock')).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });

  it('knows names', () => {
    expect(['base', 'my-ctx', 'a.b/c:d'].map(isContextName)).toEqual([true, true, true]);
    expect(['', '.x', '/x', 'a b', 'a=b', 'http://x'].map(isContextName)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('the lock file in the words of other tools', () => {
  const lock = new Map([
    ['base', image],
    ['app', directory],
  ]);

  it('build-contexts', () => {
    expect(asBuildContexts(lock)).toEqual({
      text: `--build-context app=./app\n--build-context base=${image.pinned}\n`,
      omitted: [],
    });
  });

  it('bake', () => {
    expect(JSON.parse(asBake(lock, 'web').text)).toEqual({
      target: { web: { contexts: { app: './app', base: image.pinned } } },
    });
  });

  it('buildkit-policy pins exactly these and says what it cannot pin', () => {
    const { text, omitted } = asBuildkitPolicy(lock);
    expect(JSON.parse(text)).toEqual({
      version: 1,
      rules: [
        {
          action: 'CONVERT',
          selector: { identifier: image.ref, matchType: 'EXACT' },
          updates: { identifier: image.pinned },
        },
      ],
    });
    expect(omitted).toEqual([{ name: 'app', why: 'no policy can pin such a source' }]);
  });

  const git: LockEntry = {
    ref: 'https://example.test/o/r.git#main:docs',
    digest: 'a'.repeat(40),
    key: 'a'.repeat(40),
    pinned: `https://example.test/o/r.git#${'a'.repeat(40)}:docs`,
  };
  const file: LockEntry = { ref: 'https://example.test/data.tar.gz', digest: 'sha256:ff', key: 'sha256:00' };
  const archive: LockEntry = { ref: 'oci-archive://./a.tar', digest: 'sha256:11', key: 'sha256:22' };
  const others = new Map([
    ['archive', archive],
    ['blank', { ...directory, ref: './a b' }],
    ['file', file],
    ['git', git],
    ['scp', { ...git, ref: 'git@example.test:o/r.git', pinned: `git@example.test:o/r.git#${'a'.repeat(40)}` }],
  ]);

  it('names git and files on the web as each tool does, and leaves out what a tool cannot read', () => {
    const contexts = asBuildContexts(others);
    expect(contexts.text.split('\n')).toEqual([
      `--build-context file=${file.ref}`,
      `--build-context git=${git.pinned}`,
      `--build-context scp=git@example.test:o/r.git#${git.digest}`,
      '',
    ]);
    expect(contexts.omitted.map(({ name }) => name)).toEqual(['archive', 'blank']);
    const policy = asBuildkitPolicy(others);
    expect((JSON.parse(policy.text) as { rules: unknown[] }).rules).toMatchObject([
      {
        selector: { identifier: file.ref },
        updates: { identifier: file.ref, attrs: { 'http.checksum': file.digest } },
      },
      {
        selector: { identifier: 'git://example.test/o/r.git#main:docs' },
        updates: { identifier: `git://example.test/o/r.git#${git.digest}:docs` },
      },
      {
        selector: { identifier: 'git://example.test/o/r.git' },
        updates: { identifier: `git://example.test/o/r.git#${git.digest}` },
      },
    ]);
    expect(policy.omitted.map(({ name }) => name)).toEqual(['archive', 'blank']);
  });
});
