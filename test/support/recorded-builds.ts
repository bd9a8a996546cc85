/** Answers of real builds of whole projects, kept for machines without BuildKit. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECTS_DIR } from './whole-project.ts';

export interface RecordedProject {
  /** What the provenance of the build lists: URI and digest. */
  readonly materials: readonly string[];
  /** Of each change what had to be run, and whether the image is another, its times and history aside. */
  readonly changes: Readonly<Record<string, { readonly ran: readonly string[]; readonly image: 'same' | 'other' }>>;
}

export const recordedFile: string = join(PROJECTS_DIR, 'recorded.json');

export function readRecorded(): Record<string, RecordedProject> {
  if (!existsSync(recordedFile)) return {};
  return JSON.parse(readFileSync(recordedFile, 'utf8')) as Record<string, RecordedProject>;
}
