/**
 * The definition key of a local directory, which BuildKit gives before it has seen a file:
 * `docs/buildkit.md#key-of-a-directory`.
 */
import { sha256 } from '../../core/digest.ts';
import { encodeGoJson } from '../../core/go/json-encode.ts';

export interface LocalDefinition {
  /** The name of the directory in the build. */
  readonly name: string;
  /** `A:B` means session B of client A, which becomes part of the name. */
  readonly session: string;
  /** Hashed unchanged; null if there are none. */
  readonly include: readonly (string | Uint8Array)[] | null;
  readonly exclude: readonly (string | Uint8Array)[] | null;
  readonly follow: readonly (string | Uint8Array)[] | null;
  /** Only metadata is transferred, except for paths that match these patterns. */
  readonly metadata?: { readonly exceptions: readonly string[] } | undefined;
}

/** The key, its digest and the JSON that is hashed. */
export function definitionKey(definition: LocalDefinition): { key: string; pin: string; preimage: string } {
  const { include, exclude, follow, metadata } = definition;
  const colon = definition.session.indexOf(':');
  const name = colon < 0 ? definition.name : `${definition.session.slice(0, colon)}-${definition.name}`;
  const preimage = encodeGoJson({
    SessionID: definition.session.slice(colon + 1),
    IncludePatterns: include,
    ExcludePatterns: exclude,
    FollowPaths: follow,
    MetadataTransfer: metadata === undefined ? undefined : true,
    MetadataExceptions: metadata === undefined || metadata.exceptions.length === 0 ? undefined : metadata.exceptions,
  });
  const pin = sha256(preimage);
  return { key: `session:${name}:${pin}`, pin, preimage };
}
