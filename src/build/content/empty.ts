/** The context of a build whose Dockerfile came in its place: buildx gives an empty directory for it. */
import { CtxsrcError } from '../../core/errors.ts';
import { printableBytes, textOfBytes } from '../../fs/byte-string.ts';
import { FRESH_ROOT_HEADER } from '../../fs/hash/header-digests.ts';
import { TreeHasher } from '../../fs/hash/tree-hasher.ts';
import { ContextContent } from './context.ts';

/** Nothing: every path of it but the root is missing. */
export function emptyContext(): ContextContent {
  const { digest, preimage } = new TreeHasher(FRESH_ROOT_HEADER).finish();
  const tree = { digest, preimage: textOfBytes(preimage), entries: 0, files: 0, bytes: 0, incomplete: [] };
  return new ContextContent('', { tree, rows: [] }, {}, (path) => {
    return new CtxsrcError(
      'E_PATH_NOT_FOUND',
      `there is no ${printableBytes(path.slice(1))}: the build context is empty`,
      {
        hint: 'to read the Dockerfile from standard input and the context from a directory: -f - DIR',
      },
    );
  });
}
