/**
 * Typed errors from git's output. git exits with 128 for every failure, so its text (in the C locale), with that of ssh
 * and the forge, is the only description; this file is the one place that parses it. An unknown failure is temporary
 * for a call that used the network, a failure of this machine for a repository on it, and an integrity failure for a
 * repository in the store.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { CtxsrcError, type ErrorCode } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { foreignText } from '../../http/errors.ts';
import type { NamedProxy } from '../../http/proxy.ts';

interface Kind {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly hint?: string;
}

const TOKEN_HINT = 'give a token with --auth-token-file, and check that it may read the repository';
const SSH_KEY_HINT =
  'check that the ssh agent holds a key that may read the repository, or name one: GIT_SSH_COMMAND="ssh -i FILE"';
const MISSING_HINT = 'check the address; a private repository looks missing without credentials';

/** Failures of this machine, whatever the call. */
const MACHINE_KINDS: readonly Kind[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/,
    code: 'E_DISK_FULL',
    hint: 'free some space, or choose another cache with --cache-dir',
  },
  {
    pattern: /(?:unable|failed) to (?:create|write|open).*(?:Permission denied|Read-only)|insufficient permission for/i,
    code: 'E_PERMISSION',
    hint: 'check the owner and mode of the cache, or choose another with --cache-dir',
  },
  {
    pattern: /Too many open files|Cannot allocate memory|Resource temporarily unavailable|Input\/output error/,
    code: 'E_IO',
  },
  {
    // git does not give the reason.
    pattern: /unable to (?:write|create)|could not write/,
    code: 'E_IO',
    hint: 'check that there is room where it is written, and that the name is one that the file system takes',
  },
];

