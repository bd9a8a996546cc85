/** BuildKit's file operation: directories made, documents written, files copied, one action upon the other. */
import { bytesOf } from '../parse/text.ts';
import { type InputPosition, type Operation, type Output, present } from './operation.ts';
import type { Place } from './types.ts';

export interface User {
  readonly id?: number;
  readonly name?: string;
}

export interface Owner {
  readonly user?: User;
  readonly group?: User;
}

interface MakeDirectory {
  readonly kind: 'mkdir';
  readonly path: string;
  readonly mode: number;
  readonly parents: boolean;
  readonly owner?: Owner | undefined;
  /** Seconds since 1970. */
  readonly time?: number | undefined;
}

interface MakeFile {
  readonly kind: 'mkfile';
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** Members are named as in BuildKit's JSON, except where the description says more. */
export interface CopyFiles {
  readonly kind: 'copy';
  readonly from: Output | undefined;
  readonly src: string;
  readonly dest: string;
  readonly owner: Owner | undefined;
  /** A number, or the text of a symbolic mode. Undefined: modes stay. */
  readonly mode: number | string | undefined;
  readonly excludePatterns: readonly string[];
  readonly unpack: boolean;
  /** For files of a directory; undefined for a single file, a document or a repository. */
  readonly tree: { readonly includePatterns: readonly string[]; readonly requiredPaths: readonly string[] } | undefined;
}

type FileAction = MakeDirectory | MakeFile | CopyFiles;

const NANOSECONDS = 1_000_000_000;

/** The operation that does the actions in their order, the first one upon `base`. */
export function fileOperation(
  base: Output | undefined,
  actions: readonly FileAction[],
  places: readonly Place[],
): Output {
  const copied = actions.map((action) => (action.kind === 'copy' ? action.from : undefined));
  const operation: Operation = {
    kind: 'file',
    places,
    sources: [base, ...copied.reverse()],
    describe: (input) => ({ op: { actions: describeActions(base, actions, input) } }),
  };
  return { operation, index: 0 };
}

function describeActions(base: Output | undefined, actions: readonly FileAction[], input: InputPosition): unknown[] {
  const basePosition = input(base);
  const froms = actions.map((action) => (action.kind === 'copy' ? input(action.from) : -1));
  // Behind the inputs the results of the actions are numbered.
  const inputs = froms.reduce((last, position) => Math.max(last, position), basePosition) + 1;
  return actions.map((action, index) => ({
    input: index === 0 ? basePosition : inputs + index - 1,
    secondaryInput: froms[index],
    output: index === actions.length - 1 ? 0 : -1,
    Action: { [action.kind]: describeAction(action, basePosition) },
  }));
}

function describeAction(action: FileAction, base: number): unknown {
  const timestamp = action.kind === 'mkdir' && action.time !== undefined ? action.time * NANOSECONDS : -1;
  switch (action.kind) {
    case 'mkdir':
      return present({
        path: action.path,
        mode: action.mode & 0o777,
        makeParents: action.parents,
        owner: describeOwner(action.owner, base),
        timestamp,
      });
    case 'mkfile':
      return present({
        path: action.path,
        mode: action.mode,
        data: Buffer.from(bytesOf(action.text)).toString('base64'),
        timestamp,
      });
    case 'copy': {
      const tree = action.tree !== undefined;
      return present({
        src: action.src,
        dest: action.dest,
        owner: describeOwner(action.owner, base),
        mode: typeof action.mode === 'string' ? 0 : (action.mode ?? -1),
        followSymlink: tree,
        dirCopyContents: tree,
        attemptUnpackDockerCompatibility: action.unpack,
        createDestPath: true,
        allowWildcard: tree,
        allowEmptyWildcard: tree,
        timestamp,
        include_patterns: action.tree?.includePatterns,
        exclude_patterns: action.excludePatterns,
        modeStr: typeof action.mode === 'string' ? action.mode : undefined,
        required_paths: action.tree?.requiredPaths,
      });
    }
  }
}

function describeOwner(owner: Owner | undefined, base: number): unknown {
  return owner === undefined
    ? undefined
    : present({ user: describeUser(owner.user, base), group: describeUser(owner.group, base) });
}

function describeUser(user: User | undefined, base: number): unknown {
  if (user === undefined) return undefined;
  // A name is looked up in the files that the action is done upon.
  return {
    User: user.name === undefined ? present({ byId: user.id }) : { byName: present({ name: user.name, input: base }) },
  };
}
