/** Finds files that seldom belong into a registry: by name, by content, and because git ignores them. */
import type { JobContext } from '../../../contract/session.ts';
import { shortened } from '../../../core/printable.ts';
import { warnOrRefuse } from '../../../core/progress.ts';
import { type ByteString, readableBytes } from '../../../fs/byte-string.ts';
import type { LayerEntry } from '../../../layer/format/tar.ts';
import type { Look } from './layer.ts';

export interface Suspect {
  readonly path: string;
  readonly why: string;
}

/** Of each file so much is looked at: a key may follow certificates. */
const HEAD = 64 << 10;
const MOST_KEPT = 1000;
const MOST_SHOWN = 10;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/;

/** What the content of a file with such a path must have; undefined: whatever it has. */
const BY_PATH: readonly { readonly path: RegExp; readonly content?: RegExp; readonly why: string }[] = [
  { path: /(?:^|\/)\.env[^/]*$/, why: 'settings of an environment' },
  { path: /(?:^|\/)[._]netrc$/, why: 'passwords by host' },
  { path: /(?:^|\/)\.npmrc$/, content: /_auth|_password/i, why: 'a token for packages' },
  {
    path: /(?:^|\/)(?:config\.json|auth\.json|\.dockercfg|\.dockerconfigjson)$/,
    content: /"(?:auth|identitytoken|registrytoken)"\s*:\s*"[^"]/,
    why: 'credentials for registries',
  },
  {
    path: /(?:^|\/)\.git\/(?:.*\/)?config$/,
    content: /:\/\/[^\s/@]+@|extraheader\s*=.*authorization/i,
    why: 'a credential in the configuration of git',
  },
];

export class SecretFinder implements Look {
  readonly #ignored: ReadonlySet<ByteString>;
  readonly found: Suspect[] = [];
  #count = 0;
  #path: ByteString = '';
  /** What was seen of the current file; undefined once it is judged. */
  #head: Buffer | undefined;

  /** @param ignored paths that git ignores, those of directories with a slash at their end */
  constructor(ignored: ReadonlySet<ByteString>) {
    this.#ignored = ignored;
  }

  entry({ path, type, size }: LayerEntry): void {
    if (this.#ignored.has(type === 'dir' ? `${path}/` : path)) this.#tell(path, 'ignored by git');
    this.#path = path;
    const rule = BY_PATH.find((one) => one.path.test(path));
    const isNamed = type === 'file' && rule !== undefined && rule.content === undefined;
    if (isNamed) this.#tell(path, rule.why);
    this.#head = type === 'file' && size > 0 && !isNamed ? Buffer.alloc(0) : undefined;
  }

  content(bytes: Buffer, last: boolean): void {
    if (this.#head === undefined) return;
    const part = bytes.subarray(0, HEAD - this.#head.length);
    const head = this.#head.length === 0 ? part : Buffer.concat([this.#head, part]);
    // The buffer is used again for the next bytes.
    this.#head = last || head.length === HEAD ? undefined : Buffer.from(head);
    if (this.#head === undefined) this.#judge(head);
  }

  /**
   * Lists what was found.
   * @throws CtxsrcError `E_UNSAFE` under `--strict`
   */
  tell(job: JobContext): void {
    if (this.#count === 0) return;
    const shown = this.found.slice(0, MOST_SHOWN).map(({ path, why }) => `${shortened(path)} (${why})`);
    const more = this.#count > shown.length ? `, and ${this.#count - shown.length} more` : '';
    const text = `whoever may pull will have what may be secret: ${shown.join(', ')}${more}`;
    const otherwise = job.strict === true ? ', or push without --strict' : '; --strict refuses it';
    warnOrRefuse(job, 'E_UNSAFE', text, `leave it out with the ignore file or --exclude${otherwise}`);
  }

  #judge(head: Buffer): void {
    const rule = BY_PATH.find(({ path, content }) => path.test(this.#path) && content?.test(head.toString('latin1')));
    if (rule !== undefined) this.#tell(this.#path, rule.why);
    else if (head.includes('PRIVATE KEY') && PRIVATE_KEY.test(head.toString('latin1'))) {
      this.#tell(this.#path, 'a private key');
    }
  }

  #tell(path: ByteString, why: string): void {
    this.#count += 1;
    if (this.found.length < MOST_KEPT) this.found.push({ path: readableBytes(path), why });
  }
}
