import type { Progress } from '../core/progress.ts';

/**
 * A credential for one registry or web host. It is sent to that host only. `origin` says where it was found, for
 * people: a file, an environment variable, a credential helper.
 */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string; readonly origin: string }
  | { readonly kind: 'identity-token'; readonly token: string; readonly origin: string }
  | { readonly kind: 'bearer'; readonly token: string; readonly origin: string };

/**
 * The identity of a caller: credentials by host, local directories by name, secrets. The command line or a user of the
 * library creates it; sources use it.
 */
export interface Session {
  /** BuildKit's session ID. Random unless given; it is part of the definition key of a local directory. */
  readonly id: string;
  /**
   * The credential for a host (`host[:port]`), or for a repository below it if the configuration has entries for
   * repositories. Undefined: continue without a credential.
   */
  credentials(host: string, repository?: string): Promise<Credential | undefined>;
  /** A secret by name (tokens for git, headers for http); undefined when there is none. Never logged. */
  secret(name: string): Promise<string | undefined>;
  /** The directory that a local name stands for. */
  localDirectory(name: string): string | undefined;
}

/** Passed to every call that does work. */
export interface JobContext {
  /** Credentials and secrets of whoever asks. */
  readonly session: Session;
  /** Ends the job. */
  readonly signal: AbortSignal;
  /** Where its events go. */
  readonly progress: Progress;
  /** `--strict`: a doubtful answer is an error (`warnOrRefuse`). */
  readonly strict?: boolean | undefined;
}
