/** What the build behind a key is made of, and what is doubtful in it: few keys are asked for that, so it is loaded then. */
import { allOrFirstFailure } from '../core/side-by-side.ts';
import type { BuildListing } from './answer.ts';
import { findingsOf } from './findings.ts';
import { listInputs, listUnkeyed } from './list-inputs.ts';
import type { OpenBuild } from './open-build.ts';

/** @param file name of the Dockerfile */
export async function listBuild({ read, main, graph, keys }: OpenBuild, file: string): Promise<BuildListing> {
  const [inputs, findings] = await allOrFirstFailure([
    listInputs(graph, file, keys),
    read === undefined ? [] : findingsOf(read, main, keys),
  ] as const);
  return { inputs, unkeyed: listUnkeyed(graph, file), findings };
}
