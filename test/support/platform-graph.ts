import type { PlatformGraph, Vertex } from '../../src/dockerfile/graph/types.ts';

/** A graph of these vertices for tests of steps, which look at nothing else of it. */
export function platformGraph(vertices: readonly Vertex[], result: PlatformGraph['result']): PlatformGraph {
  return {
    platform: '',
    vertices,
    result,
    reachable: [],
    imageConfig: {},
    requests: [],
    context: undefined,
    takesContextTime: false,
    unkeyed: [],
  };
}
