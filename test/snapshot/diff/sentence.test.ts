import { expect, it } from 'vitest';
import { shortNames } from '../../../src/snapshot/diff/sentence.ts';

it.each([
  ['docker-image://shop:1.4', 'docker-image://shop:1.5', ['shop:1.4', '1.5']],
  ['docker-image://reg:5000/shop:1.4', 'docker-image://reg:5000/shop:1.5', ['reg:5000/shop:1.4', '1.5']],
  ['docker-image://reg:5000/shop', 'docker-image://reg:5000/other', ['reg:5000/shop', 'reg:5000/other']],
  ['http://h:1/g.git#main', 'http://h:1/g.git', ['http://h:1/g.git#main', 'http://h:1/g.git']],
  ['./my dir/a', './my dir/b', ['./my dir/a', './my dir/b']],
  ['shop:1', 'shop:1', ['shop:1', 'shop:1']],
])('%s and %s', (a, b, names) => {
  expect(shortNames({ name: a }, { name: b })).toEqual(names);
});

it('the platform stands for the second side where both are one reference', () => {
  const [a, b] = ['linux/amd64', 'linux/arm64'].map((platform) => ({ name: `./my lay:1 ${platform}`, platform }));
  expect(shortNames(a!, b!)).toEqual(['./my lay:1 linux/amd64', 'linux/arm64']);
});
