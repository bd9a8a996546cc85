/** The members of an image's configuration, those that are lists of names and values one by one. */
import { isObject } from '../../core/is-object.ts';
import type { ImageConfig } from '../../dockerfile/graph/types.ts';
import type { Part } from '../build-detail.ts';
import { valueDigest } from './instructions.ts';

/** Without times and history, which are in no key. */
export function configParts({ history: _, created: __, config, ...rest }: ImageConfig): Part[] {
  const members = { ...rest, ...(isObject(config) ? config : {}) };
  return Object.entries(members).flatMap(([name, value]) => {
    if (name === 'Env' && Array.isArray(value)) return value.map((pair) => environmentPart(String(pair)));
    if (name === 'Labels' && isObject(value)) {
      return Object.entries(value).map(([label, text]) => ({ name: `Labels ${label}`, digest: valueDigest(text) }));
    }
    // As good as absent.
    return value === null ? [] : [{ name, digest: valueDigest(value) }];
  });
}

function environmentPart(pair: string): Part {
  const [name = ''] = pair.split('=', 1);
  return { name: `Env ${name}`, digest: valueDigest(pair) };
}
