/** Which files of its inputs an operation takes: BuildKit compares such inputs by these files alone. */
import { joinPath } from '../../core/go/path.ts';
import type { Vertex } from '../../dockerfile/graph/types.ts';
import type { ExecOperation, FileOperation, Owner } from './operation.ts';

/** Files of one input: a path, or a pattern, and filters below it. */
export interface Selection {
  /** Absolute in the input, cleaned. */
  readonly path: string;
  /** The path is a pattern. */
  readonly wildcard: boolean;
  /** A symbolic link at the end of the path stands for what it leads to. */
  readonly followLinks: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Paths that have to be there. */
  readonly required: readonly string[];
}

/** One input of an operation. */
export interface SelectedInput {
  readonly vertex: number;
  readonly output: number;
  /** The operation hands it on, or takes everything of it: then all its files count. */
  readonly whole: boolean;
  /** In the order in which the operation takes them. */
  readonly selections: readonly Selection[];
}

const PLAIN = { wildcard: false, include: [], exclude: [], required: [] };

/** Everything. */
export const ROOT: Selection = { ...PLAIN, path: '/', followLinks: true };

/** The inputs of an operation, each with the files that it takes. */
export function inputsOf(vertex: Vertex): SelectedInput[] {
  const written = new Set<number>();
  const selections = new Map<number, Selection[]>();
  const add = (input: number, selection: Selection): void => {
    const known = selections.get(input);
    if (known === undefined) selections.set(input, [selection]);
    else known.push(selection);
  };
  if (vertex.kind === 'exec') selectMounts(vertex.op as unknown as ExecOperation, add);
  if (vertex.kind === 'file') selectCopied(vertex.op as unknown as FileOperation, add, written);
  return vertex.inputs.map((input, index) => {
    const selected = selections.get(index) ?? [];
    return {
      ...input,
      whole: selected.length === 0 || written.has(index) || selected.some(takesAll),
      selections: selected,
    };
  });
}

type Add = (input: number, selection: Selection) => void;

function selectMounts({ mounts }: ExecOperation, add: Add): void {
  for (const { input = 0, selector = '', mountType = BIND } of mounts) {
    if (input < 0 || (mountType !== BIND && mountType !== CACHE)) continue;
    add(input, { ...PLAIN, path: joinPath('/', selector), followLinks: true });
  }
}

const BIND = 0;
const CACHE = 3;

function selectCopied({ actions }: FileOperation, add: Add, written: Set<number>): void {
  for (const { input, secondaryInput, Action: action } of actions) {
    // What is written to goes on as a whole.
    if (input >= 0) written.add(input);
    selectOwner((action.copy ?? action.mkdir ?? action.mkfile)?.owner, add);
    const { copy } = action;
    if (copy === undefined || secondaryInput < 0) continue;
    add(secondaryInput, {
      path: joinPath('/', copy.src),
      wildcard: copy.allowWildcard === true && hasWildcard(copy.src),
      followLinks: copy.followSymlink === true,
      include: copy.include_patterns ?? [],
      exclude: copy.exclude_patterns ?? [],
      required: copy.required_paths ?? [],
    });
  }
}

/** The names of users and groups are looked up in the files of an input. */
function selectOwner(owner: Owner | undefined, add: Add): void {
  const [user, group] = [owner?.user?.User.byName, owner?.group?.User.byName];
  if (user !== undefined) add(user.input ?? 0, { ...PLAIN, path: '/etc/passwd', followLinks: true });
  if (group !== undefined) add(group.input ?? 0, { ...PLAIN, path: '/etc/group', followLinks: true });
}

function hasWildcard(path: string): boolean {
  return /^(?:\\.|[^\\*?[])*[*?[]/s.test(path);
}

/** Nothing is left out. */
export function takesAll({ path, wildcard, include, exclude }: Selection): boolean {
  return path === '/' && !wildcard && include.length === 0 && exclude.length === 0;
}
