import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { printable } from '../../../src/core/printable.ts';
import { asBake, asBuildContexts, asBuildkitPolicy } from '../../../src/snapshot/lock/formats.ts';
import { decodeLock, encodeLock, isContextName, type LockEntry } from '../../../src/snapshot/lock/lock.ts';
import type { Pinnable } from '../../../src/source/foreign-forms.ts';
import { bakePrint, buildx } from '../../support/buildx.ts';
import { which } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';

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

  it('holds nothing that a terminal would obey', () => {
    const odd = new Map([['x', { ...directory, ref: './\u009b2J\u202e\u001b' }]]);
    expect(encodeLock(odd)).toMatch(/^[\n -~]*$/);
    expect(decodeLock(encodeLock(odd), 'x')).toEqual(odd);
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
    ['{"lockfile":1,"contexts":{"\\u001b[2J":{}}}', 'no name'],
    ['{"lockfile":1,"contexts":{"a\\u202eb":{}}}', 'no name'],
  ])('refuses %s', (text, message) => {
    expect(() => decodeLock(text, 'ctxsrc.lock')).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });

  it('repeats nothing of a file that is no lock: it may be a link to somebody else’s', () => {
    for (const text of ['SECRET=1', '{"lockfile":SECRET', '{"lockfile":1,\n"contexts":{"SECRET"}}']) {
      expect(() => decodeLock(text, 'ctxsrc.lock')).toThrow(
        expect.objectContaining({ code: 'E_CONFIG', message: expect.stringMatching(/^(?!.*SECRET).*it is no JSON/) }),
      );
    }
    expect(() => decodeLock('{"lockfile":1,\n"contexts":{"a"}}', 'x')).toThrow('from line 2, column 16 on');
  });

  it('has no more contexts than can be understood in a moment', () => {
    const contexts = Object.fromEntries(
      Array.from({ length: 10_001 }, (_, i) => [`n${i}`, { ref: './a', digest: '', key: '' }]),
    );
    expect(() => decodeLock(JSON.stringify({ lockfile: 1, contexts }), 'x')).toThrow(
      expect.objectContaining({ code: 'E_LIMIT' }),
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
  const app: Pinnable = { ref: './app', digest: directory.digest };
  const base: Pinnable = { ref: image.ref, digest: image.digest, pinned: image.pinned };
  const lock = new Map([
    ['base', base],
    ['app', app],
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

  const commit = 'a'.repeat(40);
  const git: Pinnable = {
    ref: 'https://example.test/o/r.git#main:docs',
    digest: commit,
    pinned: `https://example.test/o/r.git#${commit}:docs`,
  };
  const file: Pinnable = { ref: 'https://example.test/data.tar.gz', digest: 'sha256:ff' };
  const others = new Map<string, Pinnable>([
    ['archive', { ref: 'oci-archive://./a.tar', digest: 'sha256:11', pinned: 'oci-archive://./a.tar@sha256:11' }],
    ['file', file],
    ['git', git],
    ['scp', { ref: 'git@example.test:o/r.git', digest: commit, pinned: `git@example.test:o/r.git#${commit}` }],
    ['Upper', app],
  ]);

  it('names git as each tool does, and leaves out what a tool cannot read or cannot hold to a checksum', () => {
    for (const { text, omitted } of [asBuildContexts(others), asBake(others, 'default')]) {
      expect(text).toContain(git.pinned);
      expect(text).toContain(`git@example.test:o/r.git#${commit}`);
      expect(text).not.toMatch(/Upper|archive|data/);
      expect(omitted.map(({ name, why }) => `${name}: ${why}`)).toEqual([
        'Upper: a build takes only names that an image could have: lower case, no blanks',
        'archive: no build context can be oci-archive://./a.tar@sha256:11',
        'file: a build context holds no checksum of a file on the web; --format buildkit-policy pins it',
      ]);
    }
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
    expect(policy.omitted.map(({ name }) => name)).toEqual(['Upper', 'archive']);
  });

  it('gives bake the short names that BuildKit looks for, and each once', () => {
    const names = ['docker.io/library/alpine', 'alpine:latest', 'docker.io/o/r:1', 'ghcr.io/o/r', 'plain'];
    const { text, omitted } = asBake(new Map(names.map((name) => [name, base])), 'default');
    expect(Object.keys((JSON.parse(text) as Bake).target.default.contexts)).toEqual([
      'alpine',
      'o/r:1',
      'ghcr.io/o/r',
      'plain',
    ]);
    expect(omitted).toEqual([]);
    const two = asBake(
      new Map([
        ['alpine', base],
        ['docker.io/library/alpine', app],
      ]),
      'default',
    );
    expect(two.omitted).toEqual([{ name: 'docker.io/library/alpine', why: `alpine is ${image.pinned} already` }]);
  });

  it('has the same rule of a policy once, and says which of two it could not have', () => {
    const moved = { ...base, digest: 'sha256:99', pinned: 'docker-image://docker.io/library/alpine:3.20@sha256:99' };
    const { text, omitted } = asBuildkitPolicy(
      new Map([
        ['a', base],
        ['b', base],
        ['c', moved],
      ]),
    );
    expect((JSON.parse(text) as { rules: unknown[] }).rules).toHaveLength(1);
    expect(omitted).toEqual([{ name: 'c', why: `the policy pins ${image.ref} to another digest already` }]);
  });

  const odd = [
    ['a blank', './a b'],
    ['a tab', './a\tb'],
    ['a line break', './a\n--build-context evil=.'],
    ['a pattern', './a*b'],
    ['a class', './a[bc]'],
    ['a question', './a?'],
    ['a command', './$(touch evil)'],
    ['another command', './`touch evil`'],
    ['a quote', "./it's"],
    ['an end of a command', './a;touch evil'],
    ['an escape', './\u001b[2J'],
    ['an escape of one character', './\u009b2J'],
    ['a template', `./\${USER}`],
    ['a directive', './%{ if true }x%{ endif }'],
    ['letters', './größe'],
  ] as const;

  it.each(odd)('%s in a path: a shell hands it on as it is or is not given it; bake and JSON hold it', (what, ref) => {
    const lock = new Map([['app', { ref, digest: 'sha256:ee' }]]);
    const { text, omitted } = asBuildContexts(lock);
    if (what === 'letters') {
      expect(text).toBe(`--build-context app=${ref}\n`);
    } else {
      expect(text).toBe('');
      expect(omitted[0]!.why).toContain('--format bake');
    }
    const bake = asBake(lock, 'default').text;
    expect(printable(bake.replaceAll('\n', ''))).toBe(bake.replaceAll('\n', ''));
    // What bake makes of the template.
    const value = (JSON.parse(bake) as Bake).target.default.contexts.app!.replace(/([$%])\1\{/g, '$1{');
    expect(value).toBe(ref);
    expect(/[$%]\{/.test(ref)).toBe(/([$%])\1\{/.test(bake));
  });

  it.skipIf(buildx === undefined)('bake reads its file as it is meant, beside the file that it overrides', () => {
    const cwd = tempDir('bake');
    writeFileSync(join(cwd, 'docker-bake.hcl'), 'target "default" { contexts = { app = "./other", kept = "./kept" } }');
    const values = odd.map(([, ref], at) => [at === 0 ? 'app' : `n${at}`, ref] as const);
    writeFileSync(
      join(cwd, 'lock.json'),
      asBake(new Map(values.map(([name, ref]) => [name, { ref, digest: 'x' }])), 'default').text,
    );
    expect(bakePrint(cwd, 'docker-bake.hcl', 'lock.json')).toEqual({
      kept: ['./kept'],
      ...Object.fromEntries(values.map(([name, ref]) => [name, [ref]])),
    });
  });

  it.each(['a$(x)b', 'a*', 'a"b', 'a\u202eb'])('the name %j is given to no shell', (name) => {
    expect(asBuildContexts(new Map([[name, app]])).text).toBe('');
  });

  it('through a shell the words are the lines, whatever lies in the directory', () => {
    const cwd = tempDir('words');
    mkdirSync(join(cwd, 'app=.'));
    writeFileSync(join(cwd, 'app=.', 'aXb'), '');
    const lines = new Map<string, Pinnable>([
      ...odd.map(([, ref], at) => [`n${at}`, { ref, digest: 'x' }] as const),
      ['app', { ref: './a*b', digest: 'x' }],
      ...lock,
      ['git', git],
    ]);
    const { text } = asBuildContexts(lines);
    writeFileSync(join(cwd, 'lines'), text);
    for (const shell of ['sh', 'bash', 'zsh'].filter((name) => which(name) !== undefined)) {
      const words = execFileSync(shell, ['-c', 'printf "%s\\n" $(cat lines)'], { cwd, encoding: 'utf8' });
      expect(words.split('\n').join(' ')).toBe(text.split('\n').join(' '));
      expect(text.split('\n')).toHaveLength(5);
    }
    expect(existsSync(join(cwd, 'evil'))).toBe(false);
  });
});

interface Bake {
  readonly target: { readonly default: { readonly contexts: Readonly<Record<string, string>> } };
}
