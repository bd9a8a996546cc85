/** The steps of a build in an order of their own, each described by digests: what the key of a build is made of. */
import { type Digest, sha256 } from '../../core/digest.ts';
import { allOrFirstFailure } from '../../core/side-by-side.ts';
import { stableJson } from '../../core/stable-json.ts';
import type { Place, PlatformGraph, Vertex } from '../../dockerfile/graph/types.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { operationDigest } from './cache-view.ts';
import { inputsOf, ROOT, type SelectedInput, type Selection, takesAll } from './selection.ts';

/** What stands for the files that an operation takes of a source. */
export interface SourceKey {
  readonly key: string;
  /** The key is made of the selected files alone, wherever they lie: their paths do not count beside it. */
  readonly ofFiles: boolean;
}

/** Called for each operation that takes files of a source, all side by side; `places` are those of the operation. */
export type KeyOfSource = (
  source: Vertex,
  selections: readonly Selection[],
  places: readonly Place[],
) => Promise<SourceKey>;

/** An operation as no cache key tells it from another, and where its files come from. */
interface Step {
  readonly operation: Digest;
  readonly inputs: readonly StepInput[];
}

/** Files of an earlier step, by its position, or of a source, by its key. Absent members have no meaning there. */
interface StepInput {
  readonly step?: number;
  readonly output?: number;
  readonly source?: string;
  /** Digest of the paths that are taken, unless everything is. */
  readonly paths?: Digest;
}

export interface Steps {
  readonly steps: readonly Step[];
  /** For each step the vertices that it stands for: equal operations are one step. */
  readonly vertices: readonly (readonly Vertex[])[];
  /** Where the files of the result come from; undefined: there are none. */
  readonly result: StepInput | undefined;
}

/**
 * The steps that the result of a graph needs, each after its inputs and each once. Neither names, nor the order in which
 * stages were written, nor what the result does not need, changes them.
 * @throws what `keyOf` throws; the reason of the signal
 */
export async function stepsOf(
  { vertices, result }: PlatformGraph,
  keyOf: KeyOfSource,
  signal?: AbortSignal,
): Promise<Steps> {
  if (result === undefined) return { steps: [], vertices: [], result: undefined };
  const order = postOrder(vertices, result.vertex).filter((index) => vertices[index]!.kind !== 'source');
  const inputs = new Map(order.map((index) => [index, inputsOf(vertices[index]!)]));
  const last: SelectedInput = { ...result, whole: true, selections: [] };
  const keys = await keysOf(vertices, [...inputs, [undefined, [last]] as const], keyOf);

  const steps: Step[] = [];
  const stepVertices: Vertex[][] = [];
  const known = new Map<string, number>();
  const positions = new Map<number, number>();
  const describe = (input: SelectedInput): StepInput => {
    const source = keys.get(input);
    const namesPaths = input.selections.some((selection) => !takesAll(selection));
    return {
      ...(source === undefined ? { step: positions.get(input.vertex)!, output: input.output } : { source: source.key }),
      ...(namesPaths && (input.whole || source?.ofFiles !== true)
        ? { paths: sha256(stableJson(input.selections)) }
        : {}),
    };
  };
  const slices = new Slices(signal, () => undefined);
  for (const index of order) {
    if (slices.over) await slices.pause();
    const step = { operation: operationDigest(vertices[index]!), inputs: inputs.get(index)!.map(describe) };
    // The members stand in one order, as they are written here.
    const text = JSON.stringify(step);
    let position = known.get(text);
    if (position === undefined) {
      position = steps.push(step) - 1;
      stepVertices.push([]);
      known.set(text, position);
    }
    positions.set(index, position);
    stepVertices[position]!.push(vertices[index]!);
  }
  return { steps, vertices: stepVertices, result: describe(last) };
}

/** The vertices that one needs, inputs first, itself last. Without recursion: a long Dockerfile is a deep graph. */
function postOrder(vertices: readonly Vertex[], result: number): number[] {
  const order = new Set<number>();
  const way = [{ index: result, next: 0 }];
  for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
    const input = vertices[top.index]!.inputs[top.next];
    top.next += 1;
    if (input === undefined) order.add(way.pop()!.index);
    else if (!order.has(input.vertex)) way.push({ index: input.vertex, next: 0 });
  }
  return [...order];
}

async function keysOf(
  vertices: readonly Vertex[],
  users: readonly (readonly [user: number | undefined, inputs: readonly SelectedInput[]])[],
  keyOf: KeyOfSource,
): Promise<Map<SelectedInput, SourceKey>> {
  const taken = users.flatMap(([user, inputs]) =>
    inputs
      .filter(({ vertex }) => vertices[vertex]!.kind === 'source')
      .map(async (input) => {
        const source = vertices[input.vertex]!;
        const { places } = user === undefined ? source : vertices[user]!;
        return [input, await keyOf(source, input.whole ? [ROOT] : input.selections, places)] as const;
      }),
  );
  return new Map(await allOrFirstFailure(taken));
}
