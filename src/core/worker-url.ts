declare const __CTXSRC_BUNDLED__: boolean | undefined;

/**
 * Where the code of a worker, or of another process, lies. They are built as entry points of their own at the top of
 * `dist/`; the caller is a bundle beside them, or, when the sources are run by a test, in `src/<folder>/`.
 */
export function workerUrl(name: 'worker-hash' | 'worker-unpack' | 'worker-clone' | 'conformance-child'): URL {
  const here = import.meta.url;
  if (typeof __CTXSRC_BUNDLED__ === 'boolean') {
    return new URL(`./${name}.js`, here);
  }
  return new URL(`../../dist/${name}.js`, here);
}
