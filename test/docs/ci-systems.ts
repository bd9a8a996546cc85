/** As much of GitHub Actions and of GitLab CI as the recipes of docs/ci.md need: their steps are run as the page prints them. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../support/cli.ts';
import { readGithubOutput } from '../support/github-output.ts';
import { tempDir } from '../support/temp.ts';
import type { Machine } from './machine.ts';

interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}

export interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
}

type Outputs = Readonly<Record<string, string>>;
type Scope = (path: string) => string | undefined;

export const action = parse(readFileSync(join(packageRoot, 'action.yml'), 'utf8')) as Action;

/** `${{ steps.ID.outputs.NAME }}` and `${{ inputs.NAME }}`. */
const filled = (text: string, scope: Scope): string =>
  text.replace(/\$\{\{ ([\w.-]+) \}\}/g, (_, path: string) => scope(path) ?? '');

/** A step that is a script, by the command that GitHub runs it by, and what it said as its outputs. */
async function runScript(
  machine: Machine,
  cwd: string,
  step: Step,
  scope: Scope,
  env: Outputs,
): Promise<{ outputs: Outputs; log: string }> {
  const file = join(tempDir('step'), 'output');
  writeFileSync(file, '');
  const options = step.shell === 'bash' ? ['--noprofile', '--norc', '-eo', 'pipefail'] : ['-e'];
  const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, filled(value, scope)]);
  const ran = await machine.bash(cwd, options, filled(step.run!, scope), {
    ...env,
    ...Object.fromEntries(own),
    GITHUB_OUTPUT: file,
  });
  if (ran.code !== 0) throw new Error(`exit ${ran.code}: ${ran.stdout}${ran.stderr}`);
  return { outputs: readGithubOutput(readFileSync(file, 'utf8')), log: ran.stdout + ran.stderr };
}

/** A use of this repository's action. `actionPath`: where GitHub has put the repository. */
export async function useAction(
  machine: Machine,
  cwd: string,
  given: Readonly<Record<string, unknown>>,
  actionPath: string = packageRoot,
): Promise<{ outputs: Outputs; log: string }> {
  const inputs = Object.fromEntries(
    Object.entries(action.inputs).map(([name, input]) => [name, String(given[name] ?? input.default ?? '')]),
  );
  const steps: Record<string, Outputs> = {};
  const scope: Scope = (path) => valueAt({ inputs, steps }, path);
  let log = '';
  for (const step of action.runs.steps) {
    const ran = await runScript(machine, cwd, step, scope, { GITHUB_ACTION_PATH: actionPath });
    log += ran.log;
    if (step.id !== undefined) steps[step.id] = ran.outputs;
  }
  const outputs = Object.entries(action.outputs).map(([name, { value }]) => [name, filled(value, scope)]);
  return { outputs: Object.fromEntries(outputs), log };
}

function valueAt(
  { inputs, steps }: { inputs: Outputs; steps: Readonly<Record<string, Outputs>> },
  path: string,
): string | undefined {
  const [first, second, third, fourth] = path.split('.');
  if (first === 'inputs') return inputs[second!];
  return first === 'steps' && third === 'outputs' ? steps[second!]?.[fourth!] : undefined;
}

/** Runs the only job of a workflow on the machine. */
export async function runWorkflow(machine: Machine, text: string, origin: string, umask: string): Promise<void> {
  const { jobs } = parse(text) as { jobs: Record<string, { steps: Step[] }> };
  const [job] = Object.values(jobs);
  const steps: Record<string, Outputs> = {};
  // Its variables are those of the machine.
  const scope: Scope = (path) =>
    path.startsWith('vars.') ? machine.env[path.slice('vars.'.length)] : valueAt({ inputs: {}, steps }, path);
  let cwd = machine.home;
  for (const step of job!.steps) {
    if (step.if !== undefined) {
      const [, path, value] = /^([\w.-]+) != '(\w*)'$/.exec(step.if)!;
      if (scope(path!) === value) continue;
    }
    const given = Object.entries(step.with ?? {}).map(([name, value]) => [name, filled(String(value), scope)]);
    let outputs: Outputs = {};
    if (step.uses?.startsWith('actions/checkout@')) {
      cwd = await machine.checkout(origin, umask);
    } else if (step.uses === 'OWNER/ctxsrc@COMMIT') {
      ({ outputs } = await useAction(machine, cwd, Object.fromEntries(given)));
    } else {
      ({ outputs } = await runScript(machine, cwd, step, scope, {}));
    }
    if (step.id !== undefined) steps[step.id] = outputs;
  }
}

interface GitlabJob {
  readonly script: readonly string[];
  readonly artifacts?: { readonly reports: { readonly dotenv: string } };
  readonly cache?: { readonly key: { readonly files: readonly string[] }; readonly paths: readonly string[] };
}

/** Runs all jobs, each in a checkout of its own; answers with the variables of their dotenv reports, and their logs. */
export async function runPipeline(
  machine: Machine,
  text: string,
  origin: string,
  umask: string,
  caches: string,
): Promise<{ variables: Outputs; logs: Outputs }> {
  let variables: Outputs = {};
  const logs: Record<string, string> = {};
  for (const [name, job] of Object.entries(parse(text) as Record<string, GitlabJob>)) {
    const cwd = await machine.checkout(origin, umask);
    const kept = join(caches, name);
    for (const path of job.cache?.paths ?? [])
      if (existsSync(join(kept, path)))
        cpSync(join(kept, path), join(cwd, path), { recursive: true, verbatimSymlinks: true });
    for (const file of job.cache?.key.files ?? []) readFileSync(join(cwd, file));
    const ran = await machine.bash(cwd, ['-eo', 'pipefail'], job.script.join('\n'), variables);
    if (ran.code !== 0) throw new Error(`${name}: exit ${ran.code}: ${ran.stdout}${ran.stderr}`);
    logs[name] = ran.stdout + ran.stderr;
    const report = job.artifacts?.reports.dotenv;
    if (report !== undefined) {
      const lines = readFileSync(join(cwd, report), 'utf8').trim().split('\n');
      variables = { ...variables, ...Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string])) };
    }
    for (const path of job.cache?.paths ?? []) {
      mkdirSync(dirname(join(kept, path)), { recursive: true });
      cpSync(join(cwd, path), join(kept, path), { recursive: true, verbatimSymlinks: true, force: true });
    }
  }
  return { variables, logs };
}
