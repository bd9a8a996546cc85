/** Writing an entry: the blobs, then the manifest under its tag. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { JobContext } from '../../contract/session.ts';
import type { SharedContent } from '../../contract/shared-cache.ts';
import type { NetworkOptions } from '../../contract/source.ts';
import { type Digest, hasherFor, sha256 } from '../../core/digest.ts';
import type { RepositoryName } from '../mirrors.ts';
import { type BlobContent, blobOf, contentOfFile, type OutgoingBlob } from '../push/blob.ts';
import { createPushClient } from '../push/client.ts';
import { entryOf, LARGEST_ENTRY, tagOf } from './entry.ts';
import type { Advance } from './patience.ts';

interface PutOptions extends Advance {
  /** The content is sent even if the registry says that it has it: what it has is wrong. */
  readonly anew: boolean;
}

export interface Writer {
  /** True if the tag of the entry is there. One request. Errors: as `RegistryClient.resolve`. */
  has(job: JobContext, content: SharedContent): Promise<boolean>;
  /**
   * Puts an entry, whatever is there.
   * @throws those of `PushClient`
   */
  put(job: JobContext, content: SharedContent, path: string, options: PutOptions): Promise<void>;
  close(): Promise<void>;
}

export function createWriter(network: NetworkOptions, name: RepositoryName): Writer {
  const client = createPushClient({ network, name, from: undefined });
  return {
    async has(job, content) {
      return (await client.tagged(job, sha256(''), tagOf(content))) !== undefined;
    },
    async put(job, content, path, { anew, passed, answered }) {
      const { size } = await stat(path);
      if (size > LARGEST_ENTRY) return;
      const digest = content.kind === 'body' ? (content.pin as Digest) : await digestOfFile(path, job.signal, answered);
      const { manifest, config } = entryOf(content, { digest, size });
      const sent = async () => counting(contentOfFile(path), passed);
      const blobs = [{ digest, size, kind: 'content', content: sent }, blobOf(config, 'configuration')];
      const upload = async (blob: OutgoingBlob): Promise<void> => {
        await client.upload(job, blob);
        answered();
      };
      for (const blob of blobs) {
        if (!(anew && blob.kind === 'content')) {
          const isThere = await client.hasBlob(job, blob);
          answered();
          if (isThere) continue;
        }
        await upload(blob);
      }
      await client.put(job, manifest, tagOf(content), async () => {
        for (const blob of blobs) await upload(blob);
      });
    },
    close: () => client.close(),
  };
}

function counting(content: BlobContent, passed: (bytes: number) => void): BlobContent {
  return {
    async *open(start, end) {
      for await (const piece of content.open(start, end)) {
        passed(piece.length);
        yield piece;
      }
    },
  };
}

/** @param alive called again and again, until the signal ends the work */
async function digestOfFile(path: string, signal: AbortSignal, alive: () => void): Promise<Digest> {
  const hash = hasherFor(sha256(''));
  for await (const piece of createReadStream(path)) {
    signal.throwIfAborted();
    hash.update(piece as Buffer);
    alive();
  }
  return `sha256:${hash.digest('hex')}`;
}
