/** Source `local`: a directory of this machine, as a build context. */
import { resolve } from 'node:path';
import type { Identifier, SchemeRef, Source } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { rebasePath } from '../rebase-path.ts';
import { keptAttributes, LOCAL_ATTRIBUTES, type LocalOptions, readLocalAttributes } from './attributes.ts';
import { LocalInstance } from './instance.ts';

const SCHEME = 'local';
const SAYS_LOCAL = /(?:^|=)local:\/\//;

interface LocalIdentifier extends Identifier {
  readonly localPath: string;
  readonly name: string | undefined;
  /** Named by its path alone, without `local://`. */
  readonly plain: boolean;
  readonly options: LocalOptions;
}

/** A directory: `./dir`, `/dir`, `local://DIR`. */
export const source: Source = {
  schemes: [SCHEME],
  grammar: [
    {
      scheme: SCHEME,
      form: './DIR, ../DIR, /DIR, local://DIR',
      example: './app',
      summary:
        'directory, filtered by its ignore file; the key changes with names, content, modes and links, never with times',
    },
  ],
  attributes: LOCAL_ATTRIBUTES,

  identify(ref, attrs): LocalIdentifier {
    const path = pathOf(ref);
    const options = readLocalAttributes(attrs);
    const attributes = keptAttributes(options);
    const printed = `${ref.name === undefined ? '' : `${ref.name}=`}${SCHEME}://${path}`;
    return {
      scheme: SCHEME,
      attributes,
      localPath: resolve(path),
      name: ref.name,
      plain: !SAYS_LOCAL.test(ref.text),
      options,
      toString: () => printed,
      toJSON: () => ({ scheme: SCHEME, path, ...(ref.name === undefined ? {} : { name: ref.name }), attributes }),
    };
  },

  rebase: (ref, from, to) => rebasePath(pathOf(ref), from, to),

  resolve(id, env) {
    if (!isLocal(id)) throw new CtxsrcError('E_INTERNAL', `${id} is not an identifier of ${SCHEME}`);
    const { localPath: path, name, plain, options } = id;
    return new LocalInstance({ identifier: id, path, name, plain, options, env });
  },
};

/** The path without trailing slashes. */
function pathOf(ref: SchemeRef): string {
  if (ref.rest === '' || ref.rest.includes('\0')) {
    throw new CtxsrcError('E_REFERENCE', `${JSON.stringify(ref.text)} names no directory`, {
      hint: 'write local://DIR or ./PATH',
    });
  }
  return ref.rest.replace(/(?<=.)\/+$/, '');
}

function isLocal(id: Identifier): id is LocalIdentifier {
  return id.scheme === SCHEME && 'options' in id && 'localPath' in id;
}
