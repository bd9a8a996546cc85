/**
 * From what git says to a typed error. git ends with 128 whatever happened, so its text (in the C locale) is the only
 * account of it: this is the one place that reads it, and what is not recognised stays temporary for a call that
 * reached the network, and an integrity failure for one that did not.
 */
import { CtxsrcError, type ErrorCode } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

interface Kind {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly hint?: string;
}

const TOKEN_HINT = 'give a token with --auth-token-file, and check that it may read the repository';

const NETWORK_KINDS: readonly Kind[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/,
    code: 'E_DISK_FULL',
    hint: 'free some space, or choose another cache with --cache-dir',
  },
  {
    pattern: /could not read (?:Username|Password)|Authentication failed|returned error: 401/,
    code: 'E_UNAUTHORIZED',
    hint: TOKEN_HINT,
  },
  { pattern: /returned error: 403/, code: 'E_FORBIDDEN', hint: TOKEN_HINT },
  { pattern: /returned error: 429/, code: 'E_RATE_LIMIT' },
  {
    pattern: /Permission denied \((?:publickey|password|keyboard)/,
    code: 'E_UNAUTHORIZED',
    hint: 'check that the ssh agent holds a key that may read the repository',
  },
  {
    pattern: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'E_TLS',
    hint: "give the host's keys with --known-hosts FILE (ssh-keyscan prints them; compare before you trust)",
  },
  {
    pattern: /SSL certificate problem|certificate verif|server certificate/i,
    code: 'E_TLS',
    hint: 'give the certificate authority with --ca-file',
  },
  {
    pattern:
      /returned error: (?:404|410)|[Rr]epository .*not found|does not appear to be a git repository|not found: did you run|not valid: is this a git repository/,
    code: 'E_NOT_FOUND',
    hint: 'check the address; a private repository looks missing without credentials',
  },
  { pattern: /couldn't find remote ref|not our ref/, code: 'E_NOT_FOUND' },
  {
    pattern: /unadvertised object|want [0-9a-f]+ not valid|does not support shallow|dumb http transport/,
    code: 'E_REGISTRY_PROTOCOL',
  },
  { pattern: /transport '[^']*' not allowed/, code: 'E_UNSAFE' },
  { pattern: /returned error: 5\d\d/, code: 'E_SERVER' },
];

const LOCAL_KINDS: readonly Kind[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/,
    code: 'E_DISK_FULL',
    hint: 'free some space, or choose another place',
  },
  { pattern: /Permission denied|Read-only file system/, code: 'E_PERMISSION' },
  { pattern: /invalid path|not allowed|dubious ownership/, code: 'E_UNSAFE' },
];

/** The typed error of a git call that failed. `what` completes "cannot …". */
export function gitFailure(
  what: string,
  exit: number,
  stderr: string,
  reach: 'none' | 'network' | 'file',
): CtxsrcError {
  const kinds = reach === 'none' ? LOCAL_KINDS : NETWORK_KINDS;
  const kind = kinds.find(({ pattern }) => pattern.test(stderr));
  const code = kind?.code ?? (reach === 'none' ? 'E_ARCHIVE_INVALID' : 'E_NETWORK');
  return new CtxsrcError(code, `cannot ${what}: ${lastWords(stderr) ?? `git ended with ${exit}`}`, {
    hint: kind?.hint,
  });
}

/** The line that says what went wrong; progress and follow-up advice left out. URLs lose their user part. */
function lastWords(stderr: string): string | undefined {
  const lines = stderr.split(/[\r\n]+/).map((line) => line.trim());
  const line = lines.find((text) => /^(?:fatal|error|ERROR):/.test(text)) ?? lines.findLast((text) => text !== '');
  return line === undefined
    ? undefined
    : printable(line.replace(/^(?:fatal|error|ERROR): /, '').replace(/:\/\/[^/@\s]*@/g, '://'));
}
