/** BuildKit's rules about single instructions of the stages that are built. */

import { cleanPath } from '../../core/go/path.ts';
import { shortened } from '../../core/printable.ts';
import { bytesOfText } from '../../fs/byte-string.ts';
import { PatternMatcher } from '../../fs/match/patterns.ts';
import type { Dockerfile, Instruction, Stage } from '../parse/instruction.ts';
import { cutAtBlanks } from '../parse/text.ts';
import { quotedWords } from '../parse/words.ts';
import type { LintFacts } from './finding.ts';
import type { Report } from './report.ts';
import type { Visit } from './stage-walk.ts';

export class InstructionRules {
  readonly #dockerfile: Dockerfile;
  readonly #report: Report;
  readonly #ignored: PatternMatcher;
  /** CMD, ENTRYPOINT and HEALTHCHECK of the stage so far: only the last of each counts. */
  #last = new Map<string, Instruction>();
  #stage: Stage | undefined;

  constructor(dockerfile: Dockerfile, facts: LintFacts, report: Report) {
    this.#dockerfile = dockerfile;
    this.#report = report;
    this.#ignored = new PatternMatcher(facts.options.contextExcludes);
  }

  check(visit: Visit): void {
    const { instruction, state, unset, expanded } = visit;
    if (state.known) {
      for (const name of unset)
        this.#found('UndefinedVar', instruction, `nothing sets the variable $${shortened(name)}`);
    }
    switch (instruction.kind) {
      case 'ENV':
        this.#checkPairs(instruction);
        for (const { name } of instruction.pairs) this.#checkSecret(instruction, expanded(name) ?? name);
        return;
      case 'LABEL':
        this.#checkPairs(instruction);
        return;
      case 'ARG':
        for (const { name } of instruction.args) this.#checkSecret(instruction, name);
        return;
      case 'CMD':
      case 'ENTRYPOINT':
        this.#checkOnce(visit);
        if (instruction.command.shell && !state.hasShell) {
          this.#found(
            'JSONArgsRecommended',
            instruction,
            `${instruction.kind} in shell form passes no signals on: write a JSON array`,
          );
        }
        return;
      case 'HEALTHCHECK':
        this.#checkOnce(visit);
        return;
      case 'WORKDIR':
        if (!state.hasWorkdir && !(expanded(instruction.path) ?? '/').startsWith('/')) {
          this.#found('WorkdirRelativePath', instruction, 'the path is relative to what the base image says');
        }
        return;
      case 'EXPOSE':
        for (const port of instruction.ports) this.#checkPort(instruction, expanded(port) ?? '');
        return;
      case 'COPY':
      case 'ADD':
        if (instruction.kind === 'ADD' || instruction.from === '') {
          for (const source of instruction.sources) this.#checkIgnored(instruction, expanded(source) ?? '');
        }
    }
  }

  #found(rule: string, instruction: Instruction, message: string): void {
    this.#report.buildkit(rule, instruction, message);
  }

  /** `ENV NAME VALUE` instead of `ENV NAME=VALUE`. */
  #checkPairs(instruction: Instruction): void {
    const [, rest = ''] = cutAtBlanks(instruction.text);
    if (quotedWords(rest, this.#dockerfile.escape)[0]?.includes('=') !== false) return;
    this.#found('LegacyKeyValueFormat', instruction, `write ${instruction.kind} NAME=VALUE`);
  }

  #checkSecret(instruction: Instruction, name: string): void {
    if (!SECRET.test(name) || NO_SECRET.test(name)) return;
    this.#found(
      'SecretsUsedInArgOrEnv',
      instruction,
      `${shortened(name)} looks like a secret, and everyone can read it in the image`,
    );
  }

  /** BuildKit points at the one that does not count. */
  #checkOnce({ instruction, stage }: Visit): void {
    if (stage !== this.#stage) this.#last = new Map();
    this.#stage = stage;
    const earlier = this.#last.get(instruction.kind);
    if (earlier !== undefined) {
      this.#report.buildkit(
        'MultipleInstructionsDisallowed',
        { lines: earlier.lines, comments: instruction.comments },
        `another ${instruction.kind} of the stage takes the place of this one`,
      );
    }
    this.#last.set(instruction.kind, instruction);
  }

  #checkPort(instruction: Instruction, port: string): void {
    const parts = port.split(':');
    const [, protocol = ''] = parts.at(-1)!.split('/', 2);
    if (protocol !== protocol.toLowerCase()) {
      this.#found('ExposeProtoCasing', instruction, `the protocol of ${shortened(port)} is not in lower case`);
    }
    if (parts.slice(0, -1).some((part) => part !== '')) {
      this.#found('ExposeInvalidFormat', instruction, `${shortened(port)} names more than a port and a protocol`);
    }
  }

  #checkIgnored(instruction: Instruction, source: string): void {
    // With exceptions in the ignore file, BuildKit does not decide.
    if (this.#ignored.hasExceptions || isRemote(source)) return;
    const path = cleanPath(source);
    const isRoot = path === '.' || path === '/';
    if (isRoot && !this.#ignored.patterns.some(({ clean }) => ['*', '**', '**/*'].includes(clean))) return;
    if (!this.#ignored.matchesOrParentMatches(bytesOfText(path))) return;
    this.#found('CopyIgnoredFile', instruction, `the ignore file leaves ${shortened(path)} out`);
  }
}

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** Sources of ADD that are no path. */
export function isRemote(source: string): boolean {
  return /^https?:\/\//.test(source);
}
