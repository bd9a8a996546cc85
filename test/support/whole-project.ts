/**
 * Whole projects as data: files, images, downloads and repositories, the words of the build line, and changes to them.
 * `test/build/projects/README.md` describes the form.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ProjectImage } from './project-image.ts';

type ProjectFile = string | { readonly text?: string; readonly mode?: number; readonly link?: string };

/** Everything that a build may see. */
export interface ProjectState {
  readonly files: Readonly<Record<string, ProjectFile | null>>;
  /** Words of the build line, one context last. */
  readonly args: string;
  readonly env: Readonly<Record<string, string>>;
  readonly images: Readonly<Record<string, ProjectImage>>;
  /** Images in layouts among the files, by `PATH:TAG`. */
  readonly layouts: Readonly<Record<string, ProjectImage>>;
  /** Texts by path below `{web}`. */
  readonly web: Readonly<Record<string, string>>;
  /** Of each repository below `{git}` the files of its commits, oldest first. */
  readonly git: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;
}

export interface ProjectChange extends Partial<ProjectState> {
  /** Of files, text that is there once and what it becomes. */
  readonly edit?: Readonly<Record<string, readonly [from: string, to: string]>>;
  /** Why the key changes although nothing has to be built; docs/build.md lists it. */
  readonly needless?: string;
  /** Why the key stays although something has to be built; docs/build.md lists it. */
  readonly unseen?: string;
}

export interface Project {
  readonly name: string;
  readonly what: string;
  readonly state: ProjectState;
  readonly changes: Readonly<Record<string, ProjectChange>>;
}

export const PROJECTS_DIR: string = join(import.meta.dirname, '..', 'build', 'projects');

export function readProjects(): Project[] {
  const names = readdirSync(PROJECTS_DIR).filter((name) => name.endsWith('.yaml'));
  return names.sort().map((name) => {
    const text = readFileSync(join(PROJECTS_DIR, name), 'utf8');
    const { what, changes, ...state } = parse(text) as Partial<ProjectState> & Pick<Project, 'what' | 'changes'>;
    return { name: name.replace('.yaml', ''), what, changes, state: { ...EMPTY, ...state } };
  });
}

const EMPTY: ProjectState = { files: {}, args: '.', env: {}, images: {}, layouts: {}, web: {}, git: {} };

/** The state after a change: members are merged, a file that is null is gone. */
export function changed(
  state: ProjectState,
  { edit = {}, needless: _, unseen: __, ...change }: ProjectChange,
): ProjectState {
  const edited = Object.entries(edit).map(([path, [from, to]]) => {
    const file = state.files[path];
    const text = typeof file === 'string' ? file : (file?.text ?? '');
    if (text.split(from).length !== 2) throw new Error(`${path} has not once: ${from}`);
    const after = text.replace(from, () => to);
    return [path, typeof file === 'string' ? after : { ...file, text: after }];
  });
  return {
    files: { ...state.files, ...Object.fromEntries(edited), ...change.files },
    args: change.args ?? state.args,
    env: { ...state.env, ...change.env },
    images: changedImages(state.images, change.images),
    layouts: changedImages(state.layouts, change.layouts),
    web: { ...state.web, ...change.web },
    git: { ...state.git, ...change.git },
  };
}

function changedImages(before: ProjectState['images'], change: ProjectState['images'] = {}): ProjectState['images'] {
  const images = Object.entries(change).map(([name, image]) => [name, { ...before[name], ...image }]);
  return { ...before, ...Object.fromEntries(images) };
}
