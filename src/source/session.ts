import { randomBytes } from 'node:crypto';
import type { Credential, Session } from '../contract/index.ts';

/** The parts of a session. All are optional: an empty session can read public content only. */
export interface SessionOptions {
  /** BuildKit's session ID; random when absent. */
  readonly id?: string | undefined;
  readonly credentials?: ((host: string, repository?: string) => Promise<Credential | undefined>) | undefined;
  readonly secrets?: ReadonlyMap<string, () => Promise<string>> | undefined;
  /** Directories by local name. */
  readonly directories?: ReadonlyMap<string, string> | undefined;
}

const ID_ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 25 characters of base 36, the form of BuildKit's session IDs. */
function randomId(): string {
  return Array.from(randomBytes(25), (byte) => ID_ALPHABET[byte % 36]).join('');
}

/** A session for one run. */
export function createSession(options: SessionOptions = {}): Session {
  let { id } = options;
  return {
    get id() {
      id ??= randomId();
      return id;
    },
    credentials: async (host, repository) => options.credentials?.(host, repository),
    secret: async (name) => options.secrets?.get(name)?.(),
    localDirectory: (name) => options.directories?.get(name),
  };
}
