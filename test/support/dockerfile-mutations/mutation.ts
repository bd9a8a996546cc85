/** A mistake put into `src/dockerfile`, and the case of the vectors that notices it. */
import type { Mutation } from '../bundle.ts';

export interface DockerfileMutation extends Mutation {
  readonly what: string;
  /** Of a pair one side: `NAME.a` or `NAME.b`. */
  readonly vector: string;
}

type Mistake = readonly [what: string, vector: string, from: string, to: string];

/** @param file below `src/dockerfile` */
export function mistakes(file: string, list: readonly Mistake[]): DockerfileMutation[] {
  return list.map(([what, vector, from, to]) => ({ what, vector, file: `src/dockerfile/${file}`, from, to }));
}
