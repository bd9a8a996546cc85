/** From the operations of a result to the list of vertices: each operation once, after those that it is made of. */
import { sha256 } from '../../core/digest.ts';
import type { Slices } from '../../fs/walk/slices.ts';
import type { Operation, Output } from './operation.ts';
import { PlaceList } from './place-list.ts';
import type { PlatformGraph, Vertex } from './types.ts';

type Definition = Pick<PlatformGraph, 'vertices' | 'result'>;
type Input = Vertex['inputs'][number];

/** The content of an operation up to this length stands for itself: that is quicker than to hash it. */
const SMALL = 1024;

/** Operations with the same content are one vertex, as their digest is one. It has the places of all of them. */
export async function writeDefinition(result: Output | undefined, slices: Slices): Promise<Definition> {
  if (result === undefined) return { vertices: [], result: undefined };
  const vertices: Vertex[] = [];
  const places: PlaceList[] = [];
  const positions = new Map<Operation, number>();
  const byContent = new Map<string, number>();

  const inputOf = ({ operation, index }: Output): Input => ({ vertex: positions.get(operation)!, output: index });

  const write = (operation: Operation): void => {
    const inputs: Input[] = [];
    const known = new Map<string, number>();
    const positionOf = (wanted: Input): number => {
      const name = `${wanted.vertex} ${wanted.output}`;
      const position = known.get(name) ?? inputs.push(wanted) - 1;
      known.set(name, position);
      return position;
    };
    const described = operation.describe((output) => (output === undefined ? -1 : positionOf(inputOf(output))));
    const { kind, platform } = operation;
    const vertex = { kind, ...(platform === undefined ? {} : { platform }), inputs, ...described };
    const text = JSON.stringify(vertex);
    const content = text.length < SMALL ? text : sha256(text);
    let position = byContent.get(content);
    if (position === undefined) {
      const own = new PlaceList();
      places.push(own);
      position = vertices.push({ ...vertex, places: own.list }) - 1;
      byContent.set(content, position);
    }
    positions.set(operation, position);
    places[position]!.add(operation.places);
  };

  for (const operation of inOrder(result.operation)) {
    write(operation);
    if (slices.over) await slices.pause();
  }
  return { vertices, result: inputOf(result) };
}

/** Every operation once, after all that it is made of. Without recursion: a chain may be as long as a Dockerfile. */
function inOrder(last: Operation): Operation[] {
  const ordered = new Set<Operation>();
  const way = [{ operation: last, next: 0 }];
  for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
    const source = top.operation.sources[top.next];
    if (top.next === top.operation.sources.length) {
      ordered.add(top.operation);
      way.pop();
    } else if (source !== undefined && !ordered.has(source.operation)) {
      way.push({ operation: source.operation, next: 0 });
    }
    top.next += 1;
  }
  return [...ordered];
}
