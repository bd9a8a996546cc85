/** An OCI image layout in a tar file (image-spec, image-layout.md), read in place. */
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { TarMember } from '../../layer/tar/index-of-members.ts';
import { checkMarker, indexEntries, type Layout, MAX_INDEX_BYTES, MAX_LAYOUT_FILE_BYTES } from '../layout/directory.ts';
import { openArchive } from './file.ts';
import { archiveHint } from './kind.ts';

/**
 * Opens an archive and checks the marker of its layout.
 * @throws E_LAYOUT_INVALID, and those of `openArchive`
 */
export async function openArchiveLayout(
  path: string,
  job: JobContext,
  env: Pick<SourceEnv, 'store' | 'limits'>,
): Promise<Layout> {
  const file = await openArchive(path, job, env);
  const invalid = (problem: string): CtxsrcError =>
    new CtxsrcError('E_LAYOUT_INVALID', `${path} is no valid OCI archive: ${problem}`, {
      hint: archiveHint(file, 'an OCI archive is a tar file of an OCI layout'),
    });

  async function required(name: string, maxBytes: number): Promise<Buffer> {
    const member = file.find(name);
    if (member === undefined) throw invalid(`it has no file ${name}`);
    return file.readMember(member, maxBytes, name);
  }

  function blob(digest: Digest): TarMember {
    const member = file.find(`blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`);
    if (member !== undefined) return member;
    throw new CtxsrcError('E_BLOB_NOT_FOUND', `blob ${digest} is missing in the OCI archive ${path}`, {
      hint: 'make the archive again, with all platforms that are needed',
    });
  }

  checkMarker(await required('oci-layout', MAX_LAYOUT_FILE_BYTES), invalid);
  return {
    async entries() {
      const entries = indexEntries(await required('index.json', MAX_INDEX_BYTES), invalid);
      if (entries.length > 0 || file.find('manifest.json') === undefined) return entries;
      // docker saves an image that was named by its digest in this form.
      const hint = archiveHint(file, '');
      throw new CtxsrcError('E_NOT_FOUND', `index.json in the OCI archive ${path} lists no image`, { hint });
    },
    readBlob: async (digest, maxBytes) => file.readMember(blob(digest), maxBytes, `blob ${digest}`),
    blobSize: async (digest) => blob(digest).size,
    streamBlob: (digest, start) => file.stream(blob(digest), start),
  };
}
