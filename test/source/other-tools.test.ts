/** What people bring from other tools: each is answered by a reference, and that reference is understood. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../src/core/errors.ts';
import { parseReference } from '../../src/source/parse.ts';
import { SourceTable } from '../../src/source/table.ts';
import { tempDir } from '../support/temp.ts';

const here = tempDir('forms');
mkdirSync(join(here, 'dir'));
for (const file of ['img.tar', 'img.tar.gz', 'Dockerfile', 'it is.txt']) writeFileSync(join(here, file), '');

const HEX = '0123456789abcdef'.repeat(4);

const table = new SourceTable();

async function refusal(text: string): Promise<CtxsrcError> {
  try {
    const { scheme, rest } = parseReference(text, here);
    await table.load(scheme, rest);
  } catch (error) {
    if (error instanceof CtxsrcError) return error;
    throw error;
  }
  throw new Error(`${text} was understood`);
}

/** The references that a hint says to type, as the shell would hand them over. */
function typed(hint: string): string[] {
  const words = [...hint.matchAll(/(?:type|name|tar file|:) ('(?:[^']|'\\'')*'|[^\s,;]*[/.][^\s,;]*)/g)].map(
    (match) => match[1] as string,
  );
  return words.map((word) => (word.startsWith("'") ? word.slice(1, -1).replaceAll("'\\''", "'") : word));
}

describe('a form of another tool', () => {
  it.each([
    ['docker://alpine', ['docker-image://alpine']],
    ['docker:alpine:3.20', ['docker-image://alpine:3.20']],
    ['registry:ghcr.io/o/i', ['docker-image://ghcr.io/o/i']],
    ['oci:dir:tag', ['oci-layout://dir:tag']],
    ['oci:dir', ['oci-layout://dir']],
    ['oci://ghcr.io/o/chart:1', ['docker-image://ghcr.io/o/chart:1']],
    ['oci-dir:dir', ['oci-layout://dir']],
    ['oci-archive:x.tar', ['oci-archive://x.tar']],
    ['oci-archive:/a/x.tar:1.0', ['oci-archive:///a/x.tar:1.0']],
    ['docker-archive:x.tar', ['docker-archive://x.tar']],
    ['docker-archive:x.tar:alpine:3.20', ['docker-archive://x.tar:alpine:3.20']],
    ['dir:x', ['./x', 'oci-layout://LAYOUT']],
    ['docker-daemon:alpine', ['docker-archive://image.tar']],
    ['containers-storage:alpine', ['docker-archive://image.tar']],
    ['oci-layout:dir', ['oci-layout://dir']],
    ['docker-image:alpine', ['docker-image://alpine']],
    ['local:dir', ['./dir']],
    ['file:dir', ['./dir']],
    ['C:\\app', ['/mnt/c/app']],
    ['d:/app/my app', ['/mnt/d/app/my app']],
    ['.\\dir\\sub', ['./dir/sub']],
    ['docker-image:/alpine', ['docker-image://alpine']],
    ['https:/host/file', ['https://host/file']],
    ['oci-layot://dir', ['oci-layout://dir']],
    ['Docker-Image://alpine', ['docker-image://alpine']],
    ['HTTPS://host/file', ['https://host/file']],
    ['pkg:docker/alpine@3.20', ['docker-image://alpine:3.20']],
    [
      `base=pkg:oci/debian@sha256%3A${HEX}?repository_url=ghcr.io/o/debian&tag=12`,
      [`docker-image://ghcr.io/o/debian:12@sha256:${HEX}`],
    ],
    ['pkg:github/o/r@v1', ['https://github.com/o/r.git#v1']],
    ['base=oci:dir:tag', ['oci-layout://dir:tag']],
    ['alpine:3.20', ['docker-image://alpine:3.20', './alpine:3.20']],
    ['img.tar', ['docker-archive://./img.tar', 'oci-archive://./img.tar']],
    ['img.tar.gz', ['docker-archive://./img.tar.gz', 'oci-archive://./img.tar.gz']],
    ['Dockerfile', ['.']],
    ['it is.txt', ['.']],
    ['Not An Image', ['./Not An Image']],
  ])('%s', async (text, references) => {
    const error = await refusal(text);
    expect(error.exit).toBe(2);
    expect(typed(error.hint ?? '')).toEqual(references);
    for (const reference of references) {
      const ref = parseReference(reference, here);
      const source = await table.load(ref.scheme);
      expect(() => source.identify(ref, {}), reference).not.toThrow();
    }
  });

  it.each([
    [`sha256:${HEX}`, `type docker-image://NAME@sha256:${HEX}`],
    ['~/app', 'type "$HOME"/app'],
    ['~/$(id) x', `type "$HOME"'/$(id) x'`],
    ['~bob/app', 'type the whole path'],
    ['docker-daemon:a;id', "docker save -o image.tar 'a;id', then"],
    ['git+https://host/a b;id', "type 'https://host/a b;id.git'"],
    ['cwd://a;id', "here that is './a;id'"],
    ['bob:hunter2@host/image', 'leave user and password out: type docker-image://host/image'],
    ['ftp://host/file', 'the schemes are docker-image,'],
  ])('%s gets a hint to fill in', async (text, hint) => {
    expect((await refusal(text)).hint).toContain(hint);
  });

  it('keeps a secret to itself', async () => {
    const { message, hint } = await refusal('docker://bob:hunter2@host/image');
    expect(`${message} ${hint}`).not.toContain('hunter2');
  });

  it.each(['docker-image://alpine', 'oci-layout://dir', 'oci-archive://x.tar', 'file:///r.git', 'dir'])(
    '%s is ours',
    (text) => {
      expect(() => parseReference(text, here)).not.toThrow();
    },
  );
});

it.each([
  'git+https://h/$(id).git',
  'git+https://h/x.git@$(id)',
  'docker-daemon:$(id)',
  'containers-storage:$(id)',
  'dir:$(id)',
  'oci:$(id)',
  'cwd://$(id)',
  'github.com/o/r/tree/$(id)',
  '$(id)=',
  '$(id)',
  '$(id).tar',
])('the hint for %s leaves a shell nothing to run', async (text) => {
  writeFileSync(join(here, '$(id).tar'), '');
  const { hint = '' } = await refusal(text);
  expect(hint.replace(/(?<=^| )'[^']*'/g, '')).not.toContain('$(');
});
