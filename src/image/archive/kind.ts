/** What a tar file is that is not the image archive it was taken for. */
import { shellWord } from '../../core/shell-word.ts';
import type { ArchiveFile } from './file.ts';

/** Folders at the root of a system. */
const OF_A_SYSTEM = /^(?:bin|dev|etc|home|lib|lib64|opt|root|sbin|tmp|usr|var)(?:\/|$)/;

/** The hint for a tar file without what an archive of its scheme has: what it is instead, and the way that works. */
export function archiveHint(file: ArchiveFile, otherwise: string): string {
  const word = shellWord(file.path);
  if (file.find('manifest.json') !== undefined)
    return `it is an image as docker save writes it: docker-archive://${word}`;
  if (file.find('oci-layout') !== undefined) return `it is an OCI layout: oci-archive://${word}`;
  if (file.find('repositories') !== undefined) {
    return `it is an image as docker before 1.10 saved it: docker load -i ${word}, then docker save -o NEW.tar NAME`;
  }
  if (file.some((name) => OF_A_SYSTEM.test(name))) {
    return `it is a tree of files, as docker export writes it: mkdir DIR && tar -xf ${word} -C DIR, then name DIR`;
  }
  return otherwise;
}
