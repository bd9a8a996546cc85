import { setFlagsFromString } from 'node:v8';
import type { ProgressEvent } from '../core/progress.ts';
import type { Reporter } from './progress/reporter.ts';

/**
 * Sets V8 up for short runs, when there is something to set: runs that only look or ask are spared `node:v8`.
 *
 * undici reads HTTP with WebAssembly, which V8 would optimise after the first answer, and a short run would wait for that
 * at its end. And a run of a second or two that moves or hashes something does not get back what V8 takes to optimise so
 * much code, so it shall wait eight times as long (later versions have other rules for it, and no such flag).
 */
export function tunedForWork(reporter: Reporter): Reporter {
  let works = false;
  return {
    emit(event) {
      if (!works && isWork(event)) {
        works = true;
        setFlagsFromString('--wasm-tiering-budget=1000000000');
        if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');
      }
      reporter.emit(event);
    },
    makeRoom: () => reporter.makeRoom(),
    close: () => reporter.close(),
  };
}

/** The hash of a directory is work only when it is not over at once. */
function isWork(event: ProgressEvent): boolean {
  return event.type === 'advance' || (event.type === 'start' && event.phase !== 'resolve' && event.phase !== 'hash');
}
