/** SOURCE_DATE_EPOCH: a number of seconds, or the name of a source whose time is taken. */
import { expand } from '../expand/expand.ts';
import type { AddInstruction, Dockerfile, Stage as WrittenStage } from '../parse/instruction.ts';
import { DockerfileProblem } from '../problem.ts';
import type { Build } from './build.ts';
import { OrderedVariables } from './environment.ts';
import { withPlace } from './failure.ts';
import { loadContext } from './named-contexts.ts';
import type { Output } from './operation.ts';
import { isRemote, RemoteSources } from './remote-sources.ts';
import type { Place } from './types.ts';

const NAME = 'SOURCE_DATE_EPOCH';

/** Finds the time, and puts it as a number where the name of a source stood; without a time the argument is not set. */
export async function resolveEpoch(build: Build, dockerfile: Dockerfile): Promise<void> {
  const value = build.buildArgs.get(NAME) ?? build.globals.get(NAME);
  if (value === undefined || (value === '' && !build.buildArgs.has(NAME))) return;
  build.takesContextTime = value === 'context';
  build.epoch = await secondsOf(value, build, dockerfile);
  for (const values of [build.buildArgs, build.globals]) {
    if (values.get(NAME) === undefined) continue;
    if (build.epoch === undefined) values.delete(NAME);
    else values.set(NAME, String(build.epoch));
  }
}

/** The years 0 to 9999, which is what a configuration can hold. */
const EARLIEST = -62_167_219_200;
const LATEST = 253_402_300_799;

async function secondsOf(value: string, build: Build, dockerfile: Dockerfile): Promise<number | undefined> {
  // A directory has no time.
  if (value === '' || value === 'context') return undefined;
  const place: Place = { line: 1, lines: { first: 1, last: 1 }, instruction: `${NAME}=${value}` };
  try {
    if (/^[+-]?[0-9]+$/.test(value)) {
      const seconds = Number(value);
      if (seconds >= EARLIEST && seconds <= LATEST) return seconds;
      throw new DockerfileProblem('this is no time of the years 0 to 9999', 'write seconds since 1970');
    }
    const source = await sourceNamed(value, build, dockerfile, place);
    return source === undefined ? undefined : await timeOfSource(source, build);
  } catch (error) {
    throw withPlace(error, build.options.fileName, place);
  }
}

async function sourceNamed(
  value: string,
  build: Build,
  dockerfile: Dockerfile,
  place: Place,
): Promise<Output | undefined> {
  const context = build.contexts.find(value, undefined);
  if (context !== undefined) return (await loadContext(context, new Set(), place, build)).files;
  const stage = dockerfile.stages.find(({ name }) => name !== '' && name === value.toLowerCase());
  if (stage !== undefined) return sourceOfStage(stage, build, place);
  throw new DockerfileProblem(
    `${NAME} is neither a number nor the name of a source: ${value}`,
    'write seconds since 1970, context, a named context, or a stage FROM scratch with one ADD of a URL',
  );
}

/** A stage that is nothing but one remote ADD gives the time of what it fetches. */
function sourceOfStage(stage: WrittenStage, build: Build, place: Place): Output {
  const environment = new OrderedVariables(build.globals);
  environment.delete(NAME);
  const expanded = (word: string) => expand(word, (name) => environment.get(name), build.escape);
  const only = new DockerfileProblem(
    `the stage ${stage.name} is more than one source`,
    'write FROM scratch AS NAME and one ADD of a URL',
  );
  if (expanded(stage.base) !== 'scratch') throw only;
  let source: Output | undefined;
  for (const instruction of stage.instructions) {
    if (instruction.kind === 'ARG') {
      for (const { name, value } of instruction.args) {
        const given = build.buildArgs.get(name) ?? (value === undefined ? undefined : expanded(value));
        if (given !== undefined) environment.set(name, given);
      }
    } else if (instruction.kind === 'ADD' && source === undefined) {
      source = remoteSource(instruction, expanded, place) ?? source;
      if (source === undefined) throw only;
    } else throw only;
  }
  if (source === undefined) throw only;
  return source;
}

function remoteSource(
  instruction: AddInstruction,
  expanded: (word: string) => string,
  place: Place,
): Output | undefined {
  const [source, ...others] = instruction.sources.map(expanded);
  if (source === undefined || others.length > 0 || instruction.documents.length > 0 || !isRemote(source))
    return undefined;
  const values = { sources: [source], checksum: expanded(instruction.checksum) };
  return new RemoteSources(instruction, values, place).fetch(source).files;
}

/** Of images and directories there is none. */
async function timeOfSource({ operation }: Output, { resolver }: Build): Promise<number | undefined> {
  const { op, attrs = {} } = operation.describe(() => -1);
  const identifier = String(op.identifier);
  if (!/^(?:git|https?):\/\//.test(identifier)) return undefined;
  return resolver.sourceTime(identifier, attrs);
}
