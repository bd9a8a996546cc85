/** Checks of the store: where it lies, whether it can be used, and what room there is. */
import { accessSync, constants, existsSync, readdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultCacheDir } from '../../source/cache-dir.ts';
import { StoreDirectory } from '../../store/layout.ts';
import { type Finding, findingOf, homely, homelyWord, type Surroundings } from '../check.ts';

/** `f_type` of file systems by name, and of those that are far away. */
const NAMES: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  801189825: 'zfs',
  2035054128: 'overlay',
  4076150800: 'f2fs',
  26985: 'nfs',
  4283649346: 'cifs',
  4266872130: 'smb',
  1702057286: 'fuse',
};
const REMOTE: readonly (string | undefined)[] = ['nfs', 'cifs', 'smb', 'fuse'];

interface FileSystem {
  readonly type: number;
  readonly bsize: number;
  readonly bavail: number;
  readonly ffree: number;
  readonly files: number;
}

/** @param look what the system says of a path's file system */
export function store(
  { env, cacheDir, cacheDirGiven }: Surroundings,
  look: (path: string) => FileSystem = statfsSync,
): Finding {
  const shown = homely(cacheDir, env);
  const other = homelyWord(elsewhere(cacheDir, env), env);
  const help = cacheDirGiven
    ? { hint: `choose another directory, such as --cache-dir ${other}` }
    : { mend: `export CTXSRC_CACHE_DIR=${other}` };
  let strangers: string | undefined;
  try {
    strangers = new StoreDirectory(cacheDir).inspect();
  } catch (error) {
    return findingOf(error, env, help);
  }
  const at = nearest(cacheDir);
  const type = NAMES[look(at).type];
  const facts = { path: shown, exists: at === cacheDir, fileSystem: type ?? null };
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
  } catch {
    return { status: 'fault', text: `${shown} cannot be written`, facts, exit: 74, ...help };
  }
  if (strangers !== undefined) {
    // Only a wrong mode is mended in place: a directory of somebody else stays as it is.
    const mine = strangers.startsWith('everybody');
    return {
      status: 'warn',
      text: homely(strangers, env),
      facts,
      ...(mine ? { mend: `chmod o-w ${homelyWord(cacheDir, env)}` } : help),
    };
  }
  if (REMOTE.includes(type)) {
    return {
      status: 'warn',
      text: `${shown} is on ${type}: every file of a snapshot goes over the network`,
      facts,
      ...help,
    };
  }
  return {
    status: 'ok',
    text: `${shown}${facts.exists ? '' : ', not made yet,'}${type === undefined ? '' : ` on ${type}`}`,
    facts,
  };
}

/** A directory for a new store, on a disk of this machine. */
function elsewhere(cacheDir: string, env: Surroundings['env']): string {
  const usual = defaultCacheDir({ HOME: env.HOME });
  const local = join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), `ctxsrc-${process.geteuid?.() ?? 'user'}`);
  const candidates = [usual, local].flatMap((path) => [path, `${path}-2`, `${path}-3`]);
  return candidates.find((path) => path !== cacheDir && isFree(path)) ?? local;
}

function isFree(path: string): boolean {
  if (existsSync(path)) return false;
  try {
    const above = nearest(path);
    accessSync(above, constants.W_OK);
    return !REMOTE.includes(NAMES[statfsSync(above).type]);
  } catch {
    return false;
  }
}

/** The path itself, or the directory above it that exists. */
function nearest(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}

/** Less than this is soon full. */
const LOW_BYTES = 500_000_000;
const LOW_INODES = 10_000;

/** @param look what the system says of a path's file system */
export function space(
  { env, cacheDir, cacheDirGiven }: Surroundings,
  look: (path: string) => FileSystem = statfsSync,
): Finding {
  const at = nearest(cacheDir);
  const { bsize, bavail, ffree, files } = look(at);
  const free = bsize * bavail;
  const facts = { free, inodes: files === 0 ? null : ffree, limit: env.CTXSRC_CACHE_MAX_SIZE ?? null };
  const inodes = files === 0 ? '' : ` and ${ffree.toLocaleString('en')} inodes`;
  const limit = env.CTXSRC_CACHE_MAX_SIZE ? `; limit ${env.CTXSRC_CACHE_MAX_SIZE}` : '';
  const text = `${(free / 1e9).toFixed(1)} GB${inodes} free${limit}`;
  const isFull = free < 1_000_000 || (files > 0 && ffree < 100);
  const isLow = free < LOW_BYTES || (files > 0 && ffree < LOW_INODES);
  if (!isFull && !isLow) return { status: 'ok', text, facts };
  const chosen = cacheDirGiven ? ` --cache-dir ${homelyWord(cacheDir, env)}` : '';
  const help = holdsNothing(cacheDir)
    ? { hint: `make room on the file system of ${homely(at, env)}: the store holds nothing that could go` }
    : { mend: `ctxsrc cache prune --all${chosen}` };
  if (isFull) return { status: 'fault', text: `the disk is full: ${text}`, facts, exit: 74, ...help };
  return { status: 'warn', text: `the disk is nearly full: ${text}`, facts, ...help };
}

/** Where the store keeps what takes room and can be removed. */
const ROOMS = ['blobs/sha256', 'entries', 'ingest', 'snapshots', 'stat-cache', 'workspaces'];

/** True if `cache prune --all` would free next to nothing. What this user cannot list he cannot remove. */
function holdsNothing(cacheDir: string): boolean {
  return ROOMS.every((room) => {
    try {
      return readdirSync(join(cacheDir, room)).length === 0;
    } catch {
      return true;
    }
  });
}
