/** Runs docker's credential helpers (`docker-credential-NAME get`): no shell, the registry on stdin, a time limit. */
import type { Variables } from '../../core/home.ts';
import { jsonObject } from '../../core/is-object.ts';
import { findProgram, type Program, programPath, startProgram } from '../../core/programs.ts';

export type HelperAnswer =
  | { readonly kind: 'found'; readonly username: string; readonly secret: string }
  /** The helper works and has no credential for this registry. */
  | { readonly kind: 'none' }
  /** Why the helper failed, without secrets. */
  | { readonly kind: 'failed'; readonly why: string; readonly hint: string };

const LARGEST_ANSWER = 1024 * 1024;

// The protocol has no code for a missing credential: helpers use these words (docker-credential-helpers,
// credentials/error.go).
const NOT_FOUND = /credentials not found in native keychain|no credentials (?:found|server URL)|credentials not found/i;

/**
 * Asks a helper for the credential of a registry.
 * @param name the name in config.json, for instance `ecr-login`
 * @param key the registry as docker spells it: a host, or Docker Hub's URL
 * @param timeout milliseconds after which the helper is killed
 */
export async function askHelper(name: string, key: string, env: Variables, timeout: number): Promise<HelperAnswer> {
  const program = `docker-credential-${name}`;
  // A name with a separator in it would start a program outside of PATH.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    const why = `${JSON.stringify(name)} is no name of a credential helper`;
    return { kind: 'failed', why, hint: 'correct the file that names it' };
  }
  const path = findProgram(program, env);
  if (path === undefined) {
    const hint = `install ${program}, or take it out of the file that names it`;
    return { kind: 'failed', why: `${program} is not in PATH`, hint };
  }
  let child: Program;
  try {
    child = await startProgram(path, ['get'], { env: { ...env, PATH: programPath(env) } });
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return { kind: 'failed', why: `${program} cannot be run (${code})`, hint: seeItself(program, key) };
  }
  return answerOf(child, program, key, timeout);
}

/** The output of a failed helper may hold the secret as well as the reason, so only the user's terminal shows it. */
const seeItself = (program: string, key: string): string => `to see what it says: echo ${key} | ${program} get`;

function answerOf(child: Program, program: string, key: string, timeout: number): Promise<HelperAnswer> {
  const hint = seeItself(program, key);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (answer: HelperAnswer): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      finish({ kind: 'failed', why: `${program} did not answer within ${Math.round(timeout / 1000)} s`, hint });
    }, timeout);
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= LARGEST_ANSWER) return;
      child.kill('SIGKILL');
      finish({ kind: 'failed', why: `${program} answered with more than ${LARGEST_ANSWER} bytes`, hint });
    });
    child.stderr.resume();
    // It is no failure if a helper does not read its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${key}\n`);
    child.once('close', (status) => finish(readAnswer(program, hint, status, Buffer.concat(chunks).toString('utf8'))));
  });
}

function readAnswer(program: string, hint: string, status: number | null, output: string): HelperAnswer {
  if (status !== 0) {
    if (NOT_FOUND.test(output)) return { kind: 'none' };
    return { kind: 'failed', why: `${program} failed with exit code ${status ?? 'none'}`, hint };
  }
  const { Username: username, Secret: secret } = jsonObject(output) ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string') {
    return { kind: 'failed', why: `${program} answered with something else than a credential`, hint };
  }
  // Some helpers return empty texts if they have no credential.
  return secret === '' ? { kind: 'none' } : { kind: 'found', username, secret };
}