/** Failures of calls to a remote. The first match counts, so causes come before their effects. */
const REMOTE_KINDS: readonly Kind[] = [
  ...MACHINE_KINDS,
  // ssh, before it connects.
  {
    pattern: /cannot run ssh|\bssh: (?:command )?not found/,
    code: 'E_CONFIG',
    hint: 'ssh references need the ssh program (package openssh-client): install it, then try again',
  },
  {
    pattern: /unable to find remote helper for|git-remote-https?: not found/,
    code: 'E_CONFIG',
    hint: 'this git comes without https: install the package that has it, then try again',
  },
  {
    pattern: /No user exists for uid/,
    code: 'E_IO',
    hint: 'ssh needs an entry for the user in /etc/passwd; https needs none',
  },
  {
    pattern: /Bad owner or permissions on/,
    code: 'E_PERMISSION',
    hint: "ssh reads its configuration file only if it is the user's own and nobody else may write to it: chmod 600, chown",
  },
  {
    pattern: /Bad configuration option|bad configuration options/,
    code: 'E_CONFIG',
    hint: "mend the line of ssh's configuration file that it names; an older ssh does not know every setting",
  },
  // The host's key.
  {
    pattern: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known for/,
    code: 'E_TLS',
    hint: "give the host's keys with --known-hosts FILE (ssh-keyscan prints them; compare before you trust)",
  },
  {
    pattern: /no matching (?:host key type|key exchange method|cipher|mac) found|no mutual signature/i,
    code: 'E_TLS',
    hint: 'the server offers only what this ssh no longer trusts: update the server, or allow it in ~/.ssh/config for this host',
  },
  // Credentials.
  {
    pattern: /Permission denied \((?:publickey|password|keyboard|gssapi|hostbased)|Too many authentication failures/,
    code: 'E_UNAUTHORIZED',
    hint: SSH_KEY_HINT,
  },
  {
    pattern: /could not read (?:Username|Password)|Authentication failed|returned error: 401/,
    code: 'E_UNAUTHORIZED',
    hint: TOKEN_HINT,
  },
  {
    pattern: /returned error: 407|HTTP code 407 from proxy|CONNECT tunnel failed, response 407/,
    code: 'E_UNAUTHORIZED',
    hint: 'put USER:PASSWORD@ into the proxy URL, or the host into NO_PROXY',
  },
  {
    pattern: /returned error: 30[12378]|Protocol "?http"? (?:not supported or )?disabled/,
    code: 'E_UNSAFE',
    hint: 'it redirects to another address, where a secret or unprotected content would travel: name that address yourself',
  },
  { pattern: /returned error: 403/, code: 'E_FORBIDDEN', hint: TOKEN_HINT },
  { pattern: /returned error: 429/, code: 'E_RATE_LIMIT' },
  {
    pattern: /SSL certificate problem|certificate verif|server certificate|error setting certificate/i,
    code: 'E_TLS',
    hint: 'give the certificate authority with --ca-file',
  },
  {
    pattern: /Problem with the SSL CA cert|problem with the local SSL certificate|client certificate|private key file/i,
    code: 'E_CONFIG',
    hint: 'check that the files of --ca-file (or CTXSRC_CA_FILE, SSL_CERT_FILE), --client-cert and --client-key are there and in PEM form',
  },
  // The repository. Forges give the same response for a missing repository and one without permission.
  {
    pattern:
      /returned error: (?:404|410)|repository .*not found|could not be found or you don't have permission|does not exist or you do(?: not|n't) have|TF401019|does not appear to be a git repository|not found: did you run|not valid: is this a git repository|invalid gitfile format/i,
    code: 'E_NOT_FOUND',
    hint: MISSING_HINT,
  },
  { pattern: /couldn't find remote ref|not our ref/, code: 'E_NOT_FOUND' },
  {
    pattern:
      /Unauthori[sz]ed|not authori[sz]ed|Access denied|access denied|Permission to \S+ denied|DENIED by|SAML SSO|account (?:is|was|has been) (?:suspended|blocked|disabled|locked)|expired (?:key|token)|(?:key|token|password) (?:is|has) expired/,
    code: 'E_FORBIDDEN',
    hint: 'check that the key or token may read the repository',
  },
  {
    pattern: /unadvertised object|want [0-9a-f]+ not valid|does not support shallow|dumb http transport/,
    code: 'E_REGISTRY_PROTOCOL',
  },
  {
    pattern: /bad line length|protocol error|Invalid command|upload-pack: .*not found/,
    code: 'E_REGISTRY_PROTOCOL',
    hint: 'something else than git answers there: check user and host, and that a login on the server prints nothing',
  },
  { pattern: /transport '[^']*' not allowed/, code: 'E_UNSAFE' },
  { pattern: /dubious ownership/, code: 'E_UNSAFE' },
  { pattern: /returned error: 5\d\d/, code: 'E_SERVER' },
  // The connection.
  {
    pattern: /Could not resolve (?:host|proxy)|Temporary failure in name resolution|Name or service not known/i,
    code: 'E_NETWORK',
    hint: 'check the spelling of the host, the network, and HTTPS_PROXY if there is a proxy',
  },
  {
    pattern:
      /Connection (?:refused|timed out|reset|closed)|Operation timed out|No route to host|Network is unreachable|Failed to connect|Couldn't connect|CONNECT tunnel failed/,
    code: 'E_NETWORK',
    hint: 'check the host and port, and that a firewall lets you through',
  },
];

const LOCAL_KINDS: readonly Kind[] = [
  ...MACHINE_KINDS,
  { pattern: /Permission denied|Read-only file system/, code: 'E_PERMISSION' },
  { pattern: /invalid path|not allowed|dubious ownership/, code: 'E_UNSAFE' },
  // The repository in the store.
  { pattern: /not a git repository/, code: 'E_IO', hint: 'the cache was removed meanwhile: run again' },
];

/** The code for an unknown failure. */
const UNKNOWN: Readonly<Record<GitFailure['reach'], ErrorCode>> = {
  none: 'E_ARCHIVE_INVALID',
  network: 'E_NETWORK',
  file: 'E_IO',
};

/** A git call that failed. */
export interface GitFailure {
  /** Completes the sentence "cannot …". */
  readonly what: string;
  readonly exit: number;
  readonly stderr: string;
  readonly reach: 'none' | 'network' | 'file';
  /** Texts that must not appear in the message. */
  readonly secrets: readonly string[];
  /** The path of the remote, if it is on this machine. */
  readonly localPath?: string | undefined;
  /** The proxy of the call. */
  readonly proxy?: NamedProxy | undefined;
}

/** The typed error of a failed git call, with the words of ssh, the forge or git. */
export function gitFailure({ what, exit, stderr, reach, secrets, proxy, localPath }: GitFailure): CtxsrcError {
  const lines = meaningfulLines(stderr);
  const kinds = reach === 'none' ? LOCAL_KINDS : REMOTE_KINDS;
  const kind = kinds.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const code = kind?.code ?? UNKNOWN[reach];
  const said = foreignText(reason(lines, kind), secrets) || `git ended with ${exit}`;
  if (proxy !== undefined && code === 'E_NETWORK') {
    return new CtxsrcError(code, `cannot ${what} by way of the proxy ${proxy.url.host}: ${said}`, {
      hint: `check the proxy that ${proxy.variable} names, or put the host into NO_PROXY`,
    });
  }
  if (localPath !== undefined && code === 'E_NOT_FOUND' && kind?.hint !== undefined) {
    return noRepository(what, said, localPath);
  }
  const status = /returned error: (\d{3})/.exec(lines.join('\n'))?.[1];
  const details = status === undefined ? undefined : { status: Number(status) };
  return new CtxsrcError(code, `cannot ${what}: ${said}`, { hint: kind?.hint, details });
}

/** The error if git finds no repository on this machine; git reports the same for an unreadable one. */
function noRepository(what: string, said: string, path: string): CtxsrcError {
  const closed = [path, `${path}/.git`, `${path}/HEAD`].find(isClosed);
  if (closed !== undefined) {
    return new CtxsrcError('E_PERMISSION', `cannot ${what}: permission denied for ${printable(closed)}`, {
      hint: 'run as the owner of the repository, or let this user read it: chmod -R go+rX',
    });
  }
  const found = statSync(path, { throwIfNoEntry: false });
  const hint =
    found === undefined
      ? 'check the path: nothing is there'
      : found.isDirectory()
        ? `for the directory itself type ${shellWord(path)}; a git reference names a repository`
        : 'a git reference names the directory of a repository';
  return new CtxsrcError('E_NOT_FOUND', `cannot ${what}: ${said}`, { hint });
}

function isClosed(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

/** Lines that git adds to every failure, and lines that it prints without any. */
const NOISE =
  /^(?:fatal: )?Could not read from remote repository|^Please make sure you have the correct access rights|^and the repository exists\.|^(?:hint|warning):|^Cloning into|^Warning: Permanently added|^(?:remote: )?(?:Enumerating|Counting|Compressing|Receiving|Resolving|Unpacking|Filtering|Updating|Checking|Total)\b.*(?:\d|done)/;

/** Characters of a line that are read: forges write no longer ones, and matching an endless line would take minutes. */
const LONGEST_LINE = 2000;

/** Lines that contain words. URLs lose their user, and their query, which may hold a signature. */
function meaningfulLines(stderr: string): string[] {
  return stderr
    .split(/[\r\n]+/)
    .map((line) => line.trim().slice(0, LONGEST_LINE))
    .filter((line) => /[A-Za-z]{2}/.test(line.replace(/^remote:/, '')) && !NOISE.test(line))
    .map((line) => line.replace(/:\/\/[^/@\s]*@/g, '://').replace(/(:\/\/[^\s?#'"]*)[?#][^\s'"]*/g, '$1'));
}

/** Why ssh did not offer a key: ssh reports it early, and in the end only that no key was accepted. */
const UNUSED_KEY =
  /^(?:Warning: )?(?:Load key |Identity file |no such identity|sign_and_send_pubkey: |Permissions \d+ for )/;

/**
 * The lines with the reason: those of the server (`remote:`), those about unused keys, and the line that matched the
 * kind; without a kind the `fatal:` and `error:` lines, else the last line.
 */
function reason(lines: readonly string[], kind: Kind | undefined): string {
  const telling =
    kind === undefined
      ? lines.filter((line) => /^(?:fatal|error|ERROR):/.test(line))
      : lines.filter((line) => kind.pattern.test(line)).slice(0, 1);
  const chosen = telling.length > 0 ? telling : lines.slice(-1);
  const server = lines.filter(
    (line) => line.startsWith('remote:') || (kind?.hint === SSH_KEY_HINT && UNUSED_KEY.test(line)),
  );
  const words = [...server, ...chosen].map((line) => line.replace(/^(?:(?:remote|fatal|error|ERROR):\s*)+/, ''));
  return [...new Set(words)].join('; ');
}
