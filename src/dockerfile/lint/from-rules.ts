/** BuildKit's rules about FROM lines and the arguments in them. */
import { parsePlatform } from '../../core/platform.ts';
import { shortened } from '../../core/printable.ts';
import { parseNormalizedReference } from '../../oci/reference.ts';
import { expand } from '../expand/expand.ts';
import { addGlobalArguments, platformArguments } from '../graph/arguments.ts';
import type { OrderedVariables } from '../graph/environment.ts';
import type { Dockerfile, Stage } from '../parse/instruction.ts';
import { attempt } from './attempt.ts';
import type { LintFacts } from './finding.ts';
import type { Report } from './report.ts';

/** The arguments that FROM lines see. */
export function globalArguments(
  dockerfile: Dockerfile,
  facts: LintFacts,
  buildArgs = facts.options.buildArgs,
): OrderedVariables {
  const { options, graph } = facts;
  const globals = platformArguments(
    parsePlatform(options.buildPlatform),
    parsePlatform(graph.platform),
    options.target ?? dockerfile.stages.at(-1)!.name,
    options.buildArgs,
  );
  addGlobalArguments(globals, dockerfile, buildArgs, options.fileName);
  return globals;
}

export function checkFrom(dockerfile: Dockerfile, facts: LintFacts, report: Report): void {
  const globals = globalArguments(dockerfile, facts);
  const declared = new Set(globals.names());
  for (const { args } of dockerfile.globalArgs) for (const { name } of args) declared.add(name);
  for (const stage of dockerfile.stages) {
    for (const word of [stage.base, stage.platform]) {
      for (const name of expandRecorded(word, globals, dockerfile).unset) {
        if (declared.has(name)) continue;
        report.buildkit('UndefinedArgInFrom', stage, `no ARG above the first FROM declares ${shortened(name)}`);
      }
    }
    if (stage.platform !== '') checkPlatform(stage, globals, dockerfile, report);
  }
  checkDefaults(dockerfile, facts, report);
}

function checkPlatform(stage: Stage, globals: OrderedVariables, dockerfile: Dockerfile, report: Report): void {
  const { text, set, unset } = expandRecorded(stage.platform, globals, dockerfile);
  if (unset.size > 0 || text === undefined) return;
  if (set.size === 1 && set.has('TARGETPLATFORM') && text === globals.get('TARGETPLATFORM')) {
    report.buildkit('RedundantTargetPlatform', stage, `--platform=${stage.platform} says what holds without it`);
  }
  if (set.size > 0) return;
  const platform = attempt(() => parsePlatform(text));
  if (platform === undefined || stage.name.includes(platform.os) || stage.name.includes(platform.architecture)) return;
  report.buildkit(
    'FromPlatformFlagConstDisallowed',
    stage,
    `--platform=${shortened(text)} fixes the platform of the stage`,
  );
}

/** Whether the bases are valid when no build argument is given. */
function checkDefaults(dockerfile: Dockerfile, facts: LintFacts, report: Report): void {
  const defaults = attempt(() => globalArguments(dockerfile, facts, new Map()));
  if (defaults === undefined) return;
  for (const stage of dockerfile.stages) {
    const { text } = expandRecorded(stage.base, defaults, dockerfile);
    if (text === undefined) return;
    if (attempt(() => parseNormalizedReference(text)) !== undefined) continue;
    report.buildkit(
      'InvalidDefaultArgInFrom',
      // The comments above FROM do not silence it in BuildKit.
      { lines: stage.lines },
      `without build arguments the base ${shortened(stage.base)} is no image name`,
    );
  }
}

interface Expanded {
  /** Undefined when the word has a fault. */
  readonly text: string | undefined;
  readonly set: ReadonlySet<string>;
  readonly unset: ReadonlySet<string>;
}

/** Expands a word and notes which variables it asked for. */
function expandRecorded(word: string, variables: OrderedVariables, dockerfile: Dockerfile): Expanded {
  const set = new Set<string>();
  const unset = new Set<string>();
  const text = attempt(() =>
    expand(
      word,
      (name) => {
        const value = variables.get(name);
        (value === undefined ? unset : set).add(name);
        return value;
      },
      dockerfile.escape,
    ),
  );
  return { text, set, unset };
}

/** Bases whose configuration names another platform than the one that was asked for. */
export function checkBasePlatforms(facts: LintFacts, report: Report): void {
  for (const request of facts.graph.requests) {
    // A base without layers is the empty directory, which is for every platform.
    const config = request.used ? facts.configOf(request) : undefined;
    if (typeof config?.os !== 'string' || typeof config.architecture !== 'string') continue;
    const asked = parsePlatform(request.platform);
    if (config.os === asked.os && config.architecture === asked.architecture) continue;
    const bases = request.places.filter(
      ({ instruction, onbuildOf }) => instruction === 'FROM' && onbuildOf === undefined,
    );
    for (const { lines } of bases) {
      const platform = shortened(`${config.os}/${config.architecture}`);
      report.buildkit(
        'InvalidBaseImagePlatform',
        { lines },
        `the base is for ${platform}, and ${request.platform} is built`,
      );
    }
  }
}
