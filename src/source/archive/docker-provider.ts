/**
 * An image in a tar file of `docker save`, read in place. `manifest.json` names a configuration and layers by their
 * paths, without digests. The digest of an uncompressed layer is its diff ID; any other is in the path or is computed.
 * A manifest is made from them, so that the rest of the program sees an image like any other.
 */
import { createHash } from 'node:crypto';
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import { type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { CtxsrcError, type ErrorCode } from '../../core/errors.ts';
import * as go from '../../core/go/json-decode.ts';
import { Once } from '../../core/once.ts';
import { listed, shortened } from '../../core/printable.ts';
import { DEFAULT_MAX_BYTES, tooManyBytes } from '../../core/read-limits.ts';
import { shellWord } from '../../core/shell-word.ts';
import { type ArchiveFile, openArchive } from '../../image/archive/file.ts';
import { archiveHint } from '../../image/archive/kind.ts';
import type { ContentProvider } from '../../image/provider.ts';
import { detectCompression } from '../../layer/compress/decompress.ts';
import type { TarMember } from '../../layer/tar/index-of-members.ts';
import { decodeConfig, MAX_DOCUMENT_BYTES } from '../../oci/decode.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import { formatReference, parseNormalizedReference, withDefaultTag } from '../../oci/reference.ts';
import type { Descriptor } from '../../oci/types.ts';
import { formatLayoutReference, type LayoutReference } from '../layout-reference.ts';

/** An entry of `manifest.json`. */
interface SavedImage {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

const manifestFile = go.list(go.struct({ Config: go.text, RepoTags: go.list(go.text), Layers: go.list(go.text) }));

const AGAIN = 'save the image again: docker save -o FILE NAME';

/** The selected image, and where its blobs lie. */
interface Opened {
  readonly root: Descriptor;
  readonly documents: ReadonlyMap<Digest, Uint8Array>;
  readonly layers: ReadonlyMap<Digest, TarMember>;
}

export function dockerArchiveProvider(reference: LayoutReference, env: SourceEnv): ContentProvider {
  const { path } = reference;
  const archive = new Once<ArchiveFile>();
  const image = new Once<Opened>();
  /** Layers whose digest had to be computed, by their offset in the file. */
  const hashed = new Map<number, { readonly digest: Digest; readonly size: number }>();

  const archiveOf = (job: JobContext) => archive.runFor(job.signal, () => openArchive(path, job, env));

  function open(job: JobContext): Promise<Opened> {
    return image.runFor(job.signal, async () => {
      const file = await archiveOf(job);
      const { Config, Layers } = choose(await imagesOf(file), reference);
      const configBytes = await documentOf(file, Config);
      const config: Descriptor = {
        mediaType: MEDIA_TYPE.dockerConfig,
        digest: sha256(configBytes),
        size: configBytes.length,
      };
      const { rootfs } = decodeConfig(configBytes, `${shortened(Config)} of ${path}`).value;
      const layers = new Map<Digest, TarMember>();
      const descriptors: Descriptor[] = [];
      for (const [index, name] of Layers.entries()) {
        const member = file.find(name);
        if (member === undefined)
          throw invalid(`manifest.json names the layer ${JSON.stringify(shortened(name))}, which is not there`);
        const descriptor = await layerDescriptor(job, file, name, member, rootfs.diffIds[index]);
        layers.set(descriptor.digest, member);
        descriptors.push(descriptor);
      }
      const mediaType = MEDIA_TYPE.dockerManifest;
      const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: descriptors }));
      const root: Descriptor = { mediaType, digest: sha256(manifest), size: manifest.length };
      const documents = new Map<Digest, Uint8Array>([
        [root.digest, manifest],
        [config.digest, configBytes],
      ]);
      return { root, documents, layers };
    });
  }

  async function layerDescriptor(
    job: JobContext,
    file: ArchiveFile,
    name: string,
    member: TarMember,
    diffId: string | undefined,
  ): Promise<Descriptor> {
    const { size } = member;
    const compression = detectCompression(await firstBytes(file, member));
    const mediaType = compression === 'none' ? MEDIA_TYPE.dockerLayerTar : MEDIA_TYPE.dockerLayerGzip;
    if (compression === 'none' && diffId !== undefined && isDigest(diffId)) return { mediaType, digest: diffId, size };
    const named = /(?:^|\/)blobs\/(sha256)\/([0-9a-f]{64})$/.exec(name);
    if (named !== null) return { mediaType, digest: `${named[1]}:${named[2]}`, size };
    return { mediaType, digest: await digestOf(job, file, member), size };
  }

  /**
   * Read once, however often `manifest.json` names it.
   * @throws E_LIMIT when more bytes are read this way than `--max-bytes`
   */
  async function digestOf(job: JobContext, file: ArchiveFile, { offset, size }: TarMember): Promise<Digest> {
    const known = hashed.get(offset);
    if (known !== undefined) return known.digest;
    const maxBytes = env.limits?.maxBytes ?? DEFAULT_MAX_BYTES;
    const sum = [...hashed.values()].reduce((all, one) => all + one.size, size);
    if (sum > maxBytes) throw tooManyBytes(`what has to be read of ${path}`, maxBytes, sum);
    const hash = createHash('sha256');
    for await (const chunk of file.stream({ offset, size }, 0)) {
      job.signal.throwIfAborted();
      hash.update(chunk);
    }
    const digest: Digest = `sha256:${hash.digest('hex')}`;
    hashed.set(offset, { digest, size });
    return digest;
  }

  async function imagesOf(file: ArchiveFile): Promise<readonly SavedImage[]> {
    const bytes = await documentOf(file, 'manifest.json');
    return go.decodeGoJson(bytes, manifestFile, (problem) => invalid(`manifest.json: ${problem}`));
  }

  async function documentOf(file: ArchiveFile, name: string): Promise<Buffer> {
    const member = file.find(name);
    if (member === undefined) throw invalid(`it has no file ${JSON.stringify(shortened(name))}`, file);
    return file.readMember(member, MAX_DOCUMENT_BYTES, shortened(name));
  }

  function invalid(problem: string, file?: ArchiveFile): CtxsrcError {
    const hint = file !== undefined && file.find('manifest.json') === undefined ? archiveHint(file, AGAIN) : AGAIN;
    const message = `${path} is no image as docker save writes it: ${problem}`;
    return new CtxsrcError('E_LAYOUT_INVALID', message, { hint });
  }

  /** What a digest of the image stands for. */
  function there<T>(known: ReadonlyMap<Digest, T>, digest: Digest): T {
    const found = known.get(digest);
    if (found !== undefined) return found;
    throw new CtxsrcError('E_BLOB_NOT_FOUND', `there is no ${digest} in ${path}`, { hint: AGAIN });
  }

  return {
    phase: 'copy',
    storeName: formatLayoutReference(reference, 'docker-archive'),
    resolve: async (job) => (await open(job)).root,
    document: async (job, { digest }) => there((await open(job)).documents, digest),
    async layer(job, { digest }, { offset }) {
      const member = there((await open(job)).layers, digest);
      return { body: (await archiveOf(job)).stream(member, offset), offset };
    },
    candidates: async (job) => candidatesOf(await imagesOf(await archiveOf(job))),
  };
}

