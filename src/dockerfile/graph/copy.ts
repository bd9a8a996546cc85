/** COPY and ADD: one file operation with a copy for each source, in the order in which they are written. */
import { cleanPath, joinPath } from '../../core/go/path.ts';
import { expandDocument } from '../expand/expand.ts';
import type { AddInstruction, CopyInstruction, Heredoc } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { type CopyFiles, fileOperation } from './file-operation.ts';
import { addHistory } from './history.ts';
import { mergeOperation } from './merge-operation.ts';
import { parseMode } from './mode.ts';
import type { Output } from './operation.ts';
import { parseOwner } from './owner.ts';
import { absolutePath, keepEnd, withoutDrive } from './paths.ts';
import { isRemote, RemoteSources } from './remote-sources.ts';
import type { Stage, Step } from './stages.ts';
import type { Place } from './types.ts';

type Transfer = CopyInstruction | AddInstruction;

/** The instruction with its variables replaced. */
interface Expanded {
  readonly sources: readonly string[];
  readonly documents: readonly Heredoc[];
  readonly destination: string;
  readonly chown: string;
  readonly chmod: string;
  readonly checksum: string;
}

/** @throws DockerfileProblem */
export function copyFiles(stage: Stage, build: Build, instruction: Transfer, { froms, place }: Step): void {
  const expanded = expandTransfer(stage, build, instruction);
  const from = froms[0];
  if (from !== undefined && !from.done) {
    throw new DockerfileProblem(
      `the stage ${from.shownName} stands below ${stage.shownName}, which copies from it`,
      `move the stage ${from.shownName} up`,
    );
  }
  const actions = copyActions(stage, instruction, expanded, from === undefined ? build.context : from.files, place);
  if (instruction.link && expanded.chmod === '') {
    stage.files = mergeOperation([stage.files, fileOperation(undefined, actions, [place])], [place]);
  } else {
    stage.files = fileOperation(stage.files, actions, [place]);
  }
  addHistory(stage, build, historyText(instruction, expanded), 'layer');
  for (const source of expanded.sources) {
    const path = joinPath('/', source);
    if (from !== undefined) from.paths.add(path);
    // BuildKit takes only these for no path: a repository by ssh is noted as one.
    else if (instruction.kind === 'COPY' || !/^https?:\/\//.test(source)) build.useContext(path, place);
  }
}

function expandTransfer(stage: Stage, build: Build, instruction: Transfer): Expanded {
  const expanded = build.expander(stage);
  return {
    chown: expanded(instruction.chown),
    chmod: expanded(instruction.chmod),
    checksum: instruction.kind === 'ADD' ? expanded(instruction.checksum) : '',
    sources: instruction.sources.map(expanded),
    destination: expanded(instruction.destination),
    documents: instruction.documents.map((document) => {
      if (!document.expand) return document;
      const text = expandDocument(document.text, (name) => stage.environment.get(name));
      build.hold(0, text.length);
      return { ...document, text };
    }),
  };
}

function copyActions(
  stage: Stage,
  instruction: Transfer,
  expanded: Expanded,
  tree: Output | undefined,
  place: Place,
): CopyFiles[] {
  const common = {
    kind: 'copy' as const,
    dest: destinationPath(stage, expanded.destination),
    owner: expanded.chown === '' ? undefined : parseOwner(expanded.chown),
    mode: parseMode(expanded.chmod),
    excludePatterns: instruction.exclude,
  };
  const remote = new RemoteSources(instruction, expanded, place);
  const unpack = instruction.kind === 'ADD' ? instruction.unpack : undefined;
  const copies = expanded.sources.map((source): CopyFiles => {
    if (isRemote(source)) {
      const { files, path, isFile } = remote.fetch(source);
      return { ...common, from: files, src: path, unpack: isFile && unpack === true, tree: undefined };
    }
    const parents = instruction.kind === 'COPY' && instruction.parents;
    const { src, ...patterns } = parents ? parentsOf(source, stage.os) : plainSource(source, stage.os);
    return { ...common, from: tree, src, unpack: unpack ?? instruction.kind === 'ADD', tree: patterns };
  });
  const documents = expanded.documents.map((document): CopyFiles => {
    const name = withoutDrive(document.name, stage.os);
    const file = { kind: 'mkfile' as const, path: joinPath('/', name), mode: 0o644, text: document.text };
    const from = fileOperation(undefined, [file], []);
    return { ...common, from, src: joinPath('/', name), unpack: false, tree: undefined };
  });
  return [...copies, ...documents];
}

/** Absolute, with a final `/` or `/.` kept: it says that the destination is a directory. */
function destinationPath(stage: Stage, written: string): string {
  const path = withoutDrive(written, stage.os, true);
  const relative = path === '.' || path === '' ? './' : path;
  const absolute = absolutePath(stage.workingDirectory, relative, stage.os, true);
  return keepEnd(cleanPath(absolute), absolute);
}

interface TreeSource {
  readonly src: string;
  readonly includePatterns: readonly string[];
  readonly requiredPaths: readonly string[];
}

function plainSource(source: string, os: string): TreeSource {
  return { src: cleanPath(absolutePath('/', source, os)), includePatterns: [], requiredPaths: [] };
}

/** With `--parents` the part behind `/./`, or all of it, is a pattern below the source. */
function parentsOf(source: string, os: string): TreeSource {
  const pivot = source.indexOf('/./');
  const root = pivot < 0 ? '/' : source.slice(0, pivot);
  const pattern = absolutePath('/', pivot < 0 ? source : source.slice(pivot + '/./'.length), os);
  const exact = !hasWildcard(root) && !hasWildcard(pattern);
  return {
    src: plainSource(root, os).src,
    includePatterns: [pattern.replace(/^\//, '')],
    requiredPaths: exact ? [absolutePath('/', joinPath(root, pattern), os)] : [],
  };
}

function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\./gs, ''));
}

function historyText(instruction: Transfer, expanded: Expanded): string {
  const words = [
    instruction.kind,
    instruction.kind === 'COPY' && instruction.parents ? '--parents' : '',
    expanded.chown === '' ? '' : `--chown=${expanded.chown}`,
    expanded.chmod === '' ? '' : `--chmod=${expanded.chmod}`,
  ].filter((word) => word !== '');
  const documents = expanded.documents.map(({ name }) => `<<${name}`);
  return [...words, ...expanded.sources, ...documents, expanded.destination, '# buildkit'].join(' ');
}
