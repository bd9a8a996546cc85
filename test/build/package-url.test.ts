import { expect, it } from 'vitest';
import { packageUrl } from '../../src/build/package-url.ts';

const digest = `sha256:${'a'.repeat(64)}`;

it.each([
  ['docker.io/library/alpine:3.20', 'linux/amd64', 'pkg:docker/alpine@3.20?platform=linux%2Famd64'],
  ['alpine', 'linux/arm/v7', 'pkg:docker/alpine@latest?platform=linux%2Farm%2Fv7'],
  [`docker.io/library/alpine@${digest}`, 'linux/amd64', `pkg:docker/alpine?digest=${digest}&platform=linux%2Famd64`],
  [`docker.io/o/r:v2@${digest}`, 'linux/arm64/v8', `pkg:docker/o/r@v2?digest=${digest}&platform=linux%2Farm64`],
  ['localhost:5000/o/r:v2', 'windows(10.0.1)/amd64', 'pkg:docker/localhost%3A5000/o/r@v2?platform=windows%2Famd64'],
])('the package URL of %s for %s is that of provenance', (ref, platform, expected) => {
  expect(packageUrl(ref, platform)).toBe(expected);
});

it('the package URL of an image of a layout is that of provenance', () => {
  expect(packageUrl(`docker.io/library/base@${digest}`, 'linux/amd64', 'oci')).toBe(
    `pkg:oci/base?digest=${digest}&platform=linux%2Famd64`,
  );
});
