/** As much of GitHub Actions and of GitLab CI as the recipes of docs/ci.md need: their steps are run as the page prints them. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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

const readAction = (file: string): Action => parse(readFileSync(join(packageRoot, file), 'utf8')) as Action;

/** The actions of this repository, by what stands behind its name in `uses`. */
export const actions: Readonly<Record<string, Action>> = {
  '': readAction('action.yml'),
  '/actions/snapshot': readAction('actions/snapshot/action.yml'),
  '/actions/lock': readAction('actions/lock/action.yml'),
};

/** The caches of a repository on GitHub: written once, found by their name or by its beginning, the newest first. */
export class GithubCaches {
  readonly #dir = tempDir('github-caches');
  readonly keys: string[] = [];
  readonly #toSave: { readonly key: string; readonly path: string }[] = [];

  restore({ key, path, 'restore-keys': prefix }: Outputs): void {
    if (!key || !path || !prefix) throw new Error('actions/cache needs a key, a path and a prefix');
    const found = this.keys.find((one) => one === key) ?? this.keys.findLast((one) => one.startsWith(prefix));
    if (found !== undefined) cpSync(join(this.#dir, found), path, { recursive: true });
    if (found !== key) this.#toSave.push({ key, path });
  }

  /** What the action does when the job has ended well. */
  endJob(): void {
    for (const { key, path } of this.#toSave.splice(0)) {
      cpSync(path, join(this.#dir, key), { recursive: true });
      this.keys.push(key);
    }
  }
}

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

export interface Use {
  /** Behind the repository's name. */
  readonly name?: string;
  /** Where GitHub has put the repository. */
  readonly root?: string;
  readonly caches?: GithubCaches;
}

/** A use of an action of this repository. What it wrote counts when it failed, too. */
export async function useAction(
  machine: Machine,
  cwd: string,
  given: Readonly<Record<string, unknown>>,
  { name = '', root = packageRoot, caches = new GithubCaches() }: Use = {},
): Promise<{ outputs: Outputs; log: string }> {
  const action = actions[name]!;
  const inputs = Object.fromEntries(
    Object.entries(action.inputs).map(([input, { default: value }]) => [input, String(given[input] ?? value ?? '')]),
  );
  const steps: Record<string, Outputs> = {};
  const scope: Scope = (path) => valueAt({ inputs, steps }, path);
  let log = '';
  for (const step of action.runs.steps) {
    if (step.uses !== undefined) {
      const [, path, value] = /^([\w.-]+) == '(\w*)'$/.exec(step.if!)!;
      if (!step.uses.startsWith('actions/cache@')) throw new Error(`an action uses ${step.uses}`);
      const asked = Object.entries(step.with!).map(([word, text]) => [word, filled(String(text), scope)]);
      if (scope(path!) === value) caches.restore(Object.fromEntries(asked));
      continue;
    }
    const ran = await runScript(machine, cwd, step, scope, {
      GITHUB_ACTION_PATH: `${root}${name}`,
      GITHUB_ACTIONS: 'true',
      RUNNER_OS: 'Linux',
    });
    log += ran.log;
    if (step.id !== undefined) steps[step.id] = ran.outputs;
  }
  const outputs = Object.entries(action.outputs).map(([output, { value }]) => [output, filled(value, scope)]);
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

/** What a workflow said, what it uploaded by itself, and whether a step failed. */
interface Workflow {
  readonly log: string;
  readonly artifacts: Readonly<Record<string, string>>;
  readonly failure?: string;
}

/** Runs the only job of a workflow on the machine. Behind a step that failed only those run that always do. */
export async function runWorkflow(
  machine: Machine,
  text: string,
  origin: string,
  umask: string,
  caches: GithubCaches = new GithubCaches(),
): Promise<Workflow> {
  let log = '';
  let failure: string | undefined;
  const artifacts: Record<string, string> = {};
  const { jobs } = parse(text) as { jobs: Record<string, { steps: Step[] }> };
  const [job] = Object.values(jobs);
  const steps: Record<string, Outputs> = {};
  // Its variables are those of the machine.
  const scope: Scope = (path) =>
    path.startsWith('vars.') ? machine.env[path.slice('vars.'.length)] : valueAt({ inputs: {}, steps }, path);
  let cwd = machine.home;
  for (const step of job!.steps) {
    if (failure !== undefined && step.if !== 'always()') continue;
    if (step.if !== undefined && step.if !== 'always()') {
      const [, path, value] = /^([\w.-]+) != '(\w*)'$/.exec(step.if)!;
      if (scope(path!) === value) continue;
    }
    const given = Object.entries(step.with ?? {}).map(([name, value]) => [name, filled(String(value), scope)]);
    let outputs: Outputs = {};
    if (step.uses?.startsWith('actions/checkout@')) {
      cwd = await machine.checkout(origin, umask);
    } else if (step.uses === 'actions/upload-artifact@v7') {
      const { path, archive, ...others } = Object.fromEntries(given) as Outputs;
      // As it is, and so a single file, whose name is that of the artifact.
      if (archive !== 'false' || Object.keys(others).length > 0) throw new Error('not the upload of a single file');
      artifacts[path!] = readFileSync(join(cwd, path!), 'utf8');
    } else if (step.uses !== undefined) {
      const [, name] = /^OWNER\/ctxsrc(.*)@COMMIT$/.exec(step.uses)!;
      const used = await useAction(machine, cwd, Object.fromEntries(given), { name: name!, caches });
      outputs = used.outputs;
      log += used.log;
    } else {
      try {
        const ran = await runScript(machine, cwd, step, scope, { GITHUB_ACTIONS: 'true' });
        outputs = ran.outputs;
        log += ran.log;
      } catch (error) {
        failure = (error as Error).message;
      }
    }
    if (step.id !== undefined) steps[step.id] = outputs;
  }
  caches.endJob();
  return { log, artifacts, ...(failure === undefined ? {} : { failure }) };
}

interface GitlabJob {
  readonly script: readonly string[];
  readonly artifacts?: { readonly reports: { readonly dotenv?: string; readonly codequality?: string } };
  readonly cache?: { readonly key: { readonly files: readonly string[] }; readonly paths: readonly string[] };
}

/** Runs all jobs, each in a checkout of its own; answers with the variables of their dotenv reports, their logs and what they say of quality. */
export async function runPipeline(
  machine: Machine,
  text: string,
  origin: string,
  umask: string,
  caches: string,
): Promise<{ variables: Outputs; logs: Outputs; quality: readonly unknown[] }> {
  const quality: unknown[] = [];
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
    const { dotenv: report, codequality } = job.artifacts?.reports ?? {};
    if (codequality !== undefined)
      quality.push(...(JSON.parse(readFileSync(join(cwd, codequality), 'utf8')) as unknown[]));
    if (report !== undefined) {
      const lines = readFileSync(join(cwd, report), 'utf8').trim().split('\n');
      variables = { ...variables, ...Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string])) };
    }
    for (const path of job.cache?.paths ?? []) {
      mkdirSync(dirname(join(kept, path)), { recursive: true });
      cpSync(join(cwd, path), join(kept, path), { recursive: true, verbatimSymlinks: true, force: true });
    }
  }
  return { variables, logs, quality };
}

/** The script of a Jenkinsfile that has one. */
export function jenkinsScript(text: string): string {
  const scripts = [...text.matchAll(/\bsh '''\n([\s\S]*?)'''/g)];
  if (scripts.length !== 1) throw new Error(`the Jenkinsfile has ${scripts.length} scripts`);
  return scripts[0]![1]!;
}

interface TektonTask {
  readonly spec: {
    readonly params: readonly { readonly name: string }[];
    readonly steps: readonly {
      readonly workingDir: string;
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly script: string;
    }[];
  };
}

/** Runs the steps of a task one after the other; answers with the results. */
export async function runTask(
  machine: Machine,
  text: string,
  cwd: string,
  params: Readonly<Record<string, string>>,
): Promise<Outputs> {
  const results = tempDir('results');
  const variable = (path: string): string | undefined => {
    if (path === 'workspaces.source.path') return cwd;
    const result = /^results\.(\w+)\.path$/.exec(path);
    return result === null ? params[path.replace(/^params\./, '')] : join(results, result[1]!);
  };
  const whole = (given: string): string =>
    given.replace(/\$\(([\w.-]+)\)/g, (written, path: string) => variable(path) ?? written);
  for (const step of (parse(text) as TektonTask).spec.steps) {
    const env = Object.fromEntries(step.env.map(({ name, value }) => [name, whole(value)]));
    const ran = await machine.bash(whole(step.workingDir), [], whole(step.script), env);
    if (ran.code !== 0) throw new Error(`exit ${ran.code}: ${ran.stdout}${ran.stderr}`);
  }
  return Object.fromEntries(readdirSync(results).map((name) => [name, readFileSync(join(results, name), 'utf8')]));
}
