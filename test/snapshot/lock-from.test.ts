import { describe, expect, it } from 'vitest';
import { readNamedContexts } from '../../src/snapshot/lock-from.ts';

const read = async (path: string, text: string) => {
  const { contexts, skipped } = await readNamedContexts(path, text);
  return { contexts: Object.fromEntries(contexts), skipped };
};

describe('contexts of a bake file', () => {
  it('JSON, as buildx bake --print writes it', async () => {
    const bake = {
      target: { web: { context: '.', contexts: { base: 'docker-image://alpine', inner: 'target:dep' } }, dep: {} },
    };
    expect(await read('bake.json', JSON.stringify(bake))).toEqual({
      contexts: { base: 'docker-image://alpine' },
      skipped: ['inner'],
    });
  });

  it('HCL with literals', async () => {
    const hcl = `
# a comment { with a brace
variable "TAG" { default = "latest" }
group "default" { targets = ["web", "api"] }
target "web" {
  dockerfile = "Dockerfile" // another
  tags = ["x:\${TAG}", upper("y")]
  args = { A = "{", B = TAG == "" ? "1" : "2" }
  contexts = {
    base = "docker-image://alpine:3.20"
    "other" = "./other", src: "https://host/r.git#main"
    built = "target:api"
  }
}
target "api" { /* contexts = { no = "1" } */ contexts = { base = "docker-image://alpine:3.20" } }
`;
    expect(await read('docker-bake.hcl', hcl)).toEqual({
      contexts: { base: 'docker-image://alpine:3.20', other: './other', src: 'https://host/r.git#main' },
      skipped: ['built'],
    });
  });

  it.each([
    ['a variable', 'target "x" { contexts = { a = "docker-image://alpine:${TAG}" } }', 'no literal'],
    ['an expression', 'target "x" { contexts = { a = BASE } }', 'no literal'],
    ['an open block', 'target "x" { contexts = { a = "b" ', 'ends in the middle'],
    ['a wrong bracket', 'target "x" { tags = [ "a" } }', 'was expected'],
    ['a bad name', 'target "x" { contexts = { "./a" = "b" } }', 'named'],
  ])('HCL with %s is refused', async (_, text, message) => {
    await expect(read('x.hcl', text)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining(message),
    });
  });
});

describe('contexts of a compose file', () => {
  it('maps and lists', async () => {
    const yaml = `
services:
  web:
    build:
      context: .
      additional_contexts:
        base: docker-image://alpine:3.20
        dep: service:api
  api:
    build:
      additional_contexts:
        - src=./src
  db:
    image: postgres
`;
    expect(await read('compose.yaml', yaml)).toEqual({
      contexts: { base: 'docker-image://alpine:3.20', src: './src' },
      skipped: ['dep'],
    });
  });

  it.each([
    [
      'two meanings of a name',
      'services: {a: {build: {additional_contexts: {x: ./1}}}, b: {build: {additional_contexts: {x: ./2}}}}',
      'in one place',
    ],
    ['a variable', 'services: {a: {build: {additional_contexts: {x: "docker-image://a:${T}"}}}}', 'variable'],
    ['a number', 'services: {a: {build: {additional_contexts: {x: 1}}}}', 'no text'],
    ['something else', 'a: 1', 'neither targets'],
    ['no YAML', 'a: [', ''],
    ['a list item without a reference', 'services: {a: {build: {additional_contexts: [x]}}}', 'no text'],
  ])('%s is refused', async (_, text, message) => {
    await expect(read('compose.yml', text)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining(message),
    });
  });

  it('an alias bomb is refused', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nservices: [*c,*c,*c,*c,*c,*c]`;
    await expect(read('compose.yml', bomb)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });
});
