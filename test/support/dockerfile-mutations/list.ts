import { EXPANSION_MUTATIONS } from './expansion.ts';
import { GRAPH_MUTATIONS } from './graph.ts';
import { LINT_MUTATIONS } from './lint.ts';
import type { DockerfileMutation } from './mutation.ts';
import { READING_MUTATIONS } from './reading.ts';
import { STEPS_MUTATIONS } from './steps.ts';

export const DOCKERFILE_MUTATIONS: readonly DockerfileMutation[] = [
  ...READING_MUTATIONS,
  ...EXPANSION_MUTATIONS,
  ...GRAPH_MUTATIONS,
  ...STEPS_MUTATIONS,
  ...LINT_MUTATIONS,
];
