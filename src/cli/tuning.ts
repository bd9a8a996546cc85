import { setFlagsFromString } from 'node:v8';
import type { ProgressEvent } from '../core/progress.ts';
import type { Reporter } from './reporter.ts';

/**
 * Sets V8 up when a run has begun to move or hash something: one of a second or two does not get back what V8 takes to
 * optimise so much code, so it shall wait eight times as long. Later versions have other rules for it, and no such flag.
 * Runs that only ask are spared `node:v8`.
 */
export function tunedForWork(reporter: Reporter): Reporter {
  let tuned = !process.versions.v8.startsWith('11.');
  return {
    emit(event) {
      if (!tuned && isWork(event)) {
        tuned = true;
        setFlagsFromString('--interrupt-budget=1000000');
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
