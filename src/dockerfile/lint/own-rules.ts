/** Our rules: what makes a key worthless or a build unrepeatable, and BuildKit does not warn of. */
import { cleanPath, joinPath } from '../../core/go/path.ts';
import { listed, shortened } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { PatternMatcher } from '../../fs/match/patterns.ts';
import type { OrderedVariables } from '../graph/environment.ts';
import type { Place } from '../graph/types.ts';
import type { Dockerfile, Instruction, Lines } from '../parse/instruction.ts';
import { parseMount } from '../parse/mount.ts';
import { attempt } from './attempt.ts';
import type { LintFacts } from './finding.ts';
import { isRemote } from './instruction-rules.ts';
import type { Report } from './report.ts';
import type { Visit } from './stage-walk.ts';

export class OwnRules {
  readonly #dockerfile: Dockerfile;
  readonly #facts: LintFacts;
  readonly #report: Report;
  readonly #ignoresGit: boolean;
  #comments: ReadonlyMap<number, readonly string[]> | undefined;

  constructor(dockerfile: Dockerfile, facts: LintFacts, report: Report) {
    this.#dockerfile = dockerfile;
    this.#facts = facts;
    this.#report = report;
    this.#ignoresGit = new PatternMatcher(facts.options.contextExcludes).matchesOrParentMatches('.git');
  }

  /** What the graph shows, and no single instruction. */
  checkBuild(globals: OrderedVariables): void {
    this.#checkImages();
    this.#checkDownloads();
    this.#checkBuildArguments(globals);
    this.#checkStages();
  }

  check({ instruction, expanded }: Visit): void {
    if (instruction.kind === 'LABEL') this.#checkLabels(instruction);
    for (const path of contextPaths(instruction, expanded)) this.#checkContextPath(instruction, path);
  }

  #checkImages(): void {
    for (const { ref, places } of this.#facts.graph.requests) {
      // A layout is named by its digest, too.
      if (ref.includes('@')) continue;
      const untagged = /:latest$/.test(ref);
      for (const place of places) {
        if (untagged)
          this.#report.own('ImageWithoutTag', this.#spot(place), `${shortened(ref)} is whatever was pushed last`);
        else
          this.#report.own(
            'ImageWithoutDigest',
            this.#spot(place),
            `${shortened(ref)} can be pushed anew: ctxsrc lock --from pins it`,
          );
      }
    }
  }

  #checkDownloads(): void {
    for (const { op, attrs = {}, places } of this.#facts.graph.vertices) {
      const identifier = typeof op.identifier === 'string' ? op.identifier : '';
      for (const place of places.filter((each) => each.instruction === 'ADD')) {
        if (isRemote(identifier) && attrs['http.checksum'] === undefined) {
          this.#report.own(
            'AddWithoutChecksum',
            this.#spot(place),
            `${shortened(shownReference(identifier))} can change: write ADD --checksum=sha256:…`,
          );
        }
        if (
          /^git:/.test(identifier) &&
          attrs['git.checksum'] === undefined &&
          !/#(?:[0-9a-f]{40}|[0-9a-f]{64})(?::|$)/.test(identifier)
        ) {
          this.#report.own(
            'AddWithoutCommit',
            this.#spot(place),
            `${shortened(shownReference(identifier))} can move: name a commit, or write ADD --checksum=COMMIT`,
          );
        }
      }
    }
  }

  /** Build arguments that reach nothing, because nobody declares them. */
  #checkBuildArguments(globals: OrderedVariables): void {
    const declared = new Set(globals.names());
    for (const stage of this.#dockerfile.stages) {
      for (const each of stage.instructions)
        if (each.kind === 'ARG') for (const { name } of each.args) declared.add(name);
    }
    const useless = [...this.#facts.options.buildArgs.keys()].filter(
      (name) => !declared.has(name) && !PREDEFINED.test(name),
    );
    if (useless.length > 0) this.#report.own('UndeclaredBuildArg', undefined, `no ARG declares ${listed(useless)}`);
  }

  /** Without a target, a stage that is not needed is most likely a mistake. */
  #checkStages(): void {
    if (this.#facts.options.target !== undefined) return;
    const reachable = new Set(this.#facts.graph.reachable);
    for (const [index, stage] of this.#dockerfile.stages.entries()) {
      if (reachable.has(index)) continue;
      this.#report.own(
        'UnreachedStage',
        stage,
        `the result needs nothing of the stage ${stage.name === '' ? index : shortened(stage.name)}`,
      );
    }
  }

  #checkLabels(instruction: Instruction & { readonly kind: 'LABEL' }): void {
    for (const { name, value } of instruction.pairs) {
      if (!TIME.test(name) && !TIME.test(variablesOf(value))) continue;
      this.#report.own('LabelWithTime', instruction, `the label ${shortened(name)} makes another image of every build`);
    }
  }

  #checkContextPath(instruction: Instruction, path: string): void {
    const { ignoreFile, hasGitDirectory } = this.#facts;
    if (path === '/' && ignoreFile === undefined) {
      this.#report.own(
        'ContextWithoutIgnoreFile',
        instruction,
        'the whole context counts, and there is no .dockerignore',
      );
    }
    const takesGit = path === '/' || path === '/.git' || path.startsWith('/.git/');
    if (takesGit && hasGitDirectory && !this.#ignoresGit) {
      this.#report.own(
        'GitDirectoryCopied',
        instruction,
        '.git is part of it, and differs in every clone: name it in .dockerignore',
      );
    }
  }

  #spot({ lines }: Place): { readonly lines: Lines; readonly comments: readonly string[] } {
    this.#comments ??= commentsByLine(this.#dockerfile);
    return { lines, comments: this.#comments.get(lines.first) ?? [] };
  }
}

/** The comments above what begins in a line. */
function commentsByLine({ stages }: Dockerfile): ReadonlyMap<number, readonly string[]> {
  const written = stages.flatMap((stage) => [stage, ...stage.instructions]);
  return new Map(written.map(({ lines, comments }) => [lines.first, comments]));
}

/** Arguments that BuildKit knows without a declaration. */
const PREDEFINED = /^(?:(?:https?|ftp|no|all)_proxy|BUILDKIT_.*|SOURCE_DATE_EPOCH)$/i;

const TIME = /(?:^|[._\-\s])(?:created|(?:build[._-]?)?(?:date|time|timestamp))(?:$|[._\-\s])|builddate|buildtime/i;

function variablesOf(value: string): string {
  return [...value.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name]) => name).join(' ');
}

/** The paths of the main context that an instruction takes, from `/`. */
function contextPaths(instruction: Instruction, expanded: Visit['expanded']): readonly string[] {
  if (instruction.kind === 'RUN') {
    return instruction.mounts.flatMap((value) => {
      const mount = attempt(() => parseMount(value, (word) => expanded(word) ?? word));
      return mount?.type === 'bind' && mount.from === '' ? [fromRoot(mount.source)] : [];
    });
  }
  const copies = instruction.kind === 'ADD' || (instruction.kind === 'COPY' && instruction.from === '');
  if (!copies) return [];
  return instruction.sources.flatMap((source) => {
    const path = expanded(source);
    return path === undefined || isRemote(path) ? [] : [fromRoot(path)];
  });
}

function fromRoot(path: string): string {
  return cleanPath(joinPath('/', path));
}
