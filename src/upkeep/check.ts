/** One check of `ctxsrc doctor`: what it gives, and how it is run so that none ends another. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkOptions } from '../contract/source.ts';
import { isCtxsrcError } from '../core/errors.ts';
import { homeOf, type Variables } from '../core/home.ts';
import { shellWord } from '../core/shell-word.ts';

/** A line of the report. The ids never change: `node`, `native`, …, `registry:HOST`. */
export interface DoctorCheck {
  /** What is checked; it never changes. */
  readonly id: string;
  /** `warn`: a result is another, or takes more than twice the time. `fault`: what needs this fails. */
  readonly status: 'ok' | 'warn' | 'fault';
  /** A sentence for people: no secret, the home as `~`. */
  readonly text: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** A command of a POSIX shell after which the check is ok. */
  readonly mend?: string | undefined;
  /** What to do where that is no single command. */
  readonly hint?: string | undefined;
  /** The exit code of a fault. */
  readonly exit?: number | undefined;
}

export type Finding = Omit<DoctorCheck, 'id'>;

/** What checks look at. */
export interface Surroundings {
  readonly env: Variables;
  readonly cacheDir: string;
  /** The caller named the store: no variable of the environment chooses another. */
  readonly cacheDirGiven: boolean;
  readonly network: NetworkOptions;
  readonly registryConfig: string | undefined;
  readonly signal: AbortSignal;
  /** Settings that could not be read, with the check that tells of each. */
  readonly broken?: readonly BrokenSetting[] | undefined;
}

/** A setting that every command refuses. */
export interface BrokenSetting {
  /** The check. */
  readonly id: string;
  readonly error: unknown;
  readonly mend: string;
}

export interface NamedCheck {
  readonly id: string;
  readonly run: (surroundings: Surroundings) => Finding | Promise<Finding>;
}

const TIME_LIMIT = 5_000;

/** Runs a check to its end, its failure or its time limit; never throws, but for an abort. */
export async function runCheck({ id, run }: NamedCheck, given: Surroundings, limit = TIME_LIMIT): Promise<DoctorCheck> {
  const ended = new AbortController();
  const signal = AbortSignal.any([given.signal, ended.signal]);
  const late = sleep(limit, undefined, { signal }).then(
    (): Finding => ({ status: 'fault', text: `no answer within ${limit / 1000} s`, facts: {}, exit: 75 }),
    () => new Promise<never>(() => undefined),
  );
  try {
    const broken = given.broken?.find((setting) => setting.id === id);
    if (broken !== undefined) return { id, ...findingOf(broken.error, given.env, { mend: broken.mend }) };
    const work = Promise.resolve().then(() => run({ ...given, signal }));
    // What comes after the time is nobody's any more.
    work.catch(() => undefined);
    return { id, ...(await Promise.race([work, late])) };
  } catch (error) {
    given.signal.throwIfAborted();
    return { id, ...findingOf(error, given.env) };
  } finally {
    ended.abort();
  }
}

/** A failure as a finding: where `help` is given, with that in place of the error's hint. */
export function findingOf(error: unknown, env: Variables, help?: Pick<Finding, 'mend' | 'hint'>): Finding {
  if (isCtxsrcError(error)) {
    const { message, exit, hint, code } = error;
    const said = help ?? { hint: hint && homely(hint, env) };
    return { status: 'fault', text: homely(message, env), facts: { code }, exit, ...said };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { status: 'fault', text: `${homely(message, env)} (a defect of this check)`, facts: {}, exit: 1 };
}

/** A text with the home in it as `~`. */
export function homely(text: string, env: Variables): string {
  const home = homeOf(env);
  if (home === undefined || home === '/') return text;
  return text.replaceAll(new RegExp(`${escaped(home)}(?![\\w.-])`, 'g'), '~');
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A path as a word of a shell, with the home as `~`. */
export function homelyWord(path: string, env: Variables): string {
  const home = homeOf(env);
  return home !== undefined && home !== '/' && path.startsWith(`${home}/`)
    ? `~/${shellWord(path.slice(home.length + 1))}`
    : shellWord(path);
}
