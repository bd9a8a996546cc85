import { setFlagsFromString } from 'node:v8';
import type { ProgressEvent } from '../core/progress.ts';
import type { Reporter } from './progress/reporter.ts';

/**
 * Tunes V8 for short runs that do work; other runs need not load `node:v8`.
 *
 * undici parses HTTP with WebAssembly, which V8 would optimise in the background after the first response, and a short
 * run would wait for that at its end. Optimising JavaScript does not pay in a run of a second or two either, so its
 * budget is raised eightfold (later versions of V8 have other rules, and no such flag).
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

/** Hashing a directory counts as work only if it takes long. */
function isWork(event: ProgressEvent): boolean {
  return event.type === 'advance' || (event.type === 'start' && event.phase !== 'resolve' && event.phase !== 'hash');
}
