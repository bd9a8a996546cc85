import { expect, it } from 'vitest';
import { withDigests } from '../../../src/snapshot/lock/dockerfile-format.ts';

it('an image that is vendored stands in the place of its origin, also of one with a digest', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const place = (line: number) => ({ line, instruction: 'FROM', lines: { first: line, last: line } });
  const vendored = `docker-image://r.test/v:ctxsrc-${'a'.repeat(64)}@${digest}`;
  const images = [
    { name: 'alpine:3', ref: 'docker-image://docker.io/library/alpine:3', digest, places: [place(1)], vendored },
    {
      name: `alpine@${digest}`,
      ref: `docker-image://docker.io/library/alpine@${digest}`,
      digest,
      places: [place(2)],
      vendored,
    },
  ];
  const { text, kept } = withDigests(Buffer.from(`FROM alpine:3 AS a\nFROM alpine@${digest}\n`), 'Dockerfile', images);
  const image = vendored.replace('docker-image://', '');
  expect(text.toString()).toBe(`FROM ${image} AS a\nFROM ${image}\n`);
  expect(kept).toEqual([]);
});
