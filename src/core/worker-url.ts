import type { WorkerOptions } from 'node:worker_threads';

declare const __CTXSRC_BUNDLED__: boolean | undefined;
declare const __CTXSRC_SINGLE_FILE__: boolean | undefined;

/**
 * Where the code of a worker, or of another process, lies. They are built as entry points of their own at the top of
 * `dist/`; the caller is a bundle beside them, or, when the sources are run by a test, in `src/<folder>/`. The
 * single-file bundle is all of them: it looks at the query of its own URL, which only an import keeps.
 */
export function workerUrl(name: 'worker-hash' | 'worker-unpack' | 'worker-clone' | 'conformance-child'): URL {
  const here = import.meta.url;
  if (typeof __CTXSRC_SINGLE_FILE__ === 'boolean') {
    const self = new URL(here);
    self.search = name;
    return new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(self.href)};`)}`);
  }
  // A thread starts sooner with a CommonJS module.
  const file = name === 'conformance-child' ? `${name}.js` : `${name}.cjs`;
  return new URL(typeof __CTXSRC_BUNDLED__ === 'boolean' ? `./${file}` : `../../dist/${file}`, here);
}

/**
 * Megabytes of a thread's heap for what is new, a sixteenth of Node's own limit. What our threads make is gone at once or
 * stays: more room only takes fresh pages, which cost more than the collections that they save.
 */
const YOUNG_GENERATION = 3;

/** What every thread is started with. */
export function workerOptions(): Pick<WorkerOptions, 'execArgv' | 'resourceLimits'> {
  return { execArgv: workerArguments(), resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION } };
}

/**
 * Node's own arguments for a worker: undefined, with which it inherits those of the process, but where one of them is
 * refused for code from a file. (Given as a list, even V8's would be.)
 */
function workerArguments(): string[] | undefined {
  const kept = process.execArgv.filter((argument) => !argument.startsWith('--input-type'));
  return kept.length === process.execArgv.length ? undefined : kept;
}
