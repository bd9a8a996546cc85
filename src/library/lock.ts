/** Lock files: `ctxsrc lock`, `--update`, `--vendor`, `--check`, `--format`. */
import { resolve as resolvePath } from 'node:path';
import { type Check, flag, having, list, members, nonEmpty, oneOf } from '../core/check-options.ts';
import { CtxsrcError } from '../core/errors.ts';
import { isObject } from '../core/is-object.ts';
import { printable } from '../core/printable.ts';
import { countedDrifts, driftsOf } from '../snapshot/lock/check.ts';
import type { Drift } from '../snapshot/lock/entry.ts';
import { DEFAULT_LOCK, writeLock } from '../snapshot/lock/file.ts';
import type { Rendered } from '../snapshot/lock/formats.ts';
import { encodeLock, isContextName, type LockEntry } from '../snapshot/lock/lock.ts';
import { openLock, openLockIfThere, type ReferenceSite, type Understood } from '../snapshot/lock/references.ts';
import { type LockFormat, refuseOmitted, renderLock } from '../snapshot/lock/render.ts';
import { type LockWork, withContexts, writtenContexts } from '../snapshot/lock/renew.ts';
import { choosesPlatform } from '../source/document.ts';
import { identify } from '../source/resolve.ts';
import type { AttributesOf } from './attributes.ts';
import { type Build, lineOf } from './build.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { inPlace, noteTo, type Place, understand } from './place.ts';

/** A context to lock: its reference, or that with the flags of its source. */
export type LockContext<Reference extends string = string> =
  | Reference
  | {
      /** As on the command line, without a name. */
      readonly reference: Reference;
      /** The flags of its source. */
      readonly attributes?: AttributesOf<Reference> | undefined;
    };

/** Options of the functions of lock files. */
export interface LockOptions extends PlaceOptions {
  /** The lock file; `ctxsrc.lock` in the current directory when absent. */
  readonly path?: string | undefined;
}

/** Options of `updateLock`. */
export interface UpdateLockOptions extends LockOptions {
  /** The entries to resolve anew; all when absent. */
  readonly names?: readonly string[] | undefined;
}

/** Options of `lockFrom`. */
export interface LockFromOptions extends LockOptions {
  /** Of a Dockerfile: what its build is given. */
  readonly build?: Omit<Build, 'context' | 'file' | 'dockerfile' | 'modes'> | undefined;
  /** Of a Dockerfile: also returns it with the digests in it. */
  readonly dockerfile?: boolean | undefined;
}

/** What `lockFrom` locked. */
export interface LockFromReport extends LockReport {
  /** The Dockerfile with the digests of its images, where that was asked for; every other byte is as it was. */
  readonly dockerfile?: Uint8Array | undefined;
  /** What the Dockerfile has as it was: what is not written anew and why, and downloads. */
  readonly kept?: readonly string[] | undefined;
}

/** Options of `vendorLock`. */
export interface VendorLockOptions extends LockOptions {
  /** Also what lies beside an image: attestations and signatures. */
  readonly attestations?: boolean | undefined;
}

/** Options of `formatLock`. */
export interface FormatLockOptions extends LockOptions {
  /** Of `bake`: the target whose contexts they become; `default` when absent. */
  readonly target?: string | undefined;
}

/** What a lock file says now. */
export interface LockReport {
  /** The file, absolute. */
  readonly lock: string;
  /** Its entries by name, in the order of the file. */
  readonly contexts: Readonly<Record<string, LockEntry>>;
  /** False if the file said so before. */
  readonly written: boolean;
}

/** What has moved since a lock file was written. */
export interface LockCheck {
  /** Nothing has moved that a build would notice; with `strict`, nothing at all. */
  readonly upToDate: boolean;
  /** Each entry that points at something else now. */
  readonly drift: readonly Drift[];
}

const LOCK = { ...PLACE, path: nonEmpty } satisfies Record<keyof LockOptions, Check>;
const UPDATE = { ...LOCK, names: list } satisfies Record<keyof UpdateLockOptions, Check>;
const FROM = { ...LOCK, build: having('an object', {}), dockerfile: flag } satisfies Record<
  keyof LockFromOptions,
  Check
