declare const __CTXSRC_BUNDLED__: boolean | undefined;
declare const __CTXSRC_SINGLE_FILE__: boolean | undefined;

/** The entries of threads. */
export type WorkerName = 'worker-hash' | 'worker-unpack' | 'worker-clone';

/**
 * Where the code of a worker, or of another process, lies. They are built as entry points of their own at the top of
 * `dist/`; the caller is a bundle beside them, or, when the sources are run by a test, this file. The
 * single-file bundle is all of them: it looks at the query of its own URL, which only an import keeps.
 */
export function workerUrl(name: WorkerName | 'conformance-child'): URL {
  const here = import.meta.url;
  if (typeof __CTXSRC_SINGLE_FILE__ === 'boolean') {
    const self = new URL(here);
    self.search = name;
    return new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(self.href)};`)}`);
  }
  // A thread starts sooner with a CommonJS module.
  const file = name === 'conformance-child' ? `${name}.js` : `${name}.cjs`;
  return new URL(typeof __CTXSRC_BUNDLED__ === 'boolean' ? `./${file}` : `../../../dist/${file}`, here);
}
