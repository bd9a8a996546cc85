/** References and flags that cannot be right, or name what is not there: the right exit code, one clear line, a hint where one helps. */
import { describe, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { directory, expectFailure, layoutRef } from '../support/cli-expect.ts';
import { tempDir } from '../support/temp.ts';

describe('references that cannot be right', () => {
  it.each([
    ['parse', 'foo://bar'],
    ['key', 'foo://bar'],
    ['digest', 'foo://bar'],
  ])('%s %s: an unknown scheme', async (...args) => {
    await expectFailure(args, { code: 'E_SCHEME_UNKNOWN', message: /foo/ });
  });

  it.each(['sha256:xyz', 'sha256:ABC', 'md5:d41d8cd98f00b204e9800998ecf8427e', `sha256:${'G'.repeat(64)}`])(
    'a malformed digest: %s',
    async (digest) => {
      await expectFailure(['key', `${layoutRef('hello')}@${digest}`], { code: 'E_DIGEST_INVALID', message: /digest/ });
      const { code, stdout, stderr } = await ctxsrc(['digest', `docker-image://alpine@${digest}`]);
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    },
  );

  it('a bare word that is no directory is not looked up in the network', async () => {
    await expectFailure(
      ['key', 'alpine'],
      { code: 'E_REFERENCE', message: /alpine/, hint: /docker-image:\/\/alpine/ },
      { cwd: tempDir('empty') },
    );
  });

  it('a directory that is not there', async () => {
    await expectFailure(
      ['key', './nowhere'],
      { code: 'E_PATH_NOT_FOUND', message: /nowhere/ },
      { cwd: tempDir('empty') },
    );
  });

  it('a path without a layout', async () => {
    await expectFailure(['key', `oci-layout://${tempDir('empty')}/nowhere:tag`], {
      code: 'E_PATH_NOT_FOUND',
      message: /nowhere/,
    });
  });

  it.each([
    ['a platform that is none', ['--platform', 'linux/amd64/v1/x'], 'E_PLATFORM_INVALID'],
    ['a layer limit of nothing', ['--layer-limit', '0'], 'E_LAYER_LIMIT'],
    ['a layer limit that is no number', ['--layer-limit', 'two'], 'E_LAYER_LIMIT'],
    ['a checksum that is none', ['--checksum', 'sha256:12'], 'E_DIGEST_INVALID'],
    ['a flag that is none', ['--no-such-flag'], 'E_USAGE'],
  ] as const)('%s', async (_, flags, code) => {
    const json = await ctxsrc(['key', layoutRef('hello'), ...flags, '--json']);
    expect({ code: json.code, stdout: json.stdout }, json.stderr).toEqual({ code: 2, stdout: '' });
    const error = (JSON.parse(json.stderr.trimEnd().split('\n').at(-1)!) as { error: { code: string } }).error;
    // A value can be refused as the usage of its flag or as what it stands for; the exit code is the same.
    expect([code, 'E_USAGE', 'E_ATTRIBUTE']).toContain(error.code);
  });

  it('a flag that means nothing for the reference', async () => {
    const result = await ctxsrc(['key', directory('app'), '--layer-limit', '1']);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/layer-limit/);
  });

  it('a subcommand that is none', async () => {
    const result = await ctxsrc(['frobnicate', 'x']);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/frobnicate/);
  });

  it('no reference at all', async () => {
    const result = await ctxsrc(['key']);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
  });
});

describe('what a layout does not have', () => {
  it('a tag: the tags that are there are listed', async () => {
    await expectFailure(['digest', layoutRef('everything', 'nope')], {
      code: 'E_TAG_NOT_FOUND',
      message: /nope.*latest.*zstd.*arm-only/,
    });
  });

  it('a digest', async () => {
    await expectFailure(['key', `${layoutRef('hello')}@sha256:${'0'.repeat(64)}`], {
      code: 'E_BLOB_NOT_FOUND',
      message: /000/,
    });
  });

  it('a platform: those that are there are listed', async () => {
    await expectFailure(['key', layoutRef('everything', 'latest'), '--platform', 'linux/s390x'], {
      code: 'E_PLATFORM_NOT_FOUND',
      message: /s390x.*linux\/amd64.*linux\/arm64/,
      hint: /--platform/,
    });
  });

  it('a tag without doubt', async () => {
    await expectFailure(['key', layoutRef('broken', 'tag-twice')], { code: 'E_TAG_AMBIGUOUS', message: /tag-twice/ });
  });

  it('one image, when none is named', async () => {
    const result = await ctxsrc(['key', layoutRef('broken')]);
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/intact/);
  });

  it('more layers than the limit says', async () => {
    await expectFailure(['key', layoutRef('hello'), '--layer-limit', '9'], { code: 'E_LAYER_LIMIT', message: /9.*2/ });
  });
});