>;
const VENDOR = { ...LOCK, attestations: flag } satisfies Record<keyof VendorLockOptions, Check>;
const FORMAT = { ...LOCK, target: nonEmpty } satisfies Record<keyof FormatLockOptions, Check>;
const FORMATS = oneOf('build-contexts', 'bake', 'buildkit-policy');

/**
 * Resolves contexts and writes them into a lock file; other entries of an existing file stay. Of images without a
 * platform that of this machine is recorded.
 * @param contexts references by the names that a build has for them
 * @throws CtxsrcError `E_USAGE` for a name that no context can have, `E_CONFIG` for a file that is no lock, and those of `digest`
 */
export async function createLock<References extends Readonly<Record<string, string>>>(
  contexts: { readonly [Name in keyof References]: LockContext<References[Name]> },
  options: LockOptions = {},
): Promise<LockReport> {
  members(LOCK)(options, '');
  return inLock(options, async (work, path, place) => {
    const asked = await understoodContexts(place, contexts);
    const lock = (await openLockIfThere(work.site, path)) ?? { path, entries: new Map() };
    return save(
      await withContexts(
        work,
        lock,
        asked.map((one) => ({ one })),
      ),
    );
  });
}

/**
 * Resolves entries of a lock file anew, as they were written, and writes what they point at now.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` without a file, `E_NOT_FOUND` for a name that is not in it, and those of `digest`
 */
export async function updateLock(options: UpdateLockOptions = {}): Promise<LockReport> {
  members(UPDATE)(options, '');
  return inLock(options, async (work, path) => {
    const lock = await openLock(work.site, path);
    const names = options.names ?? [...lock.entries.keys()];
    return save(await withContexts(work, lock, await writtenContexts(work, lock, names)));
  });
}

/**
 * Resolves what a Dockerfile builds from, or the contexts that a compose or bake file names, and writes that into a lock
 * file, as `ctxsrc lock --from` does; other entries stay.
 * @param file path of the file; a Dockerfile is what has not the name of the others
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, `E_CONFIG`, `E_DOCKERFILE`; `E_USAGE` for `dockerfile` of another file, and those of `digest`
 */
export async function lockFrom(file: string, options: LockFromOptions = {}): Promise<LockFromReport> {
  nonEmpty(file, 'file');
  members(FROM)(options, '');
  const { build = {}, dockerfile = false } = options;
  const { contextsOfFile } = await import('../snapshot/lock/from-file.ts');
  return inLock(options, async (work, path, place) => {
    const { table, env, job } = place;
    const here = { env: process.env, cwd: process.cwd(), signal: job.signal };
    const asked = { file, line: lineOf(build), work: async () => ({ table, env, job }), note: noteTo(job), ...here };
    const found = await contextsOfFile(asked);
    if (dockerfile && found.dockerfile === undefined) {
      throw new CtxsrcError('E_USAGE', `${printable(file)} is no Dockerfile`, {
        hint: 'leave the option dockerfile out',
      });
    }
    const references = [...found.contexts].map(([name, { reference, attributes }]) => [
      name,
      { reference, attributes },
    ]);
    const understood = await understoodContexts(place, Object.fromEntries(references));
    const contexts = understood.map((one) => ({ one, platforms: found.contexts.get(one.ref.name!)!.platforms }));
    const lock = (await openLockIfThere(work.site, path)) ?? { path, entries: new Map() };
    const locked = await withContexts(work, lock, contexts);
    const report = await save(locked);
    if (!dockerfile) return report;
    const { pinnedDockerfile } = await import('../snapshot/lock/dockerfile-format.ts');
    const { text, kept, others } = pinnedDockerfile(found.dockerfile!, locked.entries);
    return { ...report, dockerfile: text, kept: [...kept, ...others] };
  });
}

/**
 * Pushes the content of every entry of a lock file into one repository, and names it there beside the origin. What is
 * there already is not sent again; the file changes only once all of it is.
 * @param repository `REGISTRY/PREFIX`, for instance `registry.example/team/vendor`
 * @throws CtxsrcError `E_PATH_NOT_FOUND` without a file, `E_USAGE` for what is no repository, `E_DRIFT` for a directory or file that has moved, and those of `push`
 */