/** Enough bytes to detect the compression. */
async function firstBytes(file: ArchiveFile, member: TarMember): Promise<Buffer> {
  const start: TarMember = { offset: member.offset, size: Math.min(member.size, 16) };
  return file.readMember(start, 16, 'a layer');
}

function candidatesOf(images: readonly SavedImage[]): readonly string[] {
  return images.flatMap(({ RepoTags, Config }) => (RepoTags.length === 0 ? [`(untagged: ${Config})`] : RepoTags));
}

/**
 * The image with that name: `alpine:3.20` as it was saved, an equivalent spelling, or its tag alone. Without a name
 * `latest`, else the only image.
 */
function choose(images: readonly SavedImage[], { path, tag }: LayoutReference): SavedImage {
  const details = { candidates: candidatesOf(images) };
  const there = `there is ${listed(details.candidates)}`;
  const refused = (code: ErrorCode, problem: string) =>
    new CtxsrcError(code, `${problem}: ${there}`, { hint: namingHint(path, images), details });
  if (images.length === 0) throw new CtxsrcError('E_NOT_FOUND', `${path} holds no image`);
  const found = images.filter(({ RepoTags }) => RepoTags.some((name) => isNamed(name, tag ?? 'latest')));
  const distinct = new Set(found.map(({ Config }) => Config));
  if (distinct.size > 1) throw refused('E_TAG_AMBIGUOUS', `${tag ?? 'latest'} means several images in ${path}`);
  if (found[0] !== undefined) return found[0];
  if (tag !== undefined) throw refused('E_TAG_NOT_FOUND', `there is no image ${tag} in ${path}`);
  if (images.length > 1) throw refused('E_TAG_AMBIGUOUS', `${path} holds several images and none is latest`);
  return images[0] as SavedImage;
}

/** References to type: names that identify one image of the archive. */
function namingHint(path: string, images: readonly SavedImage[]): string {
  const count = new Map<string, number>();
  for (const { RepoTags } of images) for (const name of RepoTags) count.set(name, (count.get(name) ?? 0) + 1);
  const once = [...count.keys()].find((name) => count.get(name) === 1 && isName(name));
  if (once !== undefined) return `name one of them: ${shellWord(`docker-archive://${path}:${once}`)}`;
  return images.length === 1
    ? `name it by its path alone: ${shellWord(`docker-archive://${path}`)}`
    : 'save the image by itself: docker save -o FILE NAME';
}

/** True if Docker would accept it as the name of an image. */
function isName(text: string): boolean {
  try {
    return normal(text) !== '';
  } catch {
    return false;
  }
}

function isNamed(saved: string, asked: string): boolean {
  if (saved === asked || saved.slice(saved.lastIndexOf(':') + 1) === asked) return true;
  // A name that Docker would not accept has to match exactly.
  return isName(saved) && isName(asked) && normal(saved) === normal(asked);
}

function normal(name: string): string {
  return formatReference(withDefaultTag(parseNormalizedReference(name)));
}
