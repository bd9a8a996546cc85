declare const __CTXSRC_BUNDLED__: boolean | undefined;
declare const __CTXSRC_SINGLE_FILE__: boolean | undefined;

/** The entry points of threads. */
export type WorkerName = 'worker-hash' | 'worker-unpack' | 'worker-clone';

/**
 * The URL of the code of a worker, or of another process. Each is built as an entry point of its own at the top of
 * `dist/`. The caller is a bundle beside them or, when a test runs the sources, this file. The single-file bundle holds
 * all entry points and chooses by the query of its own URL, which only an import keeps.
 */
export function workerUrl(name: WorkerName | 'conformance-child'): URL {
  const here = import.meta.url;
  if (typeof __CTXSRC_SINGLE_FILE__ === 'boolean') {
    const self = new URL(here);
    self.search = name;
    return new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(self.href)};`)}`);
  }
  // CommonJS, because a thread starts sooner with it.
  const file = name === 'conformance-child' ? `${name}.js` : `${name}.cjs`;
  return new URL(typeof __CTXSRC_BUNDLED__ === 'boolean' ? `./${file}` : `../../../dist/${file}`, here);
}
