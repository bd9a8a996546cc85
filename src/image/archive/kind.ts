/** What a tar file is if it is not the expected kind of image archive. */
import { shellWord } from '../../core/shell-word.ts';
import type { ArchiveFile } from './file.ts';

/** Directories at the root of an operating system. */
const OF_A_SYSTEM = /^(?:bin|dev|etc|home|lib|lib64|opt|root|sbin|tmp|usr|var)(?:\/|$)/;

/** The hint for a tar file that lacks what an archive of its scheme has: what it is instead, and what to type. */
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
