/** What each exit code means, for help, manual and documentation. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'a defect of ctxsrc',
  2: 'usage: a flag or reference is wrong, or a tag is ambiguous',
  3: 'not found: source, tag, path or blob, or missing with --offline',
  4: 'credentials or TLS trust',
  5: 'integrity: digest, size, diff ID, malformed image or archive, a snapshot that differs',
  6: 'drift: lock file or --checksum',
  7: 'no such platform',
  8: 'refused: unsafe, over a limit, or lossy or incomplete under --strict',
  9: 'the target exists and is something else',
  74: 'local I/O: disk full, permission',
  75: 'temporary: network, server, stalled, lock held too long',
  76: 'rate limit that does not clear in time',
  130: 'interrupted (SIGINT)',
  143: 'terminated (SIGTERM)',
};
