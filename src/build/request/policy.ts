/**
 * Source policies in Rego, which buildx evaluates while it builds: by `--policy`, by the member `policy` of a bake
 * target, and from a file beside the Dockerfile.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { printable } from '../../core/printable.ts';
import type { Doubt } from './environment.ts';
import { isTrue } from './pairs.ts';

/**
 * What a policy leaves open: it may pin an image to another digest than its tag has now, or refuse a source.
 * @param given values of `--policy`, each a list of `filename=PATH`, `reset=BOOL`, `disabled=BOOL` and others
 * @param dockerfile where it lies; undefined for one from a stream or a context that was fetched
 */
export function policyDoubts(given: readonly string[], dockerfile: string | undefined): Doubt[] {
  const fields = given.flatMap((text) => text.split(',')).map((field) => field.split('=', 2));
  const has = (name: string) => fields.some(([key, value]) => key?.trim().toLowerCase() === name && isTrue(value));
  if (has('disabled')) return [];
  const beside = dockerfile === undefined ? undefined : `${dockerfile}.rego`;
  const isNamed = fields.some(([key]) => key?.trim().toLowerCase() === 'filename');
  const isBeside = beside !== undefined && !has('reset') && existsSync(beside);
  if (!isNamed && !isBeside) return [];
  const policy = isNamed
    ? 'the policy of --policy, or of a bake file,'
    : `the policy ${printable(basename(beside!))} beside the Dockerfile`;
  return [
    {
      text: `${policy} is not read: it may pin images to other digests, or refuse a source`,
      hint: 'give --with policy=DIGEST so that another policy is another key, or build without: disabled=true',
    },
  ];
}