export async function vendorLock(repository: string, options: VendorLockOptions = {}): Promise<LockReport> {
  nonEmpty(repository, 'repository');
  members(VENDOR)(options, '');
  const { attestations = false } = options;
  const { parseRepository, vendorEntries } = await import('../snapshot/lock/vendor.ts');
  const place = parseRepository(repository);
  return inLock(options, async (work, path) =>
    save(await vendorEntries(work, await openLock(work.site, path), { repository: place, attestations })),
  );
}

/**
 * Finds out what has moved since a lock file was written. Nothing is downloaded, and nothing is written.
 * @param contexts as `createLock` was given them: those that are not in the file, or under another reference, are drift, too
 * @throws CtxsrcError `E_PATH_NOT_FOUND` without a file, and those of `digest`; drift is in the report and not thrown
 */
export async function checkLock<References extends Readonly<Record<string, string>>>(
  contexts?: { readonly [Name in keyof References]: LockContext<References[Name]> },
  options: LockOptions = {},
): Promise<LockCheck> {
  members(LOCK)(options, '');
  return inLock(options, async (work, path, place) => {
    const asked = contexts === undefined ? undefined : await understoodContexts(place, contexts);
    const drift = await driftsOf(work, await openLock(work.site, path), asked);
    return { upToDate: countedDrifts(drift, options.strict === true).length === 0, drift };
  });
}

/**
 * A lock file in the words of another tool, which runs in the current directory.
 * @param format `build-contexts` for flags of buildx, a line each; `bake` for an override file; `buildkit-policy` for a source policy
 * @throws CtxsrcError `E_PATH_NOT_FOUND` without a file; with `strict` `E_INCOMPLETE` for a context that the format cannot hold
 */
export async function formatLock(format: LockFormat, options: FormatLockOptions = {}): Promise<Rendered> {
  members(FORMAT)(options, '');
  FORMATS(format, 'format');
  return inLock(options, async ({ site }, path) => {
    const rendered = await renderLock(site, await openLock(site, path), format, options.target);
    if (options.strict === true) refuseOmitted(format, rendered);
    return rendered;
  });
}

async function inLock<T>(
  options: LockOptions,
  work: (lock: LockWork, path: string, place: Place) => Promise<T>,
): Promise<T> {
  return inPlace(options, async (place) => {
    const site: ReferenceSite = { table: place.table, cwd: process.cwd(), attributes: {} };
    return work({ site, env: place.env, job: place.job }, resolvePath(options.path ?? DEFAULT_LOCK), place);
  });
}

const WITH_ATTRIBUTES: Check = members({ reference: nonEmpty, attributes: having('an object', {}) });

async function understoodContexts(
  { table, env }: Place,
  contexts: Readonly<Record<string, LockContext>>,
): Promise<Understood[]> {
  const understood: Understood[] = [];
  for (const [name, context] of Object.entries(contexts)) {
    if (!isContextName(name)) {
      throw new CtxsrcError('E_USAGE', `${JSON.stringify(name)} is no name of a context`, {
        hint: 'names have no blanks, no = and no ://, and do not begin with . or /',
      });
    }
    if (isObject(context)) WITH_ATTRIBUTES(context, `contexts.${name}`);
    else nonEmpty(context, `contexts.${name}`);
    const { reference, attributes = {} } = isObject(context) ? context : { reference: context };
    const one = await understand(table, `${name}=${reference}`, attributes);
    // The file shall mean the same on every machine.
    const platform = { platform: env.defaultPlatform, ...one.identifier.attributes };
    understood.push(choosesPlatform(one) ? await identify(table, `${name}=${reference}`, platform) : one);
  }
  return understood;
}

async function save({ path, entries }: Awaited<ReturnType<typeof openLock>>): Promise<LockReport> {
  const written = await writeLock(path, encodeLock(entries));
  return { lock: path, contexts: Object.fromEntries(entries), written };
}
