/**
 * The document whose digest is the key of a build. It holds digests and no values, so that it can stand in a log:
 * `docs/build.md` describes it. Its form changes with `VERSION` alone, for a new form is a new key of every build.
 */
import { type Digest, sha256 } from '../core/digest.ts';
import { encodeGoJson } from '../core/go/json-encode.ts';
import { stableJson } from '../core/stable-json.ts';
import type { ImageConfig } from '../dockerfile/graph/types.ts';
import type { Steps } from './step/steps.ts';

const VERSION = 1;

/** What is built for one platform. */
export interface BuiltPlatform {
  readonly platform: string;
  readonly steps: Steps;
  readonly imageConfig: ImageConfig;
}

/**
 * A front end that is not docker's own reads the Dockerfile, the options and the contexts as it likes: all of them
 * count.
 */
export interface ForeignFrontend {
  /** Content key and configuration of its image: what runs. */
  readonly image: string;
  readonly config: string;
  /** Of each input of the front end, by a name of ours, a digest or key. */
  readonly given: Readonly<Record<string, string>>;
}

export interface KeyedBuild {
  readonly platforms: readonly BuiltPlatform[];
  readonly foreign: ForeignFrontend | undefined;
  readonly salts: readonly (readonly [name: string, value: string])[];
}

/** The text of the document, and the key, which is the digest of its bytes. */
export function keyDocument({ platforms, foreign, salts }: KeyedBuild): { key: Digest; document: string } {
  const document = encodeGoJson({
    version: VERSION,
    platforms: platforms.map(({ platform, steps, imageConfig }) => ({
      platform,
      steps: steps.steps.map(({ operation, inputs }) => ({ operation, inputs: inputs.map((input) => ({ ...input })) })),
      result: steps.result && { ...steps.result },
      config: configDigest(imageConfig),
    })),
    frontend: foreign && { ...foreign, given: { ...foreign.given } },
    with: salts.length === 0 ? undefined : salts.map(([name, value]) => sha256(`${name}=${value}`)).sort(),
  });
  return { key: sha256(document), document };
}

/** Digest of an image's configuration without its times and its history, which no container sees. */
function configDigest({ history: _, created: __, ...config }: ImageConfig): Digest {
  return sha256(stableJson(config));
}
