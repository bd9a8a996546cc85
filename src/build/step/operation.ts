/** The members of BuildKit's operations that its cache keys treat in a way of their own. Types only. */

/** Who owns what is made: an ID, or a name that is looked up in the files of an input. */
export interface Owner {
  readonly user?: NamedOwner;
  readonly group?: NamedOwner;
}

interface NamedOwner {
  readonly User: { readonly byName?: { readonly name: string; readonly input?: number } };
}

interface CopyAction {
  readonly src: string;
  readonly owner?: Owner;
  readonly allowWildcard?: boolean;
  readonly followSymlink?: boolean;
  readonly include_patterns?: readonly string[];
  readonly exclude_patterns?: readonly string[];
  readonly required_paths?: readonly string[];
}

export interface FileAction {
  /** The input, or behind the inputs the result of an action, that is written to; -1: an empty directory. */
  readonly input: number;
  /** What a copy takes its files from. */
  readonly secondaryInput: number;
  readonly Action: {
    readonly copy?: CopyAction;
    readonly mkdir?: { readonly owner?: Owner };
    readonly mkfile?: { readonly owner?: Owner };
  };
}

export interface FileOperation {
  readonly actions: readonly FileAction[];
}

/** Absent numbers are 0, as in Go's JSON. */
export interface ExecMount {
  readonly dest: string;
  /** -1: an empty directory. */
  readonly input?: number;
  readonly selector?: string;
  /** In numbers of the protocol; absent: bind. */
  readonly mountType?: number;
  readonly cacheOpt?: { readonly ID?: string; readonly sharing?: number };
}

export interface ExecOperation {
  readonly meta: {
    readonly proxy_env?: unknown;
    readonly extraHosts?: readonly { readonly Host?: string; readonly IP?: string }[];
  };
  readonly mounts: readonly ExecMount[];
}
